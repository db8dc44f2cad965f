import HTTPServer
import Logging
import Platform
import Telemetry
import WireFormats

/// Writes a line of JSON for every query, in the form of Prometheus's query log
/// (prometheus.io/docs/guides/query-log). Opens the file for each line, so that it may be rotated away at
/// any time. Blocks.
package final class QueryLog: Sendable {
    private let path: String
    private let files: any FileSystem
    private let clock: any Clock
    private let events: EventLog

    package init(
        path: String, clock: any Clock, events: EventLog,
        files: any FileSystem = PosixFileSystem()
    ) {
        self.path = path
        self.files = files
        self.clock = clock
        self.events = events
    }

    /// - Throws: `FileError` if the file cannot be written: for a check at the start.
    package func open() throws(FileError) { try append([]) }

    func write(
        _ query: String, _ span: QuerySpan, _ request: HTTPRequest, _ statistics: QueryStatistics,
        error: String = ""
    ) {
        var writer = JSONWriter(capacity: 512)
        writer.object { line in
            line.key("time")
            line.value(rfc3339: Timestamp(nanoseconds: clock.wallNanoseconds))
            line.field("level", "INFO")
            line.field("msg", "promql query logged")
            line.objectField("params") { params in
                params.key("end")
                params.value(rfc3339: Timestamp(milliseconds: span.end))
                params.field("query", query)
                params.key("start")
                params.value(rfc3339: Timestamp(milliseconds: span.start))
                params.field("step", span.step / 1_000)
            }
            line.key("stats")
            statistics.write(to: &line, span)
            if !error.isEmpty { line.field("error", error) }
            line.objectField("httpRequest") { http in
                http.field("clientIP", request.remoteAddress)
                http.field("method", request.method.rawValue)
                http.field("path", request.path)
            }
        }
        do throws(FileError) { try append(writer.bytes + [UInt8(ascii: "\n")]) } catch {
            events.emit(QueryLogFailed(reason: "\(error)"))
        }
    }

    private func append(_ line: [UInt8]) throws(FileError) {
        let file = try files.openForAppending(path)
        do throws(FileError) {
            if !line.isEmpty { try file.append(line) }
        } catch {
            try file.close()
            throw error
        }
        try file.close()
    }
}

/// A line of the query log could not be written.
private struct QueryLogFailed: InternalEvent {
    static let counter = "sidelight_query_log_failures_total"
    static let help = "Queries that could not be logged."
    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "the query log could not be written: \(reason)" }
}
