import HTTPServer
import Notifier
import Store
import Telemetry
import WireFormats

/// What Alertmanager has no route for: `GET /api/sidelight/alerts/dry-run?label=a=b&…` and
/// `GET /api/sidelight/alerts/deliveries?limit=`.
package struct NotificationRoutes: Sendable {
    private let alertmanager: Alertmanager
    private let runner: QueryRunner

    package init(alertmanager: Alertmanager, runner: QueryRunner) {
        self.alertmanager = alertmanager
        self.runner = runner
    }

    package func register(on router: inout Router) {
        let options = RouteOptions(errors: ErrorRenderers.json)
        router.on(.get, "/api/sidelight/alerts/dry-run", options: options, dryRun)
        router.on(.get, "/api/sidelight/alerts/deliveries", options: options, deliveries)
    }

    private func dryRun(_ request: HTTPRequest) async throws -> HTTPResponse {
        var labels: [String: String] = [:]
        for text in request.parameters.all("label") {
            guard let sign = text.firstIndex(of: "="), sign > text.startIndex else {
                throw HTTPError.badRequest("label must be NAME=VALUE, not \"\(text)\"")
            }
            labels[String(text[..<sign])] = String(text[text.index(after: sign)...])
        }
        guard !labels.isEmpty else {
            throw HTTPError.badRequest("give the labels of an alert: label=alertname=Busy")
        }
        var now = alertmanager.now
        if let text = request.parameters["time"], !text.isEmpty {
            guard let time = RFC3339.parse(text) else {
                throw HTTPError.badRequest(
                    "time must be like 2026-01-02T03:04:05Z, not \"\(text)\"")
            }
            now = time
        }
        let (time, wanted) = (now, labels)
        let found = try await runner.run { [alertmanager] _ in
            alertmanager.dryRun(wanted, at: time)
        }
        var writer = JSONWriter()
        writer.value(found, wanted, time)
        return .json(writer.bytes)
    }

    private func deliveries(_ request: HTTPRequest) async throws -> HTTPResponse {
        let text = request.parameters["limit"] ?? "100"
        guard let limit = Int(text), (1...10_000).contains(limit) else {
            throw HTTPError.badRequest("limit must be a number from 1 to 10000, not \"\(text)\"")
        }
        let entries = try await runner.run { [alertmanager] _ in
            try alertmanager.deliveryLog(limit: limit)
        }
        var writer = JSONWriter()
        writer.object {
            $0.arrayField("deliveries") { array in
                for entry in entries { array.value(entry) }
            }
        }
        return .json(writer.bytes)
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ entry: DeliveryLogEntry) {
        object {
            $0.field("receiver", entry.delivery.receiver)
            $0.field("state", entry.state.rawValue)
            $0.key("createdAt")
            $0.value(rfc3339: entry.delivery.createdAt)
            $0.field("attempts", entry.delivery.attempts)
            if entry.state == .due {
                $0.key("nextAttemptAt")
                $0.value(rfc3339: entry.delivery.nextAttemptAt)
            }
            if !entry.delivery.lastError.isEmpty {
                $0.field("lastError", entry.delivery.lastError)
            }
        }
    }

    fileprivate mutating func value(
        _ dryRun: DryRun, _ labels: [String: String], _ time: Timestamp
    ) {
        object {
            $0.objectField("labels") { $0.texts(labels) }
            $0.key("time")
            $0.value(rfc3339: time)
            $0.field("told", dryRun.isTold)
            $0.arrayField("routes") { array in
                for step in dryRun.steps { array.value(step) }
            }
            $0.arrayField("direct") { array in
                for endpoint in dryRun.direct {
                    array.object {
                        $0.field("name", endpoint.name)
                        $0.field("address", endpoint.address)
                    }
                }
            }
            $0.arrayField("silencedBy") { array in
                for silence in dryRun.silencedBy {
                    array.object {
                        $0.field("id", silence.id)
                        $0.field("createdBy", silence.createdBy)
                        $0.field("comment", silence.comment)
                        $0.key("endsAt")
                        $0.value(rfc3339: Timestamp(nanoseconds: silence.endsAt))
                    }
                }
            }
            $0.arrayField("inhibitedBy") { array in
                for alert in dryRun.inhibitedBy {
                    array.object { $0.objectField("labels") { $0.texts(alert.labels) } }
                }
            }
        }
    }

    private mutating func value(_ step: DryRun.Step) {
        object {
            $0.field("route", step.route.key)
            $0.field("receiver", step.route.receiver)
            $0.arrayField("integrations") { array in
                for integration in step.integrations {
                    array.object {
                        $0.field("kind", integration.kind)
                        $0.field("address", integration.address)
                        $0.field("sendsResolved", integration.sendsResolved)
                    }
                }
            }
            $0.objectField("groupLabels") { $0.texts(step.groupLabels) }
            $0.key("toldAt")
            $0.value(rfc3339: step.toldAt)
            $0.field("repeatSeconds", step.route.repeatInterval / 1_000_000_000)
            $0.field("mutedBy", strings: step.mutedBy)
        }
    }
}
