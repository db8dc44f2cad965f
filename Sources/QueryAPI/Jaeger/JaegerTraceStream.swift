import HTTPServer
import Store
import Telemetry
import WireFormats

/// A large trace as an answer that is written while it is read, in either of Jaeger's forms.
enum JaegerTraceStream {
    /// Spans of one piece: some 6 MB of JSON.
    static let spansAtOnce = 4_096
    /// Smaller traces are answered whole, with their length and, if asked for, compressed.
    static let streamedSpansMin = 4 * spansAtOnce

    /// As `/api/traces/{id}` answers.
    static func v1(
        _ id: TraceID, _ cursor: TraceCursor, _ runner: QueryRunner
    ) -> HTTPResponse {
        .stream(contentType: "application/json") { writer in
            var processes = JaegerProcesses()
            var head = JSONWriter()
            head.jaegerValue(id)
            try await writer.write(
                Array(#"{"data":[{"traceID":"#.utf8) + head.bytes + Array(#","spans":["#.utf8))
            var isFirst = true
            while let spans = try await next(cursor, runner) {
                var piece = JSONWriter(capacity: 1_536 * spans.count)
                piece.array { JaegerTrace(spans, &processes).writeSpans(to: &$0) }
                try await writer.write(elements(piece.bytes, isFirst: isFirst))
                isFirst = false
            }
            var tail = JSONWriter()
            tail.object { processes.write(to: &$0) }
            try await writer.write(
                Array(#"],"processes":"#.utf8) + tail.bytes
                    + Array(
                        #","warnings":null}],"total":0,"limit":0,"offset":0,"errors":null}"#.utf8))
        }
    }

    /// As `/api/v3/traces/{id}` answers: each piece has its own resources.
    static func v3(_ cursor: TraceCursor, _ runner: QueryRunner) -> HTTPResponse {
        .stream(contentType: "application/json") { writer in
            try await writer.write(Array(#"{"result":{"resourceSpans":["#.utf8))
            var isFirst = true
            while let spans = try await next(cursor, runner) {
                var piece = JSONWriter(capacity: 1_024 * spans.count)
                OTLPTraces.writeResourceSpans(spans, to: &piece)
                try await writer.write(elements(piece.bytes, isFirst: isFirst))
                isFirst = false
            }
            try await writer.write(Array("]}}".utf8))
        }
    }

    private static func next(
        _ cursor: TraceCursor, _ runner: QueryRunner
    ) async throws -> SpanBatch? {
        try await runner.run { _ in try cursor.next() }
    }

    /// The inside of an array that is not empty, as a part of a longer one.
    private static func elements(_ array: [UInt8], isFirst: Bool) -> [UInt8] {
        var bytes = array
        bytes.removeLast()
        if isFirst { bytes.removeFirst() } else { bytes[0] = UInt8(ascii: ",") }
        return bytes
    }
}
