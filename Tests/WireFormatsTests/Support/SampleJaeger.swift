import WireFormats

/// The same two spans in Jaeger's wire forms: a server's with all that a span can say, and its child.
enum SampleJaeger {
    static let traceHigh: Int64 = 0x1122_3344_5566_7788
    static let traceLow: Int64 = -2
    static let micros: Int64 = 1_700_000_000_123_456

    private static func tag(_ key: String, _ type: Int32, _ id: Int16, _ value: ThriftValue)
        -> ThriftValue
    {
        .structure([(1, .string(key)), (2, .int32(type)), (id, value)])
    }

    private static func reference(_ type: Int32, _ low: Int64, _ high: Int64, _ span: Int64)
        -> ThriftValue
    {
        .structure([(1, .int32(type)), (2, .int64(low)), (3, .int64(high)), (4, .int64(span))])
    }

    private static var process: ThriftValue {
        let tags: [ThriftValue] = [tag("hostname", 0, 3, .string("h1"))]
        return .structure([(1, .string("cart")), (2, .list(tags))])
    }

    private static var log: ThriftValue {
        let fields: [ThriftValue] = [
            tag("event", 0, 3, .string("cache miss")), tag("size", 3, 6, .int64(-7)),
        ]
        return .structure([(1, .int64(micros + 5)), (2, .list(fields))])
    }

    private static var full: ThriftValue {
        let references: [ThriftValue] = [
            reference(0, traceLow, traceHigh, 0x9), reference(1, 77, 0, 0x70),
        ]
        let tags: [ThriftValue] = [
            tag("span.kind", 0, 3, .string("server")), tag("error", 2, 5, .bool(true)),
            tag("ratio", 1, 4, .double(0.25)), tag("http.status_code", 3, 6, .int64(500)),
            tag("raw", 4, 7, .binary([0, 255])), tag("cached", 2, 5, .bool(false)),
            tag("otel.scope.name", 0, 3, .string("lib")),
        ]
        var fields: [(Int16, ThriftValue)] = head(0x10, parent: 0x9, "GET /cart", references)
        fields += times(micros, 1_500)
        fields.append((10, .list(tags)))
        fields.append((11, .list([log])))
        // Of a later version of the format.
        fields.append((40, .map([(.string("a"), .list([.bool(true), .bool(false)]))])))
        fields.append((41, .structure([(1, .byte(1)), (2, .int16(3))])))
        return .structure(fields)
    }

    private static var child: ThriftValue {
        let references: [ThriftValue] = [
            reference(1, traceLow, traceHigh, 0x5), reference(0, traceLow, traceHigh, 0x10),
        ]
        let fields = head(0x11, parent: 0, "query", references)
        return .structure(fields + times(micros + 10, 20))
    }

    private static func head(
        _ id: Int64, parent: Int64, _ name: String, _ references: [ThriftValue]
    ) -> [(Int16, ThriftValue)] {
        [
            (1, .int64(traceLow)), (2, .int64(traceHigh)), (3, .int64(id)), (4, .int64(parent)),
            (5, .string(name)), (6, .list(references)), (7, .int32(1)),
        ]
    }

    private static func times(_ start: Int64, _ duration: Int64) -> [(Int16, ThriftValue)] {
        [(8, .int64(start)), (9, .int64(duration))]
    }

    static var batch: ThriftValue {
        let spans: ThriftValue = .list([full, child])
        let statistics: ThriftValue = .structure([(1, .int64(0))])
        let fields: [(Int16, ThriftValue)] = [
            (1, Self.process), (2, spans), (3, ThriftValue.int64(9)), (4, statistics),
        ]
        return .structure(fields)
    }

    static func thrift(_ encoding: ThriftEncoding) -> [UInt8] { batch.encoded(encoding) }

    // MARK: Protobuf

    static var traceID: [UInt8] {
        [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]
            + [UInt8](repeating: 0xFF, count: 7) + [0xFE]
    }

    static func id(_ low: UInt8) -> [UInt8] { [0, 0, 0, 0, 0, 0, 0, low] }

    private static func keyValue(
        _ key: String, type: UInt64 = 0, _ value: @escaping (inout ProtobufWriter) -> Void
    ) -> (inout ProtobufWriter) -> Void {
        { writer in
            writer.string(1, key)
            writer.varint(2, type)
            value(&writer)
        }
    }

    private static func time(_ field: UInt32, _ micros: Int64, _ writer: inout ProtobufWriter) {
        writer.message(field) {
            $0.varint(1, UInt64(micros / 1_000_000))
            $0.varint(2, UInt64(micros % 1_000_000 * 1_000))
        }
    }

    private static func reference(
        _ trace: [UInt8], _ span: [UInt8], type: UInt64, _ writer: inout ProtobufWriter
    ) {
        writer.message(4) { reference in
            trace.withUnsafeBytes { reference.bytes(1, $0) }
            span.withUnsafeBytes { reference.bytes(2, $0) }
            reference.varint(3, type)
        }
    }

    private static func writeHead(_ id: [UInt8], _ name: String, _ writer: inout ProtobufWriter) {
        traceID.withUnsafeBytes { writer.bytes(1, $0) }
        id.withUnsafeBytes { writer.bytes(2, $0) }
        writer.string(3, name)
    }

    private static func writeFull(_ span: inout ProtobufWriter) {
        writeHead(id(0x10), "GET /cart", &span)
        reference(traceID, id(0x9), type: 0, &span)
        reference([UInt8](repeating: 0, count: 15) + [77], id(0x70), type: 1, &span)
        span.varint(5, 1)
        time(6, micros, &span)
        time(7, 1_500, &span)
        span.message(8, keyValue("span.kind") { $0.string(3, "server") })
        span.message(8, keyValue("error", type: 1) { $0.varint(4, 1) })
        span.message(8, keyValue("ratio", type: 3) { $0.double(6, 0.25) })
        span.message(8, keyValue("http.status_code", type: 2) { $0.varint(5, 500) })
        span.message(
            8,
            keyValue("raw", type: 4) { writer in
                [UInt8]([0, 255]).withUnsafeBytes { writer.bytes(7, $0) }
            })
        span.message(8, keyValue("cached", type: 1) { _ in })
        span.message(8, keyValue("otel.scope.name") { $0.string(3, "lib") })
        span.message(9) { log in
            time(1, micros + 5, &log)
            log.message(2, keyValue("event") { $0.string(3, "cache miss") })
            log.message(
                2, keyValue("size", type: 2) { $0.varint(5, UInt64(bitPattern: -7)) })
        }
        span.string(12, "a warning")
    }

    private static func writeChild(_ span: inout ProtobufWriter) {
        writeHead(id(0x11), "query", &span)
        reference(traceID, id(0x5), type: 1, &span)
        reference(traceID, id(0x10), type: 0, &span)
        span.varint(5, 1)
        time(6, micros + 10, &span)
        time(7, 20, &span)
    }

    /// The process once for all spans, behind them; or in each.
    static func postSpans(processInSpans: Bool = false) -> [UInt8] {
        func process(_ writer: inout ProtobufWriter) {
            writer.string(1, "cart")
            writer.message(2, keyValue("hostname") { $0.string(3, "h1") })
        }
        var writer = ProtobufWriter()
        writer.message(1) { batch in
            for body in [writeFull, writeChild] {
                batch.message(1) { span in
                    body(&span)
                    if processInSpans { span.message(10, process) }
                }
            }
            if !processInSpans { batch.message(2, process) }
        }
        return writer.bytes
    }
}
