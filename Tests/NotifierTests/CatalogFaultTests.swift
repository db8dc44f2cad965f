import CSQLiteVFS
import Foundation
import Notifier
import Platform
import Rules
import SQLiteStore
import Store
import Telemetry
import Testing

/// Rules, dispatcher and receivers over a catalog file whose disk can be full.
private final class FaultyCatalog {
    let folder: String
    let catalog: CatalogFile
    private var fault: Int32?

    init() throws {
        folder =
            FileManager.default.temporaryDirectory.path + "/sidelight-full-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        catalog = try CatalogFile(path: folder + "/catalog.db")
    }

    deinit {
        free()
        do {
            try catalog.close()
            try FileManager.default.removeItem(atPath: folder)
        } catch {
            print("cannot clear away \(folder): \(error)")
        }
    }

    /// From now on the disk has room for so many bytes more.
    func fill(leaving bytes: Int64) throws {
        let number = folder.withCString { path in
            var fault = sidelight_vfs_fault()
            fault.path_contains = path
            fault.operations = Int32(SIDELIGHT_VFS_WRITE)
            fault.quota_bytes = bytes
            return sidelight_vfs_add_fault(&fault)
        }
        try #require(number >= 0)
        fault = number
    }

    func free() {
        if let fault { sidelight_vfs_remove_fault(fault) }
        fault = nil
    }
}

@Suite("A catalog on a full disk", .timeLimit(.minutes(5))) struct CatalogFaultTests {
    private static let rules = """
        groups:
          - name: alerts
            rules:
              - alert: Early
                expr: early > 0
              - alert: Late
                expr: late > 0
          - name: records
            rules:
              - record: doubled
                expr: early * 2
        """

    private func set(_ lab: OutboxLab, _ name: String, _ value: Double) {
        var batch = MetricBatch()
        let series = batch.append(Labels([Labels.metricName: name]))
        batch.append(series: series, time: lab.now.milliseconds, value: value)
        lab.store.append(metrics: batch, digest: nil) { _ in }
    }

    /// Bytes that the disk still takes: nothing, or the first page of a transaction.
    @Test(
        "says so, holds up no other rule, loses no page and repeats none",
        arguments: [0, 5_000] as [Int64])
    func full(leaving bytes: Int64) async throws {
        let lab = OutboxLab()
        let disk = try FaultyCatalog()
        try await WebhookServer.with([.answer(200)]) { server in
            let carrier = HTTPCarrier.patient
            let loop = NotifierLoop(
                catalog: disk.catalog, receivers: [], clock: lab.clock,
                random: SeededRandom(seed: lab.seed), events: lab.events,
                sender: WebhookSender(carrier))
            let alertmanager = try Alertmanager(
                config: try AlertmanagerConfig.parse(
                    """
                    route: {receiver: hook, group_by: [alertname], group_wait: 0s}
                    receivers:
                      - name: hook
                        webhook_configs: [{url: "http://127.0.0.1:\(server.port)/a"}]
                    """, path: "am.yml"), externalURL: "http://here", store: disk.catalog,
                loop: loop, carrier: carrier, clock: lab.clock,
                random: SeededRandom(seed: lab.seed), events: lab.events)
            let environment = RuleEnvironment(
                store: lab.store, catalog: disk.catalog, clock: lab.clock, events: lab.events,
                notifications: Alertmanager.builder)
            let file = try RuleFile.parse(Self.rules, path: "rules.yml")
            var recorded = 0
            var groups = try file.groups.map {
                try RuleGroupEvaluator($0, in: environment, at: lab.now)
            }
            /// One round of everything; what went wrong.
            func round() async throws -> [String] {
                lab.advance(seconds: 10)
                set(lab, "early", 1)
                var failures: [String] = []
                failures += groups[0].evaluate(at: lab.now).failures
                let records = groups[1].evaluate(at: lab.now)
                failures += records.failures
                recorded += records.sampleCount
                do throws(StoreError) {
                    try alertmanager.step()
                } catch {
                    failures.append("\(error)")
                }
                await loop.deliverDue()
                return failures
            }
            #expect(try await round().isEmpty)
            #expect(server.requests.count == 1)

            try disk.fill(leaving: bytes)
            set(lab, "late", 1)
            for _ in 0..<20 {
                let failures = try await round()
                #expect(
                    failures.contains {
                        $0.contains("\(disk.folder)/catalog.db") && $0.contains("full")
                    }, "\(failures)")
            }
            #expect(server.requests.count == 1)
            // One sample of the other group's a round.
            #expect(recorded == 21)

            disk.free()
            for _ in 0..<20 { #expect(try await round().isEmpty) }
            #expect(server.requests.count == 2)
            #expect(server.bodies[1].contains("\"alertname\":\"Late\""))
            alertmanager.shutdown()
            await loop.shutdown()
        }
        let transitions = try disk.catalog.alertHistory(limit: 100).map { "\($0.rule) \($0.to)" }
        #expect(
            transitions.filter { $0.hasSuffix(" firing") }.sorted() == [
                "Early firing", "Late firing",
            ])
    }
}
