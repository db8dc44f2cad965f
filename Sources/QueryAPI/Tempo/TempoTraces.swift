import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// Traces by id in Tempo's two forms, each as protobuf to those who accept it and as OTLP's JSON. A trace is
/// read and sent piece by piece: in protobuf the pieces of one message may simply follow each other.
struct TempoTraces: Sendable {
    /// The two envelopes around the resource spans of a trace.
    enum Form: Sendable {
        /// `{"batches":[…]}`, or the trace itself.
        case plain
        /// `{"trace":{"resourceSpans":[…]},"status":"COMPLETE"}`, or a `TraceByIDResponse`.
        case enveloped
    }

    let store: any SpanStore
    let runner: QueryRunner

    static let protobuf = "application/protobuf"

    static func acceptsProtobuf(_ request: HTTPRequest) -> Bool {
        request.headers.values("accept").contains { $0.contains(protobuf) }
    }

    /// `/api/traces/{id}`. `start` and `end` change nothing: a trace is found by its id.
    func trace(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await answer(request, .plain)
    }

    /// `/api/v2/traces/{id}`.
    func envelopedTrace(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await answer(request, .enveloped)
    }

    private func answer(_ request: HTTPRequest, _ form: Form) async throws -> HTTPResponse {
        let text = request.pathParameters["id"] ?? ""
        let id: TraceID
        do throws(IdentifierError) { id = try TraceID(hex: text) } catch {
            throw HTTPError.badRequest("invalid trace ID \"\(text)\": \(error)")
        }
        if form == .enveloped {
            if TempoModelForm.isAccepted(by: request) {
                return TempoModelForm.response(
                    TempoModelForm.bytes(try await part(of: id, request)))
            }
            if let part = try await filtered(id, request) { return part }
        }
        let isProtobuf = Self.acceptsProtobuf(request)
        let (cursor, first) = try await runner.run { [store] _ in
            let cursor = try store.openTrace(
                id, fields: .all, spansAtOnce: JaegerTraceStream.spansAtOnce)
            return (cursor, try cursor.next())
        }
        guard let first, !first.isEmpty else {
            throw HTTPError(.notFound, message: "trace not found")
        }
        if first.count == cursor.spanCount {
            let bytes =
                isProtobuf
                ? Self.protobuf(first, form)
                : Self.head(form) + Self.elements(first, isFirst: true) + Self.tail(form)
            return isProtobuf
                ? HTTPResponse(status: 200, contentType: Self.protobuf, body: bytes)
                : .json(bytes)
        }
        return isProtobuf
            ? protobufStream(first, cursor, form) : jsonStream(first, cursor, form)
    }

    private func protobufStream(
        _ first: SpanBatch, _ cursor: TraceCursor, _ form: Form
    ) -> HTTPResponse {
        .stream(contentType: Self.protobuf) { [runner] writer in
            try await writer.write(Self.protobuf(first, form))
            while let spans = try await runner.run({ _ in try cursor.next() }) {
                try await writer.write(Self.protobuf(spans, form))
            }
        }
    }

    private func jsonStream(
        _ first: SpanBatch, _ cursor: TraceCursor, _ form: Form
    ) -> HTTPResponse {
        .stream(contentType: "application/json") { [runner] writer in
            try await writer.write(Self.head(form) + Self.elements(first, isFirst: true))
            while let spans = try await runner.run({ _ in try cursor.next() }) {
                try await writer.write(Self.elements(spans, isFirst: false))
            }
            try await writer.write(Self.tail(form))
        }
    }

    // MARK: Pieces

    /// A `Trace` has the same field for its resource spans as an export request; a `TraceByIDResponse`
    /// holds it in its field 1, and two of these merge into one.
    private static func protobuf(_ spans: SpanBatch, _ form: Form) -> [UInt8] {
        let trace = OTLPTraces.encode(spans)
        guard form == .enveloped else { return trace }
        var writer = ProtobufWriter(capacity: trace.count + 16)
        trace.withUnsafeBytes { writer.presentBytes(1, $0) }
        return writer.bytes
    }

    private static func head(_ form: Form) -> [UInt8] {
        switch form {
        case .plain: Array(#"{"batches":["#.utf8)
        case .enveloped: Array(#"{"trace":{"resourceSpans":["#.utf8)
        }
    }

    private static func tail(_ form: Form) -> [UInt8] {
        switch form {
        case .plain: Array("]}".utf8)
        case .enveloped: Array(#"]},"status":"COMPLETE","message":""}"#.utf8)
        }
    }

    /// The inside of an array that is not empty, as a part of a longer one.
    private static func elements(_ spans: SpanBatch, isFirst: Bool) -> [UInt8] {
        var writer = JSONWriter(capacity: 1_024 * spans.count)
        OTLPTraces.writeResourceSpans(spans, to: &writer)
        var bytes = writer.bytes
        bytes.removeLast()
        if isFirst { bytes.removeFirst() } else { bytes[0] = UInt8(ascii: ",") }
        return bytes
    }
}
