import Telemetry

extension SpanBatch {
    /// Names the attributes of a span, and of its events, whose values were cut, separated by commas.
    package static let cutAttributesKey = "sidelight.cut_attributes"

    /// Cuts texts that are values of attributes of spans and events to at most `limit` bytes, between two
    /// characters, and notes on the span which were. Bytes, arrays and maps are left as they are.
    /// - Returns: how many values were cut.
    mutating func cutTexts(longerThan limit: Int) -> Int {
        var cuts = LongTextCuts(strings, limit: limit)
        guard !cuts.isEmpty else { return 0 }
        var columns = AttributeColumns()
        columns.reserveCapacity(attributes.count)
        var ends: [UInt32] = []
        ends.reserveCapacity(count)
        for row in 0..<count {
            var keys: [StringID] = []
            for event in eventRange(row) {
                for cell in events.attributeRange(event) {
                    if cuts.cut(cell, of: &events.attributes, &strings) {
                        keys.append(events.attributes.keys[cell])
                    }
                }
            }
            for cell in attributeRange(row) {
                if cuts.cut(cell, of: &attributes, &strings) { keys.append(attributes.keys[cell]) }
                columns.append(
                    key: attributes.keys[cell], type: attributes.types[cell],
                    payload: attributes.payloads[cell])
            }
            if !keys.isEmpty {
                let names = keys.map { strings[$0] }.joined(separator: ",")
                columns.append(key: Self.cutAttributesKey, value: .string(names), strings: &strings)
            }
            ends.append(UInt32(truncatingIfNeeded: columns.count))
        }
        attributes = columns
        attributeEnds = ends
        return cuts.count
    }
}

/// Texts of a batch that are too long, and what they were cut to.
private struct LongTextCuts {
    /// By the id of the long text; `nil` until it is needed.
    private var shortened: [StringID: StringID?] = [:]
    private let limit: Int
    private(set) var count = 0

    init(_ strings: StringTable, limit: Int) {
        self.limit = limit
        guard strings.byteCount > limit else { return }
        for index in 0..<strings.count {
            let id = StringID(truncatingIfNeeded: index)
            if strings.range(of: id).count > limit { shortened[id] = .some(nil) }
        }
    }

    var isEmpty: Bool { shortened.isEmpty }

    /// Whether the cell held a text that was too long.
    mutating func cut(
        _ cell: Int, of columns: inout AttributeColumns, _ strings: inout StringTable
    ) -> Bool {
        guard columns.types[cell] == .string else { return false }
        let id = StringID(truncatingIfNeeded: columns.payloads[cell])
        guard let known = shortened[id] else { return false }
        let short = known ?? strings.intern(bytes: head(of: id, strings))
        shortened[id] = .some(short)
        columns.payloads[cell] = UInt64(short)
        count += 1
        return true
    }

    private func head(of id: StringID, _ strings: StringTable) -> [UInt8] {
        strings.withBytes(of: id) { bytes in
            var end = limit
            // No byte of the form 10xxxxxx begins a character.
            while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
            return Array(bytes[..<end])
        }
    }
}
