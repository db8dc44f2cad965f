/// How long lines are, without rendering what is written the same way over and over.
extension LogLine {
    /// Bytes of the line of each record.
    /// - Complexity: O(attributes and bytes of distinct strings); maps and arrays are rendered.
    package static func byteCounts(of batch: LogBatch) -> [UInt32] {
        var counter = LineByteCounter(batch)
        return (0..<batch.count).map { UInt32(clamping: counter.count(row: $0)) }
    }
}

private struct LineByteCounter {
    private let batch: LogBatch
    /// Bytes of each string in JSON, with quotes; 0 before they are known.
    private var quoted: [UInt32]
    private var text: [UInt8] = []

    init(_ batch: LogBatch) {
        self.batch = batch
        quoted = [UInt32](repeating: 0, count: batch.strings.count)
    }

    mutating func count(row: Int) -> Int {
        let type = batch.bodyTypes[row]
        if type == .string {
            let id = StringID(truncatingIfNeeded: batch.bodyPayloads[row])
            return batch.strings.range(of: id).count
        }
        guard type == .empty else {
            text.removeAll(keepingCapacity: true)
            LogLine.append(batch, row: row, to: &text)
            return text.count
        }
        let cells = batch.attributeRange(row)
        let spacing = LineSpacing(flags: batch.flags[row])
        // Braces, colons, and commas between members, with spaces behind them.
        var count =
            2 + cells.count * (spacing.contains(.afterColons) ? 2 : 1)
            + max(0, cells.count - 1) * (spacing.contains(.afterCommas) ? 2 : 1)
        for cell in cells {
            count += quotedCount(batch.attributes.keys[cell]) + valueCount(cell, spacing)
        }
        return count
    }

    @inline(__always)
    private mutating func valueCount(_ cell: Int, _ spacing: LineSpacing) -> Int {
        let payload = batch.attributes.payloads[cell]
        switch batch.attributes.types[cell] {
        case .string: return quotedCount(StringID(truncatingIfNeeded: payload))
        case .int: return Self.digits(Int64(bitPattern: payload))
        case .empty: return 4
        case .bool: return payload == 0 ? 5 : 4
        case let type:
            text.removeAll(keepingCapacity: true)
            JSONText.append(
                type: type, payload: payload, strings: batch.strings, spacing: spacing, to: &text)
            return text.count
        }
    }

    @inline(__always)
    private mutating func quotedCount(_ id: StringID) -> Int {
        if quoted[Int(id)] > 0 { return Int(quoted[Int(id)]) }
        let count = batch.strings.withBytes(of: id) { content in
            if JSONText.firstEscape(in: content, from: 0) == content.count {
                return content.count + 2
            }
            text.removeAll(keepingCapacity: true)
            JSONText.append(string: content, to: &text)
            return text.count
        }
        quoted[Int(id)] = UInt32(clamping: count)
        return count
    }

    /// Decimal digits and the sign.
    @inline(__always)
    private static func digits(_ number: Int64) -> Int {
        var rest = number.magnitude
        var count = number < 0 ? 2 : 1
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }
}
