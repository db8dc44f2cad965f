import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// From logs to traces and back.
extension SidelightAPI {
    /// `/logs/spans?time=&traceId=&spanId=&requestId=&downstreamRemoteAddress=&upstreamLocalAddress=&duration=`:
    /// the spans that a row of an access log is about, from what the row says; `time` is nanoseconds since
    /// the epoch, `duration` milliseconds. `{"spans":[{"traceId","spanId","by"}]}`: several only for a connection that carried several
    /// requests.
    func rowSpans(_ request: HTTPRequest) async throws -> HTTPResponse {
        let row = try Self.identity(request)
        let found = try await runner.run { [logs, spans] context in
            try LogJoin(spans: spans, logs: logs, context: context).spans(of: row)
        }
        var writer = JSONWriter()
        writer.object {
            $0.arrayField("spans") { list in
                for span in found { list.object { Self.write(span, to: &$0) } }
            }
        }
        return .json(writer.bytes)
    }

    static func write(_ span: JoinedSpan, to writer: inout JSONWriter) {
        writer.field("traceId", span.traceID)
        writer.field("spanId", span.spanID)
        writer.field("by", span.way.rawValue)
    }

    private static func identity(_ request: HTTPRequest) throws(HTTPError) -> LogRowIdentity {
        func text(_ name: String) -> String { request.parameters[name] ?? "" }
        guard let nanoseconds = Int64(text("time")) else {
            throw .badRequest("time must be the row's time in nanoseconds since 1970")
        }
        var row = LogRowIdentity(time: Timestamp(nanoseconds: nanoseconds))
        do throws(IdentifierError) {
            if !text("traceId").isEmpty { row.traceID = try TraceID(hex: text("traceId")) }
            if !text("spanId").isEmpty { row.spanID = try SpanID(hex: text("spanId")) }
        } catch {
            throw .badRequest("traceId and spanId must be hexadecimal: \(error)")
        }
        row.requestID = text("requestId")
        row.downstream = Endpoint.canonical(text("downstreamRemoteAddress"))
        row.upstream = Endpoint.canonical(text("upstreamLocalAddress"))
        if let milliseconds = Double(text("duration")), milliseconds > 0, milliseconds < 1e12 {
            row.duration = Int64(milliseconds * 1e6)
        }
        return row
    }

    /// `/logs?traceId=&spanId=&limit=`: the lines of a trace, or of one of its spans, in order of time:
    /// those with its ids, and rows of access logs that are about its spans without saying so (see
    /// `LogJoin`; those of connections with `spanId` only): `{"lines":[{"time","line","severity","traceId","spanId","labels","joined"}],
    /// "truncated"}`, times in nanoseconds as text; `joined` has the spans of a row that has no id, or that
    /// of another span, and how they were found.
    func traceLogs(_ request: HTTPRequest) async throws -> HTTPResponse {
        let trace: TraceID
        let span: SpanID?
        do throws(IdentifierError) {
            trace = try TraceID(hex: request.parameters["traceId"] ?? "")
            let text = request.parameters["spanId"] ?? ""
            span = text.isEmpty ? nil : try SpanID(hex: text)
        } catch {
            throw HTTPError.badRequest("traceId and spanId must be hexadecimal: \(error)")
        }
        let limit = try limit(request, default: 1_000)
        let bytes = try await runner.run { [logs, spans, runner] context in
            var answer = TraceLines(
                span: span, limit: limit, bytesMax: runner.answerLimits.bytesMax)
            var failure: QueryError?
            let stored = try spans.trace(trace)
            try logs.scanLogs(
                LogPredicate(traceID: trace), in: .all, direction: .oldestFirst
            ) { lines, _ in
                do throws(QueryError) { try context.check() } catch {
                    failure = error
                    return false
                }
                return answer.add(lines, of: stored)
            }
            if let failure { throw failure }
            try LogJoin(spans: spans, logs: logs, context: context)
                .rows(
                    of: stored, connectionsOf: span, known: answer.identities
                ) { batch, row, joined in answer.add(batch, row, joined) }
            return answer.finish()
        }
        return .json(bytes)
    }
}

/// Gathers the lines of a trace as JSON.
private struct TraceLines {
    private struct Line {
        var time: Timestamp
        var json: [UInt8]
    }

    let span: SpanID?
    let limit: Int
    let bytesMax: Int
    private var lines: [Line] = []
    private var byteCount = 0
    private var isTruncated = false
    /// Rows of access logs among the lines of a span: their connections may have rows too.
    private(set) var identities: [LogRowIdentity] = []

    init(span: SpanID?, limit: Int, bytesMax: Int) {
        self.span = span
        self.limit = limit
        self.bytesMax = bytesMax
    }

    /// Lines with the id of the trace.
    /// - Returns: false when no more fit.
    mutating func add(_ batch: LogBatch, of trace: SpanBatch) -> Bool {
        for row in 0..<batch.count {
            let identity = LogRowIdentity(batch, row: row)
            let isRequest = identity.isOfAccessLog
            var joined: [JoinedSpan] = []
            // Lines of programs stay with the span that they name; a row is about one.
            if isRequest, let found = LogJoin.span(of: identity, in: trace),
                found.spanID != batch.spanIDs[row]
            {
                joined = [found]
            }
            let isWanted =
                span == nil || batch.spanIDs[row] == span || joined.contains { $0.spanID == span }
            // Of a whole trace they would be many, and each is looked for by itself.
            if isRequest, isWanted, span != nil { identities.append(identity) }
            if isWanted { append(batch, row, joined) }
            if isTruncated { return false }
        }
        return true
    }

    mutating func add(_ batch: LogBatch, _ row: Int, _ joined: [JoinedSpan]) {
        if span == nil || joined.contains(where: { $0.spanID == span }) {
            append(batch, row, joined)
        }
    }

    private mutating func append(_ batch: LogBatch, _ row: Int, _ joined: [JoinedSpan]) {
        guard lines.count < limit, byteCount < bytesMax else {
            isTruncated = true
            return
        }
        var writer = JSONWriter()
        writer.object { Self.write(batch, row, joined, to: &$0) }
        byteCount += writer.bytes.count
        lines.append(Line(time: batch.times[row], json: writer.bytes))
    }

    func finish() -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("lines")
        writer.beginArray()
        let order = lines.indices.sorted {
            lines[$0].time == lines[$1].time ? $0 < $1 : lines[$0].time < lines[$1].time
        }
        for index in order { writer.rawValue(lines[index].json) }
        writer.endArray()
        writer.field("truncated", isTruncated)
        writer.endObject()
        return writer.bytes
    }

    private static func write(
        _ lines: LogBatch, _ row: Int, _ joined: [JoinedSpan], to writer: inout JSONWriter
    ) {
        writer.key("time")
        writer.quotedValue(lines.times[row].nanoseconds)
        var text: [UInt8] = []
        LogLine.append(lines, row: row, to: &text)
        writer.key("line")
        text.withUnsafeBytes { writer.value(utf8: $0) }
        writer.key("severity")
        lines.strings.withBytes(of: lines.severityTexts[row]) { writer.value(utf8: $0) }
        writer.field("traceId", lines.traceIDs[row])
        writer.key("spanId")
        if lines.spanIDs[row].isValid { writer.value(lines.spanIDs[row]) } else { writer.null() }
        writer.field(
            "labels", LogStream.labels(of: lines.resource(at: lines.resourceIndices[row])))
        guard !joined.isEmpty else { return }
        writer.arrayField("joined") { list in
            for span in joined { list.object { SidelightAPI.write(span, to: &$0) } }
        }
    }
}
