import Telemetry

/// Decodes what the OTLP/JSON signals have in common: `Resource`, `InstrumentationScope` and ids. Both
/// may follow the items they belong to: an entry is added first and filled in when its object comes.
enum OTLPJSONShared {
    static func openResource(in shared: inout SharedColumns) -> Int {
        let start = shared.attributes.count
        shared.resources.append(ResourceEntry(attributes: start..<start))
        return shared.resources.count - 1
    }

    static func openScope(in shared: inout SharedColumns) -> Int {
        let start = shared.attributes.count
        shared.scopes.append(ScopeEntry(name: 0, version: 0, attributes: start..<start))
        return shared.scopes.count - 1
    }

    static func resource(
        _ index: Int, _ reader: inout JSONReader, into shared: inout SharedColumns,
        strings: inout StringTable, values: inout OTLPJSONValues
    ) throws(DecodeError) {
        let start = shared.attributes.count
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "attributes":
                try values.attributes(&reader, into: &shared.attributes, strings: &strings)
            case "droppedAttributesCount", "dropped_attributes_count":
                let dropped = try reader.uint32("droppedAttributesCount")
                shared.resources[index].droppedAttributeCount = dropped
            default: try reader.skipValue()
            }
        }
        shared.resources[index].attributes = start..<shared.attributes.count
    }

    static func scope(
        _ index: Int, _ reader: inout JSONReader, into shared: inout SharedColumns,
        strings: inout StringTable, values: inout OTLPJSONValues
    ) throws(DecodeError) {
        let start = shared.attributes.count
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "name": shared.scopes[index].name = strings.intern(try reader.string())
            case "version": shared.scopes[index].version = strings.intern(try reader.string())
            case "attributes":
                try values.attributes(&reader, into: &shared.attributes, strings: &strings)
            case "droppedAttributesCount", "dropped_attributes_count":
                let dropped = try reader.uint32("droppedAttributesCount")
                shared.scopes[index].droppedAttributeCount = dropped
            default: try reader.skipValue()
            }
        }
        shared.scopes[index].attributes = start..<shared.attributes.count
    }

    /// A trace id as 32 hexadecimal digits; `nil` for anything else but an empty string, which is
    /// `.invalid` like all zeros. Base64, as generic protobuf encoders write, is not read as an id.
    static func traceID(_ text: UnsafeRawBufferPointer) -> TraceID? {
        if text.isEmpty { return .invalid }
        guard text.count == 32, let high = HexText.word(text, at: 0),
            let low = HexText.word(text, at: 16)
        else { return nil }
        return TraceID(high: high, low: low)
    }

    /// As `traceID`, of 16 digits.
    static func spanID(_ text: UnsafeRawBufferPointer) -> SpanID? {
        if text.isEmpty { return .invalid }
        guard text.count == 16 else { return nil }
        return HexText.word(text, at: 0).map { SpanID($0) }
    }
}
