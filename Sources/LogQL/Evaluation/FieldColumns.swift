import Telemetry

/// Adds the fields of a record that is kept in typed columns as labels, with the names and values that
/// parsing its rendered line would give.
struct FieldColumns {
    /// What is known of the key of the n-th cell of a record: records of one kind have the same keys.
    private struct KnownKey {
        var key: StringID
        /// As a label's name.
        var path: [UInt8]
        var isWanted: Bool
    }

    private let wanted: WantedNames?
    private var known: [KnownKey] = []
    private var text: [UInt8] = []

    /// - Parameter wanted: names to add; `nil` adds all.
    init(wanted: WantedNames?) { self.wanted = wanted }

    /// Before the records of another batch.
    mutating func reset() { known.removeAll(keepingCapacity: true) }

    mutating func add(_ batch: borrowing LogBatch, row: Int, into labels: inout LineLabels) {
        let cells = batch.attributeRange(row)
        for cell in cells {
            let place = cell - cells.lowerBound
            learn(batch, batch.attributes.keys[cell], at: place)
            guard known[place].isWanted else { continue }
            let payload = batch.attributes.payloads[cell]
            switch batch.attributes.types[cell] {
            case .empty, .array: continue
            case .string:
                guard !known[place].path.isEmpty else { continue }
                batch.strings.withBytes(of: StringID(truncatingIfNeeded: payload)) { value in
                    known[place].path.withUnsafeBytes { labels.add(name: $0, value: value) }
                }
            case .map: addMap(batch, payload, known[place].path, into: &labels)
            case .int, .double, .bool, .bytes:
                addScalar(
                    batch, batch.attributes.types[cell], payload, known[place].path, into: &labels)
            }
        }
    }

    @inline(__always)
    private mutating func learn(_ batch: borrowing LogBatch, _ key: StringID, at place: Int) {
        if place < known.count, known[place].key == key { return }
        var path: [UInt8] = []
        batch.strings.withBytes(of: key) { SanitizedName.append($0, to: &path) }
        let found = KnownKey(
            key: key, path: path, isWanted: wanted.map { $0.mayBeInside(path) } ?? true)
        if place < known.count {
            known[place] = found
        } else {
            known.append(found)
        }
    }

    private mutating func addMap(
        _ batch: borrowing LogBatch, _ payload: UInt64, _ path: [UInt8],
        into labels: inout LineLabels
    ) {
        render(batch, .map, payload)
        text.withUnsafeBytes { text in
            var flattener = JSONFlattener(text, path: path)
            if !flattener.run(into: &labels), !text.elementsEqual("null".utf8) {
                labels.fail(.json, flattener.mistake)
            }
        }
    }

    /// As in JSON, without quotes.
    private mutating func addScalar(
        _ batch: borrowing LogBatch, _ type: AttributeType, _ payload: UInt64, _ path: [UInt8],
        into labels: inout LineLabels
    ) {
        guard !path.isEmpty else { return }
        render(batch, type, payload)
        text.withUnsafeBytes { text in
            let isQuoted = text.first == UInt8(ascii: "\"")
            let content = isQuoted ? 1..<(text.count - 1) : 0..<text.count
            path.withUnsafeBytes {
                labels.add(name: $0, value: UnsafeRawBufferPointer(rebasing: text[content]))
            }
        }
    }

    private mutating func render(
        _ batch: borrowing LogBatch, _ type: AttributeType, _ payload: UInt64
    ) {
        text.removeAll(keepingCapacity: true)
        JSONText.append(type: type, payload: payload, strings: batch.strings, to: &text)
    }
}
