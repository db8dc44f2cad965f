import Foundation
import HTTPServer
import Notifier
import Platform
import Store
import Telemetry
import WireFormats

/// Version 2 of Alertmanager's API (api/v2/openapi.yaml): what `amtool`, Prometheus and dashboards speak.
/// Errors are a JSON string.
package struct AlertmanagerAPI: Sendable {
    let alertmanager: Alertmanager
    let runner: QueryRunner
    let server: ServerFacts

    package init(alertmanager: Alertmanager, runner: QueryRunner, server: ServerFacts) {
        self.alertmanager = alertmanager
        self.runner = runner
        self.server = server
    }

    static let errors: ErrorRenderer = { error, _ in
        .json(ErrorRenderers.jsonString(error.message), status: error.status)
    }

    /// - Parameter prefix: "" or a path such as `/alertmanager`.
    package func register(on router: inout Router, prefix: String = "") {
        router.group(prefix, options: RouteOptions(errors: Self.errors)) {
            $0.on(.get, "/api/v2/status", status)
            $0.on(.get, "/api/v2/receivers", receivers)
            $0.on(.get, "/api/v2/alerts", alerts)
            $0.on(.post, "/api/v2/alerts", postAlerts)
            $0.on(.get, "/api/v2/alerts/groups", groups)
            $0.on(.get, "/api/v2/silences", silences)
            $0.on(.post, "/api/v2/silences", postSilence)
            $0.on(.get, "/api/v2/silence/{id}", silence)
            $0.on(.delete, "/api/v2/silence/{id}", deleteSilence)
        }
        guard !prefix.isEmpty else { return }
        var open = RouteOptions()
        open.needsToken = false
        router.on(.get, prefix + "/-/healthy", options: open) { _ in .text("OK") }
        router.on(.get, prefix + "/-/ready", options: open) { _ in .text("OK") }
    }

    // MARK: Status

    private func status(_ request: HTTPRequest) async throws -> HTTPResponse {
        let config = alertmanager.snapshot.config.shown
        var writer = JSONWriter()
        writer.object {
            $0.objectField("cluster") { cluster in
                cluster.field("status", "disabled")
                cluster.arrayField("peers") { _ in }
            }
            $0.objectField("config") { $0.field("original", config) }
            $0.key("uptime")
            $0.value(rfc3339: server.startedAt, fraction: .milliseconds)
            $0.objectField("versionInfo") { version in
                version.field("branch", "")
                version.field("buildDate", "")
                version.field("buildUser", "")
                version.field("goVersion", "none: Sidelight is written in Swift")
                version.field("revision", server.revision)
                version.field("version", server.version)
            }
        }
        return .json(writer.bytes)
    }

    private func receivers(_ request: HTTPRequest) async throws -> HTTPResponse {
        var writer = JSONWriter()
        writer.array { array in
            for name in alertmanager.snapshot.config.receivers {
                array.object { $0.field("name", name) }
            }
        }
        return .json(writer.bytes)
    }

    // MARK: Alerts

    private func alerts(_ request: HTTPRequest) async throws -> HTTPResponse {
        let filter = try AlertFilter(request.parameters)
        let (now, snapshot) = (alertmanager.now, alertmanager.snapshot)
        let views = try await runner.run { _ in
            snapshot.alertViews(at: now).filter { view in
                filter.accepts(view) && view.receivers.contains(where: filter.acceptsReceiver)
            }
        }
        var writer = JSONWriter()
        writer.array { array in for view in views { array.value(view, now) } }
        return .json(writer.bytes)
    }

    private func groups(_ request: HTTPRequest) async throws -> HTTPResponse {
        let filter = try AlertFilter(request.parameters)
        let showsMuted = try AlertFilter.flag(request.parameters, "muted")
        let (now, snapshot) = (alertmanager.now, alertmanager.snapshot)
        let groups = try await runner.run { _ in
            snapshot.groupViews(at: now).compactMap { group -> GroupView? in
                guard filter.acceptsReceiver(group.receiver) else { return nil }
                var group = group
                group.alerts.removeAll { !filter.accepts($0) || !showsMuted && !$0.mutedBy.isEmpty }
                return group.alerts.isEmpty ? nil : group
            }
        }
        var writer = JSONWriter()
        writer.array { array in
            for group in groups {
                array.object {
                    $0.arrayField("alerts") { alerts in
                        for view in group.alerts { alerts.value(view, now) }
                    }
                    $0.objectField("labels") { $0.texts(group.labels) }
                    $0.objectField("receiver") { $0.field("name", group.receiver) }
                }
            }
        }
        return .json(writer.bytes)
    }

    private func postAlerts(_ request: HTTPRequest) async throws -> HTTPResponse {
        let posted: [PostedAlert] = try Self.decoded(request.body)
        let now = alertmanager.now
        let resolveTimeout = alertmanager.snapshot.config.resolveTimeout
        var complaints: [String] = []
        var alerts: [DispatchedAlert] = []
        for alert in posted {
            do throws(HTTPError) {
                alerts.append(try alert.alert(at: now, resolveTimeout: resolveTimeout))
            } catch {
                complaints.append(error.message)
            }
        }
        let valid = alerts
        try await runner.run { [alertmanager] _ in try alertmanager.receive(valid) }
        if !complaints.isEmpty {
            throw HTTPError.badRequest(complaints.joined(separator: "; "))
        }
        return HTTPResponse(status: 200)
    }

    static func decoded<Value: Decodable>(_ body: [UInt8]) throws(HTTPError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(body))
        } catch let error as DecodingError {
            throw .badRequest("parsing body failed: \(Self.text(error))")
        } catch {
            throw .badRequest("parsing body failed: it is no JSON")
        }
    }

    private static func text(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "\(key.stringValue) is required"
        case .typeMismatch(_, let context), .valueNotFound(_, let context),
            .dataCorrupted(let context):
            (context.codingPath.map(\.stringValue).joined(separator: ".") + ": "
                + context.debugDescription)
        @unknown default: "it is no such JSON"
        }
    }
}

/// An alert as clients send it.
private struct PostedAlert: Decodable {
    var labels: [String: String]
    var annotations: [String: String]?
    var startsAt: String?
    var endsAt: String?
    var generatorURL: String?

    /// With what is left out filled in (Alertmanager, api.postAlertsHandler).
    func alert(
        at now: Timestamp, resolveTimeout: Int64
    ) throws(HTTPError) -> DispatchedAlert {
        let labels = labels.filter { !$0.value.isEmpty }
        guard !labels.isEmpty else { throw .badRequest("at least one label pair required") }
        if labels.keys.contains("") { throw .badRequest("invalid label set: invalid name \"\"") }
        let start = try Self.time(startsAt, "startsAt")
        let end = try Self.time(endsAt, "endsAt")
        let alert = DispatchedAlert(
            labels: labels, annotations: annotations ?? [:], startsAt: start ?? end ?? now,
            endsAt: end ?? now.advanced(byNanoseconds: resolveTimeout), updatedAt: now,
            generatorURL: generatorURL ?? "", hasTimeout: end == nil)
        guard alert.endsAt >= alert.startsAt else {
            throw .badRequest("start time must be before end time")
        }
        return alert
    }

    /// `nil` for none and for Go's zero time.
    private static func time(_ text: String?, _ name: String) throws(HTTPError) -> Timestamp? {
        guard let text, !text.isEmpty, !text.hasPrefix("0001-01-01T00:00:00") else { return nil }
        guard let time = RFC3339.parse(text) else {
            throw .badRequest("parsing body failed: \(name) is no time: \(text.prefix(40))")
        }
        return time
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ view: AlertView, _ now: Timestamp) {
        object {
            $0.objectField("annotations") { $0.texts(view.alert.annotations) }
            $0.key("endsAt")
            // An alert of a rule ends when the rule says so.
            $0.value(
                rfc3339: view.alert.endsAt == .max
                    ? now.advanced(byNanoseconds: 240_000_000_000)
                    : Timestamp(nanoseconds: view.alert.endsAt), fraction: .milliseconds)
            $0.field("fingerprint", view.fingerprint)
            $0.arrayField("receivers") { array in
                for name in view.receivers { array.object { $0.field("name", name) } }
            }
            $0.key("startsAt")
            $0.value(
                rfc3339: Timestamp(nanoseconds: view.alert.startsAt), fraction: .milliseconds)
            $0.objectField("status") { status in
                status.field("inhibitedBy", strings: view.inhibitedBy)
                status.field("mutedBy", strings: view.mutedBy)
                status.field("silencedBy", strings: view.silencedBy)
                status.field("state", view.isSuppressed ? "suppressed" : "active")
            }
            $0.key("updatedAt")
            $0.value(
                rfc3339: Timestamp(nanoseconds: view.alert.updatedAt), fraction: .milliseconds)
            $0.field("generatorURL", view.alert.generatorURL)
            $0.objectField("labels") { $0.texts(view.alert.labels) }
        }
    }

    /// Members of an object, by name.
    mutating func texts(_ texts: [String: String]) {
        for (name, text) in texts.sorted(by: { $0.key < $1.key }) {
            key(name)
            value(text)
        }
    }
}
