/// Renders many lines of one batch, as `LogLine` renders each: what they have in common, the names of members
/// and which strings need no escapes, is looked at once.
package struct LineRenderer {
    /// Whether a string stands in JSON as it is.
    private enum Form: UInt8 {
        case unknown, plain, escaped
    }

    private let batch: LogBatch
    /// By string.
    private var forms: [Form]
    /// The key of the n-th member of the line before, and where its prefix is: lines of one kind have the
    /// same keys.
    private var members: [(key: StringID, prefix: Range<Int>)] = []
    private var prefixOfKey: [StringID: Range<Int>] = [:]
    /// `,"key":` of all keys.
    private var prefixes: [UInt8] = []

    private static let digitsMax = 20

    package init(_ batch: LogBatch) {
        self.batch = batch
        forms = [Form](repeating: .unknown, count: batch.strings.count)
    }

    /// Appends the line of record `row`, without a line end.
    package mutating func append(row: Int, to output: inout [UInt8]) {
        guard batch.bodyTypes[row] == .empty, LineSpacing(flags: batch.flags[row]).isEmpty,
            let room = room(row)
        else { return LogLine.append(batch, row: row, to: &output) }
        let cells = batch.attributeRange(row)
        output.append(addingCapacity: room) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                guard let start = buffer.baseAddress else { return }
                let end = write(cells, to: UnsafeMutableRawPointer(start))
                count = end - UnsafeMutableRawPointer(start)
            }
        }
    }

    /// Bytes that the line takes at most; `nil` if it has members that are not simply copied.
    @inline(__always)
    private mutating func room(_ row: Int) -> Int? {
        let cells = batch.attributeRange(row)
        var room = 2
        for cell in cells {
            room += prefix(of: batch.attributes.keys[cell], at: cell - cells.lowerBound).count
            switch batch.attributes.types[cell] {
            case .string:
                let id = StringID(truncatingIfNeeded: batch.attributes.payloads[cell])
                guard isPlain(id) else { return nil }
                room += batch.strings.range(of: id).count + 2
            case .int: room += Self.digitsMax
            case .bool, .empty: room += 5
            case .double, .bytes, .array, .map: return nil
            }
        }
        return room
    }

    @inline(__always)
    private mutating func isPlain(_ id: StringID) -> Bool {
        if forms[Int(id)] == .unknown {
            forms[Int(id)] = batch.strings.withBytes(of: id) {
                JSONText.firstEscape(in: $0, from: 0) == $0.count ? .plain : .escaped
            }
        }
        return forms[Int(id)] == .plain
    }

    @inline(__always)
    private mutating func prefix(of key: StringID, at place: Int) -> Range<Int> {
        if place < members.count, members[place].key == key { return members[place].prefix }
        return learn(key, at: place)
    }

    private mutating func learn(_ key: StringID, at place: Int) -> Range<Int> {
        let prefix = prefixOfKey[key] ?? newPrefix(of: key)
        // Places are asked for in order.
        if place < members.count {
            members[place] = (key, prefix)
        } else {
            members.append((key, prefix))
        }
        return prefix
    }

    private mutating func newPrefix(of key: StringID) -> Range<Int> {
        let start = prefixes.count
        prefixes.append(UInt8(ascii: ","))
        let strings = batch.strings
        strings.withBytes(of: key) { JSONText.append(string: $0, to: &prefixes) }
        prefixes.append(UInt8(ascii: ":"))
        prefixOfKey[key] = start..<prefixes.count
        return start..<prefixes.count
    }

    /// Writes the object of some cells whose prefixes are known.
    /// - Returns: its end.
    private func write(
        _ cells: Range<Int>, to start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        prefixes.withUnsafeBytes { prefixes in
            batch.strings.bytes.withUnsafeBytes { texts in
                var out = start
                for cell in cells {
                    let prefix = members[cell - cells.lowerBound].prefix
                    Self.put(prefixes, prefix, &out)
                    write(
                        batch.attributes.types[cell], batch.attributes.payloads[cell], texts, &out)
                }
                if cells.isEmpty { Self.put(UInt8(ascii: "{"), &out) }
                // In the place of the comma before the first member.
                start.storeBytes(of: UInt8(ascii: "{"), as: UInt8.self)
                Self.put(UInt8(ascii: "}"), &out)
                return out
            }
        }
    }

    @inline(__always)
    private func write(
        _ type: AttributeType, _ payload: UInt64, _ texts: UnsafeRawBufferPointer,
        _ out: inout UnsafeMutableRawPointer
    ) {
        switch type {
        case .string:
            Self.put(UInt8(ascii: "\""), &out)
            Self.put(
                texts, batch.strings.range(of: StringID(truncatingIfNeeded: payload)), &out)
            Self.put(UInt8(ascii: "\""), &out)
        case .int: Self.put(Int64(bitPattern: payload), &out)
        case .bool: Self.put(payload == 0 ? "false" : "true", &out)
        default: Self.put("null", &out)
        }
    }

    // MARK: Bytes

    @inline(__always)
    private static func put(_ byte: UInt8, _ out: inout UnsafeMutableRawPointer) {
        out.storeBytes(of: byte, as: UInt8.self)
        out += 1
    }

    @inline(__always)
    private static func put(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ out: inout UnsafeMutableRawPointer
    ) {
        guard let start = bytes.baseAddress, !range.isEmpty else { return }
        out.copyMemory(from: start + range.lowerBound, byteCount: range.count)
        out += range.count
    }

    @inline(__always)
    private static func put(_ text: StaticString, _ out: inout UnsafeMutableRawPointer) {
        out.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        out += text.utf8CodeUnitCount
    }

    @inline(__always)
    private static func put(_ number: Int64, _ out: inout UnsafeMutableRawPointer) {
        if number < 0 { put(UInt8(ascii: "-"), &out) }
        var rest = number.magnitude
        var count = 1
        var bound: UInt64 = 10
        while count < 19, rest >= bound {
            count &+= 1
            bound &*= 10
        }
        for place in stride(from: count &- 1, through: 0, by: -1) {
            let digit = UInt8(truncatingIfNeeded: rest % 10)
            out.storeBytes(of: UInt8(ascii: "0") &+ digit, toByteOffset: place, as: UInt8.self)
            rest /= 10
        }
        out += count
    }
}
