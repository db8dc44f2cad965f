import HTTPServer
import Platform
import QueryCore
import Store
import Telemetry
import WireFormats

/// What no existing API has a route for, under `/api/sidelight`. Errors are `{"error":"…"}`.
package struct SidelightAPI: Sendable {
    let spans: any SpanStore
    let logs: any LogStore
    let catalog: any Catalog
    let events: EventLog
    let runner: QueryRunner
    let server: ServerFacts

    package init(
        spans: any SpanStore, logs: any LogStore, catalog: any Catalog, events: EventLog,
        runner: QueryRunner, server: ServerFacts
    ) {
        self.spans = spans
        self.logs = logs
        self.catalog = catalog
        self.events = events
        self.runner = runner
        self.server = server
    }

    package func register(on router: inout Router) {
        router.group("/api/sidelight", options: RouteOptions(errors: ErrorRenderers.json)) {
            $0.on(.get, "/logs", traceLogs)
            $0.on(.get, "/logs/spans", rowSpans)
            $0.on(.get, "/alerts/history", alertHistory)
            $0.on(.get, "/status", status)
            $0.on(.get, "/search", search)
        }
    }

    /// `/alerts/history?limit=&alertname=&state=&label=NAME=VALUE&from=&to=`: what alerts did, newest first.
    func alertHistory(_ request: HTTPRequest) async throws -> HTTPResponse {
        let limit = try limit(request, default: 200)
        let now = Timestamp(nanoseconds: runner.clock.wallNanoseconds)
        let filter = try AlertHistoryRequest.filter(request, now: now)
        let transitions = try await runner.run { [catalog] _ in
            try catalog.alertHistory(filter, limit: limit)
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

    func limit(_ request: HTTPRequest, default: Int) throws(HTTPError) -> Int {
        guard let text = request.parameters["limit"], !text.isEmpty else { return `default` }
        guard let limit = Int(text), limit > 0 else {
            throw .badRequest("limit must be a positive number, not \"\(text)\"")
        }
        return min(limit, runner.answerLimits.linesMax)
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
