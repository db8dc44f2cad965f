import WireFormats

/// Values as Thrift writes them, in either protocol, for tests of the reader.
indirect enum ThriftValue {
    case bool(Bool)
    case byte(UInt8)
    case double(Double)
    case int16(Int16)
    case int32(Int32)
    case int64(Int64)
    case string(String)
    case binary([UInt8])
    /// By field number, in this order.
    case structure([(Int16, ThriftValue)])
    /// Of one type.
    case list([ThriftValue])
    case map([(ThriftValue, ThriftValue)])

    func encoded(_ encoding: ThriftEncoding) -> [UInt8] {
        encoding == .binary ? binaryBytes : compactBytes
    }

    // MARK: Binary

    private var binaryType: UInt8 {
        switch self {
        case .bool: 2
        case .byte: 3
        case .double: 4
        case .int16: 6
        case .int32: 8
        case .int64: 10
        case .string, .binary: 11
        case .structure: 12
        case .map: 13
        case .list: 15
        }
    }

    private static func big(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    private var binaryBytes: [UInt8] {
        switch self {
        case .bool(let flag): return [flag ? 1 : 0]
        case .byte(let byte): return [byte]
        case .double(let number): return Self.big(number.bitPattern)
        case .int16(let number): return Self.big(number)
        case .int32(let number): return Self.big(number)
        case .int64(let number): return Self.big(number)
        case .string(let text): return Self.big(Int32(text.utf8.count)) + Array(text.utf8)
        case .binary(let bytes): return Self.big(Int32(bytes.count)) + bytes
        case .structure(let fields):
            var bytes: [UInt8] = []
            for (id, value) in fields {
                bytes.append(value.binaryType)
                bytes += Self.big(id)
                bytes += value.binaryBytes
            }
            bytes.append(0)
            return bytes
        case .list(let elements):
            var bytes: [UInt8] = [elements.first?.binaryType ?? 12]
            bytes += Self.big(Int32(elements.count))
            for element in elements { bytes += element.binaryBytes }
            return bytes
        case .map(let pairs):
            var bytes: [UInt8] = [
                pairs.first?.0.binaryType ?? 11, pairs.first?.1.binaryType ?? 11,
            ]
            bytes += Self.big(Int32(pairs.count))
            for (key, value) in pairs { bytes += key.binaryBytes + value.binaryBytes }
            return bytes
        }
    }

    // MARK: Compact

    private var compactType: UInt8 {
        switch self {
        case .bool(let flag): flag ? 1 : 2
        case .byte: 3
        case .int16: 4
        case .int32: 5
        case .int64: 6
        case .double: 7
        case .string, .binary: 8
        case .list: 9
        case .map: 11
        case .structure: 12
        }
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static func zigzag(_ value: Int64) -> [UInt8] {
        varint(UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    private var compactBytes: [UInt8] {
        switch self {
        case .bool(let flag): return [flag ? 1 : 2]
        case .byte(let byte): return [byte]
        case .double(let number):
            return withUnsafeBytes(of: number.bitPattern.littleEndian) { Array($0) }
        case .int16(let number): return Self.zigzag(Int64(number))
        case .int32(let number): return Self.zigzag(Int64(number))
        case .int64(let number): return Self.zigzag(number)
        case .string(let text): return Self.varint(UInt64(text.utf8.count)) + Array(text.utf8)
        case .binary(let bytes): return Self.varint(UInt64(bytes.count)) + bytes
        case .structure(let fields): return Self.compact(fields)
        case .list(let elements):
            let type = elements.first?.compactType ?? 12
            var bytes: [UInt8] = []
            if elements.count < 15 {
                bytes.append(UInt8(elements.count) << 4 | type)
            } else {
                bytes.append(0xF0 | type)
                bytes += Self.varint(UInt64(elements.count))
            }
            for element in elements { bytes += element.compactBytes }
            return bytes
        case .map(let pairs):
            guard let first = pairs.first else { return [0] }
            var bytes = Self.varint(UInt64(pairs.count))
            bytes.append(first.0.compactType << 4 | first.1.compactType)
            for (key, value) in pairs { bytes += key.compactBytes + value.compactBytes }
            return bytes
        }
    }

    private static func compact(_ fields: [(Int16, ThriftValue)]) -> [UInt8] {
        var bytes: [UInt8] = []
        var last: Int16 = 0
        for (id, value) in fields {
            let step = id - last
            last = id
            if (1...15).contains(step) {
                bytes.append(UInt8(step) << 4 | value.compactType)
            } else {
                bytes.append(value.compactType)
                bytes += zigzag(Int64(id))
            }
            if case .bool = value { continue }
            bytes += value.compactBytes
        }
        return bytes + [0]
    }
}
