import Foundation
import Notifier
import Platform
import Store
import Telemetry
import Testing

@Suite("tls_config.server_name") struct ServerNameTests {
    /// The last attempt, and what the server got.
    private func send(_ name: String) async throws -> (DeliveryLogEntry, [WebhookServer.Request]) {
        let lab = OutboxLab()
        let authority = FileManager.default.temporaryDirectory
            .appendingPathComponent("authority-\(UUID().uuidString).pem").path
        try MailServer.certificate.write(toFile: authority, atomically: true, encoding: .utf8)
        defer { unlink(authority) }
        // The certificate is for localhost and 127.0.0.1.
        return try await WebhookServer.with(
            [.answer(200)], tls: try MailServer.tls(), host: "127.0.0.2"
        ) { server in
            let config = try AlertmanagerConfig.parse(
                """
                route: {receiver: hook, group_wait: 0s}
                receivers:
                  - name: hook
                    webhook_configs:
                      - url: https://127.0.0.2:\(server.port)/a
                        http_config:
                          tls_config: {ca_file: \(authority)\(name)}
                """, path: "am.yml")
            let carrier = HTTPCarrier.patient
            let loop = NotifierLoop(
                catalog: lab.store, receivers: [], clock: lab.clock,
                random: SeededRandom(seed: lab.seed), events: lab.events,
                sender: WebhookSender(carrier))
            let alertmanager = try Alertmanager(
                config: config, externalURL: "http://here", store: lab.store, loop: loop,
                carrier: carrier, clock: lab.clock, random: SeededRandom(seed: lab.seed),
                events: lab.events)
            try alertmanager.receive([ReceiverLab.alert])
            lab.advance(seconds: 20)
            try alertmanager.step()
            await loop.deliverDue()
            alertmanager.shutdown()
            await loop.shutdown()
            return (try #require(try lab.store.deliveryLog(limit: 1).first), server.requests)
        }
    }

    @Test("is the name that the certificate must have, while the address stays")
    func checked() async throws {
        let (entry, requests) = try await send(", server_name: localhost")
        #expect(entry.state == .delivered, "\(entry.delivery.lastError)")
        let host = requests.first?.headers.filter { $0.name.lowercased() == "host" }.map(\.value)
        #expect(host?.count == 1 && host?.first?.hasPrefix("127.0.0.2:") == true, "\(host ?? [])")
        #expect(requests.first?.uri == "/a")
    }

    @Test(
        "that the certificate does not have ends the attempt, as does an address that it does not have"
    )
    func refused() async throws {
        for name in [", server_name: elsewhere.example", ""] {
            let (entry, requests) = try await send(name)
            #expect(entry.state == .due)
            #expect(requests.isEmpty)
        }
    }
}
