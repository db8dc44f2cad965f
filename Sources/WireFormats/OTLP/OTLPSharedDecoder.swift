import Telemetry

/// Decodes what the three OTLP signals have in common: `Resource…` and `Scope…` envelopes with their
/// `Resource`, `InstrumentationScope` and schema URL.
///
/// Senders may write items before the resource or scope they belong to: the few members of a
/// `Resource…` envelope are passed over twice, and a scope is filled in while its items are read.
enum OTLPSharedDecoder {
    /// Field numbers that `ResourceSpans`, `ResourceLogs`, `ResourceMetrics` and their `Scope…`
    /// counterparts share.
    enum Envelope {
        static let owner = ProtobufKey.length(1)
        static let items = ProtobufKey.length(2)
        static let schemaURL = ProtobufKey.length(3)
    }

    /// Field 1 of the three export requests.
    static let resourceEnvelopes = ProtobufKey.length(1)

    private enum ResourceField {
        static let attributes = ProtobufKey.length(1)
        static let droppedAttributeCount = ProtobufKey.varint(2)
    }

    private enum ScopeField {
        static let name = ProtobufKey.length(1)
        static let version = ProtobufKey.length(2)
        static let attributes = ProtobufKey.length(3)
        static let droppedAttributeCount = ProtobufKey.varint(4)
    }

    /// Adds the resource of `envelope` to `shared`.
    static func resource(
        of envelope: ProtobufReader, into shared: inout SharedColumns,
        strings: inout StringTable, decoder: inout OTLPAttributeDecoder
    ) throws(DecodeError) -> UInt32 {
        var envelope = envelope
        let start = shared.attributes.count
        var entry = ResourceEntry(attributes: start..<start)
        while true {
            let key = try envelope.nextKey()
            switch key {
            case 0:
                entry.attributes = start..<shared.attributes.count
                shared.resources.append(entry)
                return UInt32(shared.resources.count - 1)
            case Envelope.owner:
                var message = try envelope.message("resource")
                try resource(&message, &entry, &shared, &strings, &decoder)
            case Envelope.schemaURL:
                entry.schemaURL = strings.intern(try envelope.bytes("schema_url"))
            default: try envelope.skip(key)
            }
        }
    }

    private static func resource(
        _ message: inout ProtobufReader, _ entry: inout ResourceEntry,
        _ shared: inout SharedColumns, _ strings: inout StringTable,
        _ decoder: inout OTLPAttributeDecoder
    ) throws(DecodeError) {
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case ResourceField.attributes:
                try decoder.keyValue(
                    try message.message("resource attribute"), into: &shared.attributes,
                    strings: &strings)
            case ResourceField.droppedAttributeCount:
                entry.droppedAttributeCount = try message.uint32("dropped_attributes_count")
            default: try message.skip(key)
            }
        }
    }

    /// Adds an empty scope, to be filled by `scopeField` while the envelope is read. Until the
    /// envelope ends nothing else adds to the attributes in `shared`, so those of the scope stay
    /// together.
    static func openScope(in shared: inout SharedColumns) -> UInt32 {
        let start = shared.attributes.count
        shared.scopes.append(ScopeEntry(name: 0, version: 0, attributes: start..<start))
        return UInt32(truncatingIfNeeded: shared.scopes.count - 1)
    }

    /// Reads a field of a `Scope…` envelope that is not an item.
    static func scopeField(
        _ key: UInt32, of envelope: inout ProtobufReader, into shared: inout SharedColumns,
        strings: inout StringTable, decoder: inout OTLPAttributeDecoder
    ) throws(DecodeError) {
        let index = shared.scopes.count - 1
        switch key {
        case Envelope.owner:
            var message = try envelope.message("scope")
            var entry = shared.scopes[index]
            try scope(&message, &entry, &shared, &strings, &decoder)
            entry.attributes = entry.attributes.lowerBound..<shared.attributes.count
            shared.scopes[index] = entry
        case Envelope.schemaURL:
            let id = strings.intern(try envelope.bytes("schema_url"))
            shared.scopes[index].schemaURL = id
        default: try envelope.skip(key)
        }
    }

    private static func scope(
        _ message: inout ProtobufReader, _ entry: inout ScopeEntry,
        _ shared: inout SharedColumns, _ strings: inout StringTable,
        _ decoder: inout OTLPAttributeDecoder
    ) throws(DecodeError) {
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case ScopeField.name: entry.name = strings.intern(try message.bytes("scope name"))
            case ScopeField.version:
                entry.version = strings.intern(try message.bytes("scope version"))
            case ScopeField.attributes:
                try decoder.keyValue(
                    try message.message("scope attribute"), into: &shared.attributes,
                    strings: &strings)
            case ScopeField.droppedAttributeCount:
                entry.droppedAttributeCount = try message.uint32("dropped_attributes_count")
            default: try message.skip(key)
            }
        }
    }
}

/// Trace and span ids as OTLP carries them: 16 and 8 big-endian bytes.
enum OTLPIdentifiers {
    /// `nil` unless there are exactly 16 bytes; all zero is `.invalid`.
    @inline(__always)
    static func traceID(_ bytes: UnsafeRawBufferPointer) -> TraceID? {
        guard bytes.count == 16 else { return nil }
        return TraceID(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    /// `nil` unless there are exactly 8 bytes; zero is `.invalid`.
    @inline(__always)
    static func spanID(_ bytes: UnsafeRawBufferPointer) -> SpanID? {
        guard bytes.count == 8 else { return nil }
        return SpanID(UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
    }
    /// As `traceID`, but absent bytes are `.invalid` too.
    @inline(__always)
    static func optionalTraceID(_ bytes: UnsafeRawBufferPointer) -> TraceID? {
        bytes.isEmpty ? .invalid : traceID(bytes)
    }

    /// As `spanID`, but absent bytes are `.invalid` too.
    @inline(__always)
    static func optionalSpanID(_ bytes: UnsafeRawBufferPointer) -> SpanID? {
        bytes.isEmpty ? .invalid : spanID(bytes)
    }
}
