/// The compact, self-contained byte form in which arrays and maps are interned and stored.
///
/// value = type u8 │ payload:
///   empty –; bool u8; int zigzag varint; double 8 bytes LE; string and bytes varint length │ bytes;
///   array varint count │ values; map varint count │ (varint length │ key bytes │ value)*.
extension AttributeValue {
    /// Deeper nesting than this is cut off on encoding (the innermost values become empty) and refused on
    /// decoding: input must not be able to exhaust the stack.
    package static let nestingDepthMax = 32

    package func encode(into bytes: inout [UInt8]) { encode(into: &bytes, depth: 0) }

    private func encode(into bytes: inout [UInt8], depth: Int) {
        if depth == AttributeValue.nestingDepthMax, type == .array || type == .map {
            bytes.append(AttributeType.empty.rawValue)
            return
        }
        bytes.append(type.rawValue)
        switch self {
        case .empty: break
        case .bool(let flag): bytes.append(flag ? 1 : 0)
        case .int(let number): Varint.append(Varint.zigzag(number), to: &bytes)
        case .double(let number):
            withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        case .string(let string):
            Varint.append(UInt64(string.utf8.count), to: &bytes)
            bytes.append(contentsOf: string.utf8)
        case .bytes(let content):
            Varint.append(UInt64(content.count), to: &bytes)
            bytes.append(contentsOf: content)
        case .array(let elements):
            Varint.append(UInt64(elements.count), to: &bytes)
            for element in elements { element.encode(into: &bytes, depth: depth + 1) }
        case .map(let attributes):
            Varint.append(UInt64(attributes.count), to: &bytes)
            for attribute in attributes {
                Varint.append(UInt64(attribute.key.utf8.count), to: &bytes)
                bytes.append(contentsOf: attribute.key.utf8)
                attribute.value.encode(into: &bytes, depth: depth + 1)
            }
        }
    }

    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        encode(into: &bytes)
        return bytes
    }

    /// Reads one value; `nil` if the bytes are not one well-formed value.
    package init?(encoded bytes: UnsafeRawBufferPointer) {
        var offset = 0
        guard let value = AttributeValue.decode(bytes, &offset, depth: 0), offset == bytes.count
        else { return nil }
        self = value
    }

    private static func decode(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, depth: Int
    ) -> AttributeValue? {
        guard depth <= nestingDepthMax, offset < bytes.count,
            let type = AttributeType(rawValue: bytes[offset])
        else { return nil }
        offset += 1
        switch type {
        case .empty: return .empty
        case .bool:
            guard offset < bytes.count else { return nil }
            offset += 1
            return .bool(bytes[offset - 1] != 0)
        case .int:
            guard let raw = Varint.read(bytes, &offset) else { return nil }
            return .int(Varint.unzigzag(raw))
        case .double:
            guard offset + 8 <= bytes.count else { return nil }
            let bits = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset += 8
            return .double(Double(bitPattern: UInt64(littleEndian: bits)))
        case .string:
            guard let content = run(bytes, &offset) else { return nil }
            return .string(String(decoding: content, as: UTF8.self))
        case .bytes:
            guard let content = run(bytes, &offset) else { return nil }
            return .bytes(Array(content))
        case .array:
            guard let count = Varint.read(bytes, &offset), count <= bytes.count - offset
            else { return nil }
            var elements: [AttributeValue] = []
            for _ in 0..<count {
                guard let element = decode(bytes, &offset, depth: depth + 1) else { return nil }
                elements.append(element)
            }
            return .array(elements)
        case .map:
            guard let count = Varint.read(bytes, &offset), count <= bytes.count - offset
            else { return nil }
            var attributes: [Attribute] = []
            for _ in 0..<count {
                guard let key = run(bytes, &offset),
                    let value = decode(bytes, &offset, depth: depth + 1)
                else { return nil }
                attributes.append(Attribute(String(decoding: key, as: UTF8.self), value))
            }
            return .map(attributes)
        }
    }

    private static func run(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
    ) -> UnsafeRawBufferPointer? {
        guard let length = Varint.read(bytes, &offset), length <= bytes.count - offset else {
            return nil
        }
        defer { offset += Int(length) }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + Int(length))])
    }
}

/// LEB128 variable-length integers, as protobuf writes them (protobuf encoding guide, "Base 128
/// Varints").
package enum Varint {
    @inlinable package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Reads at `offset` and moves it; `nil` when the bytes end or ten bytes do not end it.
    @inlinable package static func read(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
    ) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count, shift < 64 {
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    @inlinable package static func zigzag(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: value << 1 ^ value >> 63)
    }

    @inlinable package static func unzigzag(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }
}
