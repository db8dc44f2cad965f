import Foundation
import Notifier
import Platform
import Store
import Telemetry
import Testing

/// Debian's Alertmanager, started for a test.
// Used by one thread at a time.
private final class Peer: @unchecked Sendable {
    static let path = ProcessInfo.processInfo.environment["SIDELIGHT_ALERTMANAGER"]
        .flatMap { $0.isEmpty ? nil : $0 }

    private let process = Process()
    private let folder: String
    private(set) var url = ""

    init(config: String) throws {
        folder = FileManager.default.temporaryDirectory.path + "/sidelight-am-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try config.write(toFile: "\(folder)/am.yml", atomically: true, encoding: .utf8)
        process.executableURL = URL(fileURLWithPath: Self.path ?? "")
        process.arguments = [
            "--config.file=\(folder)/am.yml", "--storage.path=\(folder)/data",
            "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=", "--log.level=debug",
        ]
        let output = Pipe()
        process.standardError = output
        process.standardOutput = output
        try process.run()
        var text = ""
        while true {
            let part = output.fileHandleForReading.availableData
            if part.isEmpty { throw CocoaError(.fileReadUnknown) }
            text += String(decoding: part, as: UTF8.self)
            guard let found = text.firstRange(of: "address=127.0.0.1:") else { continue }
            let port = text[found.upperBound...].prefix { $0.isNumber }
            guard text[found.upperBound...].count > port.count else { continue }
            url = "http://127.0.0.1:\(port)"
            break
        }
        // What else it says is nobody's.
        output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
        do {
            try FileManager.default.removeItem(atPath: folder)
        } catch {
            print("cannot clear away \(folder): \(error)")
        }
    }

    func post(_ alerts: [[String: Any]]) throws {
        let body = try JSONSerialization.data(withJSONObject: alerts)
        _ = try curl(
            ["-f", "-H", "content-type: application/json", "--data-binary", "@-"], "/api/v2/alerts",
            body)
    }

    func get(_ path: String) throws -> [[String: Any]] {
        let bytes = try curl(["-f"], path, nil)
        return try JSONSerialization.jsonObject(with: bytes) as? [[String: Any]] ?? []
    }

    /// A client of its own: the test's threads need not wait for one another.
    private func curl(_ arguments: [String], _ path: String, _ body: Data?) throws -> Data {
        let client = Process()
        client.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        client.arguments = ["curl", "-sS"] + arguments + [url + path]
        let (input, output) = (Pipe(), Pipe())
        client.standardInput = input
        client.standardOutput = output
        // Children that other tests start meanwhile would keep it open.
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try client.run()
        if let body { try input.fileHandleForWriting.write(contentsOf: body) }
        try input.fileHandleForWriting.close()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        client.waitUntilExit()
        guard client.terminationStatus == 0 else { throw CocoaError(.fileReadUnknown) }
        return bytes
    }
}

/// Random configurations and alerts from a small vocabulary, so that they meet.
private struct Stream {
    let random: SeededRandom
    private static let names = ["alertname", "team", "host", "severity"]

    private func pick<T>(_ values: [T]) -> T {
        values[Int(random.next(below: UInt64(values.count)))]
    }

    private func matcher() -> String {
        let name = pick(Self.names)
        return pick([
            "\(name)=\"v\(random.next(below: 3))\"", "\(name)!=\"v\(random.next(below: 3))\"",
            "\(name)=~\"v[0\(random.next(below: 3))]\"", "\(name)!~\"v0|v1\"", "\(name)=\"\"",
            "\(name)=~\".+\"",
        ])
    }

    private func list(_ texts: [String]) -> String {
        "[" + texts.map { "'\($0)'" }.joined(separator: ", ") + "]"
    }

    private func matchers() -> String {
        list((0...random.next(below: 2)).map { _ in matcher() })
    }

    private func routes(_ depth: Int, _ indentation: String) -> String {
        (0...random.next(below: 3)).map { _ -> String in
            var lines = ["- matchers: \(matchers())"]
            if random.next(below: 2) == 0 { lines.append("  receiver: r\(random.next(below: 4))") }
            if random.next(below: 2) == 0 {
                let grouping = pick([["..."], ["team"], ["alertname", "host"], ["host"]])
                lines.append("  group_by: \(list(grouping))")
            }
            if random.next(below: 3) == 0 { lines.append("  continue: true") }
            var text = lines.map { indentation + $0 }.joined(separator: "\n") + "\n"
            if depth > 0, random.next(below: 2) == 0 {
                text += "\(indentation)  routes:\n" + routes(depth - 1, indentation + "    ")
            }
            return text
        }.joined()
    }

    func config() -> String {
        var text = "route:\n  receiver: r0\n  group_by: [alertname]\n  group_wait: 1h\n  routes:\n"
        text += routes(2, "    ")
        text += "inhibit_rules:\n"
        for _ in 0...random.next(below: 3) {
            let equal = pick([["host"], ["host", "team"], []])
            text += "  - source_matchers: \(matchers())\n    target_matchers: \(matchers())\n"
            text += "    equal: \(list(equal))\n"
        }
        return text + "receivers: [{name: r0}, {name: r1}, {name: r2}, {name: r3}]\n"
    }

    func labels() -> [String: String] {
        var labels = ["alertname": "v\(random.next(below: 3))"]
        for name in Self.names.dropFirst() where random.next(below: 4) > 0 {
            labels[name] = "v\(random.next(below: 3))"
        }
        return labels
    }
}

@Suite(
    "Beside Debian's Alertmanager", .serialized,
    .enabled(
        if: Peer.path != nil,
        "SIDELIGHT_ALERTMANAGER names no Alertmanager (Debian: prometheus-alertmanager)"))
struct AlertmanagerPeerTests {
    /// Groups, the alerts in each and whether they are inhibited, as lines.
    private func theirs(_ peer: Peer) throws -> [String] {
        try peer.get("/api/v2/alerts/groups").flatMap { group -> [String] in
            let receiver = (group["receiver"] as? [String: String])?["name"] ?? ""
            let labels = group["labels"] as? [String: String] ?? [:]
            return (group["alerts"] as? [[String: Any]] ?? []).map { alert in
                let status = alert["status"] as? [String: Any]
                let isInhibited = (status?["inhibitedBy"] as? [String])?.isEmpty == false
                return line(
                    receiver, labels, alert["labels"] as? [String: String] ?? [:], isInhibited)
            }
        }.sorted()
    }

    private func ours(_ dispatcher: Dispatcher, _ now: Timestamp) -> [String] {
        dispatcher.groupViews(at: now).flatMap { group in
            group.alerts.map {
                line(group.receiver, group.labels, $0.alert.labels, !$0.inhibitedBy.isEmpty)
            }
        }.sorted()
    }

    private func line(
        _ receiver: String, _ group: [String: String], _ alert: [String: String],
        _ isInhibited: Bool
    ) -> String {
        func text(_ labels: [String: String]) -> String {
            labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        }
        return "\(receiver) {\(text(group))} {\(text(alert))}\(isInhibited ? " inhibited" : "")"
    }

    @Test(
        "random alerts are routed, grouped and inhibited alike",
        arguments: 1...12 as ClosedRange<UInt64>)
    func alike(seed: UInt64) async throws {
        let pool = BlockingPool(name: "peer", threads: 1, capacity: 1)
        try await pool.run { try compare(seed) }
        pool.stop()
    }

    private func compare(_ seed: UInt64) throws {
        let stream = Stream(random: SeededRandom(seed: seed))
        let text = stream.config()
        let peer = try Peer(config: text)
        var dispatcher = Dispatcher(
            config: try AlertmanagerConfig.parse(text, path: "am.yml"), externalURL: "")
        for _ in 0..<3 {
            let now = Timestamp(nanoseconds: SystemClock().wallNanoseconds)
            let batch = (0..<25).map { _ in stream.labels() }
            let alerts = batch.map {
                DispatchedAlert(
                    labels: $0, annotations: [:], startsAt: now,
                    endsAt: now.advanced(byNanoseconds: 3_600_000_000_000), updatedAt: now)
            }
            _ = dispatcher.receive(alerts, at: now)
            try peer.post(
                alerts.map {
                    [
                        "labels": $0.labels, "startsAt": RFC3339.string(now),
                        "endsAt": RFC3339.string(Timestamp(nanoseconds: $0.endsAt)),
                    ]
                })
            let expected = ours(dispatcher, now)
            // It groups in the background.
            var found = try theirs(peer)
            let deadline = SystemClock().monotonicNanoseconds + 200_000_000_000
            while found != expected, SystemClock().monotonicNanoseconds < deadline {
                found = try theirs(peer)
            }
            #expect(found == expected, "seed \(seed)\n\(text)")
        }
    }

    private static func labels(_ peer: Peer) throws -> [[String: String]] {
        try peer.get("/api/v2/alerts").map { $0["labels"] as? [String: String] ?? [:] }
    }

    @Test("a real Alertmanager takes the alerts that are handed on to it, and their end")
    func receiver() async throws {
        let pool = BlockingPool(name: "peer", threads: 1, capacity: 1)
        let peer = try await pool.run {
            try Peer(config: "route: {receiver: a}\nreceivers: [{name: a}]\n")
        }
        let lab = OutboxLab()
        lab.clock.setWall(nanoseconds: SystemClock().wallNanoseconds)
        let carrier = HTTPCarrier.patient
        let loop = NotifierLoop(
            catalog: lab.store, receivers: [], clock: lab.clock, random: SeededRandom(seed: 1),
            events: lab.events, sender: WebhookSender(carrier))
        let alertmanager = try Alertmanager(
            config: try AlertmanagerConfig.parse(
                """
                route: {receiver: other, group_by: [alertname], group_wait: 0s, group_interval: 1s}
                receivers: [{name: other, alertmanager_configs: [{url: "\(peer.url)"}]}]
                """, path: "am.yml"), externalURL: "http://here", store: lab.store, loop: loop,
            carrier: carrier, clock: lab.clock, random: SeededRandom(seed: 1), events: lab.events)
        var alert = ReceiverLab.alert
        alert.startsAt = lab.now.nanoseconds
        try alertmanager.receive([alert])
        try alertmanager.step()
        await loop.deliverDue()
        let firing = try await pool.run { try Self.labels(peer) }
        #expect(firing == [alert.labels])
        lab.advance(seconds: 2)
        alert.endsAt = lab.now.nanoseconds - 2_000_000_000
        alert.startsAt = alert.endsAt - 1
        try alertmanager.receive([alert])
        try alertmanager.step()
        await loop.deliverDue()
        let ended = try await pool.run { try Self.labels(peer) }
        #expect(ended.isEmpty)
        #expect(try lab.store.deliveryLog(limit: 10).map(\.state) == [.delivered, .delivered])
        alertmanager.shutdown()
        await loop.shutdown()
        pool.stop()
    }
}
