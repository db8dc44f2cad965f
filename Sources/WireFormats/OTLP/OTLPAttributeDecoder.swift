import Telemetry

/// Decodes OTLP `KeyValue` and `AnyValue` (opentelemetry/proto/common/v1/common.proto) into attribute
/// cells. Arrays and maps are turned into the compact form of `AttributeValue` without an intermediate
/// tree. One decoder serves a whole body, so that its scratch memory is allocated once.
struct OTLPAttributeDecoder {
    private enum KeyValue {
        static let key = ProtobufKey.length(1)
        static let value = ProtobufKey.length(2)
    }

    private enum AnyValue {
        static let string = ProtobufKey.length(1)
        static let bool = ProtobufKey.varint(2)
        static let int = ProtobufKey.varint(3)
        static let double = ProtobufKey.fixed64(4)
        static let array = ProtobufKey.length(5)
        static let map = ProtobufKey.length(6)
        static let bytes = ProtobufKey.length(7)

        static func isMember(_ key: UInt32) -> Bool {
            switch key {
            case string, bool, int, double, array, map, bytes: true
            default: false
            }
        }
    }

    /// Member 1 of `ArrayValue` and of `KeyValueList`.
    private static let elements = ProtobufKey.length(1)

    /// A decoded value as a cell of `AttributeColumns`.
    struct Cell {
        var type = AttributeType.empty
        var payload: UInt64 = 0
    }

    /// Texts inside arrays and maps that were not UTF-8; `StringTable` counts the others.
    private(set) var repairedStrings = 0
    private var known = KnownAttributes()
    private var scratch: [UInt8] = []

    /// Appends the attribute in `message` to `columns`.
    ///
    /// Attributes of neighbouring items follow each other in the same order and mostly say the same: the one
    /// that followed last time is compared first, and what it became is what this one becomes.
    /// - Parameter strings: the same one in all calls.
    @inline(__always)
    mutating func keyValue(
        _ message: ProtobufReader, into columns: inout AttributeColumns,
        strings: inout StringTable
    ) throws(DecodeError) {
        if let known = known.match(message) {
            columns.append(key: known.key, type: known.cell.type, payload: known.cell.payload)
            return
        }
        try readKeyValue(message, into: &columns, strings: &strings)
    }

    @inline(never)
    private mutating func readKeyValue(
        _ message: ProtobufReader, into columns: inout AttributeColumns,
        strings: inout StringTable
    ) throws(DecodeError) {
        let repairs = strings.repairedCount &+ repairedStrings
        var attribute = KnownAttributes.Attribute(message)
        var message = message
        let isKeyKnown = known.matchKey(&message, of: &attribute)
        var keys = isKeyKnown ? 1 : 0
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            switch key {
            case KeyValue.key:
                attribute.key = strings.intern(try message.bytes("attribute key"))
                attribute.setKeyEnd(message.offset)
                keys &+= 1
            case KeyValue.value:
                try value(
                    try message.message("attribute value"), into: &attribute.cell,
                    strings: &strings)
                if keys == 0 { keys = 2 }
            default:
                try message.skip(key)
                if keys == 0 { keys = 2 }
            }
        }
        columns.append(
            key: attribute.key, type: attribute.cell.type, payload: attribute.cell.payload)
        // What had to be repaired is counted each time.
        guard repairs == strings.repairedCount &+ repairedStrings else { return known.forget() }
        // A key that is not what the message begins with, once, is no prefix to go by.
        if keys != 1 { attribute.forgetKeyEnd() }
        if isKeyKnown, keys == 1 {
            known.rememberExpected(attribute)
        } else {
            known.remember(attribute)
        }
    }

    /// Reads an `AnyValue`. The last member set wins; with none set `cell` stays as it is.
    @inline(__always)
    mutating func value(
        _ message: ProtobufReader, into cell: inout Cell, strings: inout StringTable
    ) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case AnyValue.string:
                let id = strings.intern(try message.bytes("string_value"))
                cell = Cell(type: .string, payload: UInt64(id))
            case AnyValue.bool:
                cell = Cell(type: .bool, payload: try message.bool("bool_value") ? 1 : 0)
            case AnyValue.int:
                cell = Cell(type: .int, payload: try message.varint("int_value"))
            case AnyValue.double:
                cell = Cell(type: .double, payload: try message.fixed64("double_value"))
            case AnyValue.bytes:
                let id = strings.intern(bytes: try message.bytes("bytes_value"))
                cell = Cell(type: .bytes, payload: UInt64(id))
            case AnyValue.array, AnyValue.map:
                cell = try composite(key, try message.message("nested value"), &strings)
            default: try message.skip(key)
            }
        }
    }

    @inline(never)
    private mutating func composite(
        _ key: UInt32, _ message: ProtobufReader, _ strings: inout StringTable
    ) throws(DecodeError) -> Cell {
        scratch.removeAll(keepingCapacity: true)
        let type = key == AnyValue.array ? AttributeType.array : .map
        try encodeComposite(type, message, depth: 0)
        return Cell(type: type, payload: UInt64(strings.intern(bytes: scratch)))
    }

    /// Appends `type │ count │ elements` to the scratch bytes.
    private mutating func encodeComposite(
        _ type: AttributeType, _ message: ProtobufReader, depth: Int
    ) throws(DecodeError) {
        // What is deeper is left out and counted: it costs nobody else's spans anything.
        guard depth < AttributeValue.nestingDepthMax else {
            repairedStrings += 1
            return scratch.append(AttributeType.empty.rawValue)
        }
        scratch.append(type.rawValue)
        Varint.append(try countElements(message), to: &scratch)
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Self.elements:
                let element = try message.message("element")
                if type == .array {
                    try encodeValue(element, depth: depth + 1)
                } else {
                    try encodePair(element, depth: depth + 1)
                }
            default: try message.skip(key)
            }
        }
    }

    private func countElements(_ message: ProtobufReader) throws(DecodeError) -> UInt64 {
        var message = message
        var count: UInt64 = 0
        while true {
            let key = try message.nextKey()
            if key == 0 { return count }
            if key == Self.elements { count += 1 }
            try message.skip(key)
        }
    }

    /// Appends the key and value of a `KeyValue` inside a map.
    private mutating func encodePair(
        _ message: ProtobufReader, depth: Int
    ) throws(DecodeError) {
        var message = message
        var name = UnsafeRawBufferPointer(start: nil, count: 0)
        var value: ProtobufReader?
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                encodeText(name)
                guard let value else {
                    scratch.append(AttributeType.empty.rawValue)
                    return
                }
                return try encodeValue(value, depth: depth)
            case KeyValue.key: name = try message.bytes("attribute key")
            case KeyValue.value: value = try message.message("attribute value")
            default: try message.skip(key)
            }
        }
    }

    private mutating func encodeValue(
        _ message: ProtobufReader, depth: Int
    ) throws(DecodeError) {
        let start = scratch.count
        var message = message
        scratch.append(AttributeType.empty.rawValue)
        while true {
            let key = try message.nextKey()
            guard key != 0 else { return }
            guard AnyValue.isMember(key) else {
                try message.skip(key)
                continue
            }
            // A repeated member of the oneof replaces what came before.
            scratch.removeSubrange(start...)
            try encodeMember(key, &message, depth: depth)
            if scratch.count == start { scratch.append(AttributeType.empty.rawValue) }
        }
    }

    private mutating func encodeMember(
        _ key: UInt32, _ message: inout ProtobufReader, depth: Int
    ) throws(DecodeError) {
        switch key {
        case AnyValue.string:
            scratch.append(AttributeType.string.rawValue)
            encodeText(try message.bytes("string_value"))
        case AnyValue.bool:
            scratch.append(AttributeType.bool.rawValue)
            scratch.append(try message.bool("bool_value") ? 1 : 0)
        case AnyValue.int:
            scratch.append(AttributeType.int.rawValue)
            Varint.append(Varint.zigzag(try message.int64("int_value")), to: &scratch)
        case AnyValue.double:
            scratch.append(AttributeType.double.rawValue)
            let bits = try message.fixed64("double_value")
            withUnsafeBytes(of: bits.littleEndian) { scratch.append(contentsOf: $0) }
        case AnyValue.bytes:
            scratch.append(AttributeType.bytes.rawValue)
            encodeRun(try message.bytes("bytes_value"))
        case AnyValue.array:
            try encodeComposite(.array, try message.message("array_value"), depth: depth)
        case AnyValue.map:
            try encodeComposite(.map, try message.message("kvlist_value"), depth: depth)
        default: try message.skip(key)
        }
    }

    private mutating func encodeText(_ text: UnsafeRawBufferPointer) {
        if UTF8Text.isValid(text) {
            encodeRun(text)
        } else {
            repairedStrings += 1
            var repaired = String(decoding: text, as: UTF8.self)
            repaired.withUTF8 { encodeRun(UnsafeRawBufferPointer($0)) }
        }
    }

    private mutating func encodeRun(_ content: UnsafeRawBufferPointer) {
        Varint.append(UInt64(content.count), to: &scratch)
        scratch.append(contentsOf: content)
    }
}
