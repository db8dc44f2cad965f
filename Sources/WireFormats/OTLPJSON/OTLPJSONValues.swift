import Telemetry

/// Decodes OTLP/JSON `KeyValue` and `AnyValue` into attribute cells, arrays and maps straight into their
/// compact form. One decoder serves a whole body, so that its scratch memory is allocated once.
struct OTLPJSONValues {
    typealias Cell = OTLPAttributeDecoder.Cell

    private var nested = CompactValueWriter()
    private var binary: [UInt8] = []

    /// Texts inside arrays and maps that were not UTF-8; `StringTable` counts the others.
    var repairedStrings: Int { nested.repairedStrings }

    /// Appends an array of `KeyValue` to `columns`.
    mutating func attributes(
        _ reader: inout JSONReader, into columns: inout AttributeColumns,
        strings: inout StringTable
    ) throws(DecodeError) {
        try reader.beginArray()
        while try reader.nextItem() {
            var key: StringID = 0
            var cell = Cell()
            try reader.beginObject()
            while let field = try reader.nextField() {
                switch field {
                case "key": key = strings.intern(try reader.string())
                case "value": try value(&reader, into: &cell, strings: &strings)
                default: try reader.skipValue()
                }
            }
            columns.append(key: key, type: cell.type, payload: cell.payload)
        }
    }

    /// Reads an `AnyValue`. The last member wins; with none `cell` stays as it is.
    mutating func value(
        _ reader: inout JSONReader, into cell: inout Cell, strings: inout StringTable
    ) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "stringValue", "string_value":
                cell = Cell(type: .string, payload: UInt64(strings.intern(try reader.string())))
            case "intValue", "int_value":
                let number = try reader.int64("intValue")
                cell = Cell(type: .int, payload: UInt64(bitPattern: number))
            case "boolValue", "bool_value":
                cell = Cell(type: .bool, payload: try reader.bool() ? 1 : 0)
            case "doubleValue", "double_value":
                cell = Cell(type: .double, payload: try reader.double("doubleValue").bitPattern)
            case "bytesValue", "bytes_value":
                try readBinary(&reader)
                cell = Cell(type: .bytes, payload: UInt64(strings.intern(bytes: binary)))
            case "arrayValue", "array_value":
                nested.removeAll()
                try list(.array, &reader, depth: 0)
                cell = Cell(type: .array, payload: UInt64(strings.intern(bytes: nested.bytes)))
            case "kvlistValue", "kvlist_value":
                nested.removeAll()
                try list(.map, &reader, depth: 0)
                cell = Cell(type: .map, payload: UInt64(strings.intern(bytes: nested.bytes)))
            default: try reader.skipValue()
            }
        }
    }

    private mutating func readBinary(_ reader: inout JSONReader) throws(DecodeError) {
        binary.removeAll(keepingCapacity: true)
        try reader.base64("bytesValue", into: &binary)
    }

    /// An `ArrayValue` or `KeyValueList`: an object with its elements in `values`.
    private mutating func list(
        _ type: AttributeType, _ reader: inout JSONReader, depth: Int
    ) throws(DecodeError) {
        // What is deeper is left out and counted: it costs nobody else's spans anything.
        guard depth < AttributeValue.nestingDepthMax else {
            nested.cut()
            return _ = try reader.skipValue()
        }
        let start = nested.begin(type)
        var count: UInt64 = 0
        try reader.beginObject()
        while let field = try reader.nextField() {
            guard "values" ~= field else {
                try reader.skipValue()
                continue
            }
            try reader.beginArray()
            while try reader.nextElement() {
                count += 1
                if type == .array {
                    try element(&reader, depth: depth + 1)
                } else {
                    try pair(&reader, depth: depth + 1)
                }
            }
        }
        nested.end(start, count: count)
    }

    /// A `KeyValue` of a map. Its key is written before its value, in whatever order they come.
    private mutating func pair(_ reader: inout JSONReader, depth: Int) throws(DecodeError) {
        var hasKey = false
        var hasValue = false
        var earlyValue: JSONSlice?
        if try !reader.skipNull() {
            try reader.beginObject()
            while let field = try reader.nextField() {
                if !hasKey, "key" ~= field {
                    nested.key(try reader.string())
                    hasKey = true
                } else if hasKey, !hasValue, "value" ~= field {
                    try element(&reader, depth: depth)
                    hasValue = true
                } else if !hasKey, "value" ~= field {
                    earlyValue = try reader.slice()
                } else {
                    try reader.skipValue()
                }
            }
        }
        if !hasKey { nested.key(UnsafeRawBufferPointer(start: nil, count: 0)) }
        if hasValue { return }
        guard let earlyValue else { return nested.empty() }
        var later = JSONReader(earlyValue)
        try element(&later, depth: depth)
    }

    /// An `AnyValue`; `null` and one without a member are empty values.
    private mutating func element(
        _ reader: inout JSONReader, depth: Int
    ) throws(DecodeError) {
        let start = nested.bytes.count
        nested.empty()
        if try reader.skipNull() { return }
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "stringValue", "string_value":
                let text = try reader.string()
                nested.truncate(to: start)
                nested.string(text)
            case "intValue", "int_value":
                let number = try reader.int64("intValue")
                nested.truncate(to: start)
                nested.int(number)
            case "boolValue", "bool_value":
                let flag = try reader.bool()
                nested.truncate(to: start)
                nested.bool(flag)
            case "doubleValue", "double_value":
                let number = try reader.double("doubleValue")
                nested.truncate(to: start)
                nested.double(number)
            case "bytesValue", "bytes_value":
                try readBinary(&reader)
                nested.truncate(to: start)
                binary.withUnsafeBytes { nested.binary($0) }
            case "arrayValue", "array_value":
                nested.truncate(to: start)
                try list(.array, &reader, depth: depth)
            case "kvlistValue", "kvlist_value":
                nested.truncate(to: start)
                try list(.map, &reader, depth: depth)
            default: try reader.skipValue()
            }
        }
    }
}
