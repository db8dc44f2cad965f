import Telemetry

/// Builds the compact byte form of arrays and maps (`AttributeValue.encode(into:)`) piece by piece, for
/// decoders that learn the number of elements only at the end. Its memory is used again and again.
struct CompactValueWriter {
    private(set) var bytes: [UInt8] = []
    /// Texts that were not UTF-8 and have been repaired.
    private(set) var repairedStrings = 0

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Takes back what was written since `count` bytes stood here.
    mutating func truncate(to count: Int) { bytes.removeSubrange(count...) }

    mutating func empty() { bytes.append(AttributeType.empty.rawValue) }

    mutating func bool(_ flag: Bool) {
        bytes.append(AttributeType.bool.rawValue)
        bytes.append(flag ? 1 : 0)
    }

    mutating func int(_ number: Int64) {
        bytes.append(AttributeType.int.rawValue)
        Varint.append(Varint.zigzag(number), to: &bytes)
    }

    mutating func double(_ number: Double) {
        bytes.append(AttributeType.double.rawValue)
        withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func string(_ text: UnsafeRawBufferPointer) {
        bytes.append(AttributeType.string.rawValue)
        self.text(text)
    }

    mutating func binary(_ content: UnsafeRawBufferPointer) {
        bytes.append(AttributeType.bytes.rawValue)
        run(content)
    }

    /// The key of the map member whose value is written next.
    mutating func key(_ text: UnsafeRawBufferPointer) { self.text(text) }

    /// Opens an array or map; the result goes to `end`.
    mutating func begin(_ type: AttributeType) -> Int {
        bytes.append(type.rawValue)
        bytes.append(0)
        return bytes.count
    }

    /// Closes the array or map that `begin` opened: its length replaces the byte left for it, moving the
    /// elements if it takes more.
    mutating func end(_ start: Int, count: UInt64) {
        guard count >= 0x80 else {
            bytes[start - 1] = UInt8(truncatingIfNeeded: count)
            return
        }
        var length: [UInt8] = []
        Varint.append(count, to: &length)
        bytes.replaceSubrange((start - 1)..<start, with: length)
    }

    /// Writes nothing for a value that cannot be kept, and counts it.
    mutating func cut() {
        repairedStrings += 1
        empty()
    }

    private mutating func text(_ text: UnsafeRawBufferPointer) {
        if UTF8Text.isValid(text) { return run(text) }
        repairedStrings += 1
        var repaired = String(decoding: text, as: UTF8.self)
        repaired.withUTF8 { run(UnsafeRawBufferPointer($0)) }
    }

    private mutating func run(_ content: UnsafeRawBufferPointer) {
        Varint.append(UInt64(content.count), to: &bytes)
        bytes.append(contentsOf: content)
    }
}

extension CompactValueWriter {
    /// Copies the JSON value that comes next: whole numbers in 64-bit range as integers, other numbers
    /// as doubles, `null` as an empty value.
    /// - Throws: `DecodeError.nestedTooDeep` past `AttributeValue.nestingDepthMax`.
    mutating func json(
        _ reader: inout JSONReader, depth: Int = 0
    ) throws(DecodeError) {
        switch try reader.peek() {
        case .string: string(try reader.string())
        case .bool: bool(try reader.bool())
        case .null:
            try reader.null()
            empty()
        case .number:
            let number = try reader.number()
            if number.isInteger, let whole = number.int64 {
                int(whole)
            } else {
                double(number.double)
            }
        case .array, .object:
            guard depth < AttributeValue.nestingDepthMax else {
                throw .nestedTooDeep(field: "JSON value", offset: reader.position)
            }
            try composite(&reader, depth: depth)
        }
    }

    private mutating func composite(
        _ reader: inout JSONReader, depth: Int
    ) throws(DecodeError) {
        var count: UInt64 = 0
        if try reader.peek() == .array {
            let start = begin(.array)
            try reader.beginArray()
            while try reader.nextElement() {
                try json(&reader, depth: depth + 1)
                count += 1
            }
            end(start, count: count)
        } else {
            let start = begin(.map)
            try reader.beginObject()
            while let name = try reader.nextKey() {
                key(name.bytes)
                try json(&reader, depth: depth + 1)
                count += 1
            }
            end(start, count: count)
        }
    }
}
