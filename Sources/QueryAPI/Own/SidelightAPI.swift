import HTTPServer
import Platform
import QueryCore
import Store
import Telemetry
import WireFormats

/// What no existing API has a route for, under `/api/sidelight`. Errors are `{"error":"…"}`.
package struct SidelightAPI: Sendable {
    let logs: any LogStore
    let catalog: any Catalog
    let events: EventLog
    let runner: QueryRunner
    let server: ServerFacts

    package init(
        logs: any LogStore, catalog: any Catalog, events: EventLog, runner: QueryRunner,
        server: ServerFacts
    ) {
        self.logs = logs
        self.catalog = catalog
        self.events = events
        self.runner = runner
        self.server = server
    }

    package func register(on router: inout Router) {
        router.group("/api/sidelight", options: RouteOptions(errors: ErrorRenderers.json)) {
            $0.on(.get, "/logs", traceLogs)
            $0.on(.get, "/alerts/history", alertHistory)
            $0.on(.get, "/status", status)
        }
    }

    /// `/logs?traceId=&spanId=&limit=`: the lines of a trace, or of one of its spans, oldest first:
    /// `{"lines":[{"time","line","severity","traceId","spanId","labels"}],"truncated"}`, times in
    /// nanoseconds as text.
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
        let bytes = try await runner.run { [logs, runner] context in
            var answer = TraceLines(
                span: span, limit: limit, bytesMax: runner.answerLimits.bytesMax)
            var failure: QueryError?
            try logs.scanLogs(
                LogPredicate(traceID: trace), in: .all, direction: .oldestFirst
            ) { lines, _ in
                do throws(QueryError) { try context.check() } catch {
                    failure = error
                    return false
                }
                return answer.add(lines)
            }
            if let failure { throw failure }
            return answer.finish()
        }
        return .json(bytes)
    }

    /// `/alerts/history?limit=`: what alerts did, newest first.
    func alertHistory(_ request: HTTPRequest) async throws -> HTTPResponse {
        let limit = try limit(request, default: 200)
        let transitions = try await runner.run { [catalog] _ in
            try catalog.alertHistory(limit: limit)
        }
        var writer = JSONWriter()
        writer.object {
            $0.arrayField("transitions") { array in
                for transition in transitions { array.value(transition) }
            }
        }
        return .json(writer.bytes)
    }

    /// `/status`: version, uptime and all counters and gauges.
    func status(_ request: HTTPRequest) async throws -> HTTPResponse {
        let now = Timestamp(nanoseconds: runner.clock.wallNanoseconds)
        var writer = JSONWriter()
        writer.object {
            $0.field("version", server.version)
            $0.field("revision", server.revision)
            $0.key("startedAt")
            $0.value(rfc3339: server.startedAt)
            $0.field(
                "uptimeSeconds",
                max(0, now.nanoseconds(since: server.startedAt)) / 1_000_000_000)
            $0.field("retention", server.retention)
            $0.arrayField("metrics") { array in
                for reading in events.readings() { array.value(reading) }
            }
        }
        return .json(writer.bytes)
    }

    private func limit(_ request: HTTPRequest, default: Int) throws(HTTPError) -> Int {
        guard let text = request.parameters["limit"], !text.isEmpty else { return `default` }
        guard let limit = Int(text), limit > 0 else {
            throw .badRequest("limit must be a positive number, not \"\(text)\"")
        }
        return min(limit, runner.answerLimits.linesMax)
    }
}

/// Gathers the lines of a trace as JSON.
private struct TraceLines {
    let span: SpanID?
    let limit: Int
    let bytesMax: Int
    private var writer = JSONWriter()
    private var count = 0
    private var isTruncated = false

    init(span: SpanID?, limit: Int, bytesMax: Int) {
        self.span = span
        self.limit = limit
        self.bytesMax = bytesMax
        writer.beginObject()
        writer.key("lines")
        writer.beginArray()
    }

    /// - Returns: false when no more fit.
    mutating func add(_ lines: LogBatch) -> Bool {
        for row in 0..<lines.count where span == nil || lines.spanIDs[row] == span {
            guard count < limit, writer.bytes.count < bytesMax else {
                isTruncated = true
                return false
            }
            count += 1
            writer.object { Self.write(lines, row, to: &$0) }
        }
        return true
    }

    mutating func finish() -> [UInt8] {
        writer.endArray()
        writer.field("truncated", isTruncated)
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ lines: LogBatch, _ row: Int, to writer: inout JSONWriter) {
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
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ transition: AlertTransition) {
        object {
            $0.key("at")
            $0.value(rfc3339: transition.at)
            $0.field("file", transition.group.file)
            $0.field("group", transition.group.name)
            $0.field("rule", transition.rule)
            $0.field("labels", transition.labels)
            $0.field("from", transition.from)
            $0.field("to", transition.to)
            $0.key("value")
            $0.prometheusValue(transition.value)
        }
    }

    fileprivate mutating func value(_ reading: EventLog.Reading) {
        object {
            $0.field("name", reading.name)
            $0.field("type", reading.type)
            $0.objectField("labels") { labels in
                for label in reading.labels {
                    labels.key(label.name)
                    labels.value(label.value)
                }
            }
            $0.field("value", reading.value)
        }
    }
}
