import Telemetry

/// What filters say about a request: `AccessLogCommon.metadata` and `filter_state_objects`.
extension EnvoyEntryDecoder {
    static let metadataPrefix: StaticString = "metadata."
    static let filterStatePrefix: StaticString = "filter_state."

    /// `envoy.config.core.v3.Metadata`: each field of each filter as `metadata.FILTER.FIELD`.
    mutating func metadata(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case ProtobufKey.length(1):
                let (filter, content) = try Self.member(try message.message("filter_metadata"))
                guard let content else { continue }
                var fields = ProtobufReader(content)
                while true {
                    let key = try fields.nextKey()
                    if key == 0 { break }
                    guard key == ProtobufKey.length(1) else {
                        try fields.skip(key)
                        continue
                    }
                    let (name, value) = try Self.member(try fields.message("fields"))
                    try append(Self.metadataPrefix, [filter, name], structured: value)
                }
            default: try message.skip(key)
            }
        }
    }

    /// An entry of `map<string, google.protobuf.Any>`, as `filter_state.NAME`: the well-known wrappers and
    /// `Struct` as what they hold, other messages as their bytes.
    mutating func filterState(_ message: ProtobufReader) throws(DecodeError) {
        let (name, content) = try Self.member(message)
        guard let content else { return }
        var object = ProtobufReader(content)
        var type = UnsafeRawBufferPointer(start: nil, count: 0)
        var value = type
        while true {
            let key = try object.nextKey()
            if key == 0 { break }
            switch key {
            case ProtobufKey.length(1): type = try object.bytes("type_url")
            case ProtobufKey.length(2): value = try object.bytes("value")
            default: try object.skip(key)
            }
        }
        let key = key(Self.filterStatePrefix, [name])
        switch String(decoding: type, as: UTF8.self).split(separator: "/").last {
        case "google.protobuf.StringValue", "google.protobuf.BytesValue":
            let text = try Self.wrappedBytes(value)
            let isText = UTF8Text.isValid(text)
            let id = isText ? batch.strings.intern(text) : batch.strings.intern(bytes: text)
            entry.extras.append(
                key: key, type: isText ? .string : .bytes, payload: UInt64(id))
        case "google.protobuf.Int64Value", "google.protobuf.Int32Value",
            "google.protobuf.UInt64Value", "google.protobuf.UInt32Value":
            let number = try Self.wrappedNumber(value)
            entry.extras.append(key: key, type: .int, payload: min(number, UInt64(Int64.max)))
        case "google.protobuf.BoolValue":
            let flag = try Self.wrappedNumber(value)
            entry.extras.append(key: key, type: .bool, payload: flag == 0 ? 0 : 1)
        case "google.protobuf.Struct":
            nested.removeAll()
            try structure(ProtobufReader(value), depth: 0)
            appendNested(key)
        case "google.protobuf.Value":
            try append(key, structured: value)
        default:
            guard !value.isEmpty else { return }
            entry.extras.append(
                key: key, type: .bytes, payload: UInt64(batch.strings.intern(bytes: value)))
        }
    }

    // MARK: Parts

    /// An entry of a map: its key and the bytes of its value, a message; `nil` without one.
    private static func member(
        _ message: ProtobufReader
    ) throws(DecodeError) -> (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?) {
        var message = message
        var name = UnsafeRawBufferPointer(start: nil, count: 0)
        var value: UnsafeRawBufferPointer?
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return (name, value)
            case ProtobufKey.length(1): name = try message.bytes("map key")
            case ProtobufKey.length(2): value = try message.bytes("map value")
            default: try message.skip(key)
            }
        }
    }

    private static func wrappedBytes(
        _ message: UnsafeRawBufferPointer
    ) throws(DecodeError) -> UnsafeRawBufferPointer {
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        return try wrapped(message, under: ProtobufKey.length(1), else: empty) {
            (reader) throws(DecodeError) in try reader.bytes("wrapped value")
        }
    }

    private static func wrappedNumber(
        _ message: UnsafeRawBufferPointer
    ) throws(DecodeError) -> UInt64 {
        try wrapped(message, under: ProtobufKey.varint(1), else: 0) {
            (reader) throws(DecodeError) in try reader.varint("wrapped value")
        }
    }

    /// The last value of one field of a message.
    private static func wrapped<Value>(
        _ message: UnsafeRawBufferPointer, under wanted: UInt32, else absent: Value,
        _ read: (inout ProtobufReader) throws(DecodeError) -> Value
    ) throws(DecodeError) -> Value {
        var reader = ProtobufReader(message)
        var value = absent
        while true {
            let key = try reader.nextKey()
            if key == 0 { return value }
            if key == wanted {
                value = try read(&reader)
            } else {
                try reader.skip(key)
            }
        }
    }

    /// A prefix and names, with points between the names.
    private mutating func key(
        _ prefix: StaticString, _ names: [UnsafeRawBufferPointer]
    ) -> StringID {
        scratch.removeAll(keepingCapacity: true)
        ResponseFlag.append(prefix, to: &scratch)
        for (index, name) in names.enumerated() {
            if index > 0 { scratch.append(UInt8(ascii: ".")) }
            scratch.append(contentsOf: name)
        }
        return scratch.withUnsafeBytes { batch.strings.intern($0) }
    }

    private mutating func append(
        _ prefix: StaticString, _ names: [UnsafeRawBufferPointer],
        structured value: UnsafeRawBufferPointer?
    ) throws(DecodeError) {
        guard let value else { return }
        try append(key(prefix, names), structured: value)
    }

    /// A `google.protobuf.Value` under a key: nothing for null.
    private mutating func append(
        _ key: StringID, structured message: UnsafeRawBufferPointer
    ) throws(DecodeError) {
        nested.removeAll()
        try value(ProtobufReader(message), depth: 0)
        appendNested(key)
    }

    /// The value that `nested` holds, scalars as cells of their own.
    private mutating func appendNested(_ key: StringID) {
        let value = nested.bytes.withUnsafeBytes { AttributeValue(encoded: $0) }
        switch value {
        case .empty, nil: return
        case .string(let text):
            entry.extras.append(
                key: key, type: .string, payload: UInt64(batch.strings.intern(text)))
        case .bool(let flag): entry.extras.append(key: key, type: .bool, payload: flag ? 1 : 0)
        case .int(let number):
            entry.extras.append(key: key, type: .int, payload: UInt64(bitPattern: number))
        case .double(let number):
            entry.extras.append(key: key, type: .double, payload: number.bitPattern)
        case .array, .map, .bytes:
            let id = batch.strings.intern(bytes: nested.bytes)
            let isMap = nested.bytes.first == AttributeType.map.rawValue
            entry.extras.append(key: key, type: isMap ? .map : .array, payload: UInt64(id))
        }
    }

    // MARK: google.protobuf.Value

    private mutating func value(_ message: ProtobufReader, depth: Int) throws(DecodeError) {
        var message = message
        let start = nested.bytes.count
        nested.empty()
        while true {
            let key = try message.nextKey()
            if key == 0 { return }
            switch key {
            case ProtobufKey.fixed64(2):
                let number = Double(bitPattern: try message.fixed64("number_value"))
                nested.truncate(to: start)
                if let whole = Int64(exactly: number) {
                    nested.int(whole)
                } else {
                    nested.double(number)
                }
            case ProtobufKey.length(3):
                nested.truncate(to: start)
                nested.string(try message.bytes("string_value"))
            case ProtobufKey.varint(4):
                nested.truncate(to: start)
                nested.bool(try message.bool("bool_value"))
            case ProtobufKey.length(5):
                let content = try message.message("struct_value")
                nested.truncate(to: start)
                try structure(content, depth: depth + 1)
            case ProtobufKey.length(6):
                let content = try message.message("list_value")
                nested.truncate(to: start)
                try list(content, depth: depth + 1)
            default: try message.skip(key)
            }
        }
    }

    private mutating func structure(_ message: ProtobufReader, depth: Int) throws(DecodeError) {
        try Self.check(depth)
        var message = message
        let start = nested.begin(.map)
        var count: UInt64 = 0
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            guard key == ProtobufKey.length(1) else {
                try message.skip(key)
                continue
            }
            let (name, content) = try Self.member(try message.message("fields"))
            nested.key(name)
            try value(
                ProtobufReader(content ?? UnsafeRawBufferPointer(start: nil, count: 0)),
                depth: depth)
            count += 1
        }
        nested.end(start, count: count)
    }

    private mutating func list(_ message: ProtobufReader, depth: Int) throws(DecodeError) {
        try Self.check(depth)
        var message = message
        let start = nested.begin(.array)
        var count: UInt64 = 0
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            guard key == ProtobufKey.length(1) else {
                try message.skip(key)
                continue
            }
            try value(try message.message("values"), depth: depth)
            count += 1
        }
        nested.end(start, count: count)
    }

    private static func check(_ depth: Int) throws(DecodeError) {
        guard depth <= AttributeValue.nestingDepthMax else {
            throw .nestedTooDeep(field: "metadata", offset: 0)
        }
    }
}
