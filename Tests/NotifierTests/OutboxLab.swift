import Logging
import Notifier
import Platform
import Store
import Synchronization
import Telemetry

/// A catalog, a clock and receivers.
final class OutboxLab: Sendable {
    let store = MemoryStore { _, _ in false }
    let clock = ManualClock(wallNanoseconds: 1_700_000_000_000_000_000)
    let events = EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let seed: UInt64 = 7

    var now: Timestamp { Timestamp(nanoseconds: clock.wallNanoseconds) }

    func receiver(
        _ name: String = "hook", port: Int, path: String = "/alerts", user: String = "",
        timeout: Duration = .seconds(240)
    ) throws -> WebhookReceiver {
        let url = try WebhookURL("http://\(user)127.0.0.1:\(port)\(path)")
        return WebhookReceiver(name: name, url: url, timeout: timeout)
    }

    /// Puts a notification about alerts of these names into the outbox.
    func tell(
        _ names: [String] = ["Busy"], _ status: AlertNotification.Status = .firing,
        group: String = "g", to receivers: [WebhookReceiver]
    ) throws {
        let notification = AlertNotification(
            group: RuleGroupKey(file: "rules.yml", name: group), status: status, at: now,
            externalURL: "http://here",
            alerts: names.map { name in
                AlertNotice(
                    labels: Labels(["alertname": name, "team": "a"]),
                    annotations: [Attribute("text", .string("\(name) \"now\""))], startsAt: now,
                    endsAt: status == .firing ? nil : now, generatorURL: "http://here/graph")
            })
        var change = CatalogChange()
        change.deliveries = receivers.builder(notification)
        try store.commit(change)
    }

    /// Runs `body` with a loop on this lab's catalog, and closes it.
    func withLoop<Value>(
        _ receivers: [WebhookReceiver], messagesMax: Int = NotifierLoop.messagesMax,
        _ body: (NotifierLoop) async throws -> Value
    ) async throws -> Value {
        let loop = NotifierLoop(
            catalog: store, receivers: receivers, clock: clock, random: SeededRandom(seed: seed),
            events: events, sender: WebhookSender(.patient), messagesMax: messagesMax)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(loop))
        } catch {
            result = .failure(error)
        }
        await loop.shutdown()
        return try result.get()
    }

    func waiting() throws -> [Delivery] {
        try store.dueDeliveries(at: .distantFuture, limit: 10_000)
    }

    func advance(seconds: Double) { clock.advance(byNanoseconds: Int64(seconds * 1e9)) }

    /// Sets the wall clock forward or back.
    func jump(seconds: Int64) {
        clock.setWall(nanoseconds: clock.wallNanoseconds + seconds * 1_000_000_000)
    }

    /// Lets others run and time pass, so that what failed once is tried again.
    func waitALittle() async throws {
        try Task.checkCancellation()
        advance(seconds: 0.001)
        await Task.yield()
    }

    func count(_ name: String, _ receiver: String = "hook") -> UInt64 {
        events.count("sidelight_\(name)_total", labels: [receiver])
    }
}

extension HTTPCarrier {
    /// Waits long where the configuration says nothing: a server that stands still for a minute is no test's
    /// business.
    static var patient: HTTPCarrier {
        HTTPCarrier(standardTimeout: .seconds(300), drainTime: .seconds(30))
    }
}
