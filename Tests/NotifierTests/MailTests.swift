import Foundation
import Notifier
import Platform
import Store
import Telemetry
import Testing

@Suite("Mails", .timeLimit(.minutes(5))) struct MailTests {
    /// Sends one alert by mail and gives what became of it.
    private func send(
        _ server: MailServer, _ more: String = "tls_config: {insecure_skip_verify: true}",
        to: String = "a@example, B <b@example>"
    ) async throws -> DeliveryLogEntry {
        let lab = OutboxLab()
        let carrier = HTTPCarrier.patient
        let config = try AlertmanagerConfig.parse(
            """
            global: {smtp_from: 'Alerts <from@example>', smtp_smarthost: '127.0.0.1:\(server.port)'}
            route: {receiver: mail, group_by: [alertname], group_wait: 0s}
            receivers:
              - name: mail
                email_configs:
                  - to: '\(to)'
                    text: "ä {{ .Status }}\\n.point"
                    timeout: 300s
                    headers: {x-own: '{{ .CommonLabels.severity }}'}
                    \(more)
            """, path: "am.yml")
        let loop = NotifierLoop(
            catalog: lab.store, receivers: [], clock: lab.clock,
            random: SeededRandom(seed: lab.seed), events: lab.events, sender: WebhookSender(carrier)
        )
        let alertmanager = try Alertmanager(
            config: config, externalURL: "http://here", store: lab.store, loop: loop,
            carrier: carrier, clock: lab.clock, random: SeededRandom(seed: lab.seed),
            events: lab.events)
        try alertmanager.receive([ReceiverLab.alert])
        lab.advance(seconds: 1)
        try alertmanager.step()
        await loop.deliverDue()
        alertmanager.shutdown()
        await loop.shutdown()
        return try #require(try lab.store.deliveryLog(limit: 1).first)
    }

    @Test("travel encrypted after STARTTLS, with a password, as text and HTML")
    func startTLS() async throws {
        try await MailServer.with { server in
            let entry = try await send(
                server,
                """
                tls_config: {insecure_skip_verify: true}
                        auth_username: me
                        auth_password: hush
                """)
            #expect(entry.state == .delivered, "\(entry.delivery.lastError)")
            #expect(
                server.commands.prefix(7) == [
                    "EHLO localhost", "STARTTLS", "EHLO localhost", "AUTH PLAIN AG1lAGh1c2g=",
                    "MAIL FROM:<from@example>", "RCPT TO:<a@example>", "RCPT TO:<b@example>",
                ])
            let mail = try #require(server.mails.first)
            #expect(mail.contains("Subject: [FIRING:1] Busy (page a<b)\n"), "\(mail)")
            #expect(mail.contains("From: Alerts <from@example>\n"))
            #expect(mail.contains("To: a@example, B <b@example>\n"))
            #expect(mail.contains("X-Own: page\n"))
            #expect(mail.contains("Date: Tue, 14 Nov 2023 22:13:2"))
            #expect(mail.contains("=C3=A4 firing\n.point\n"), "\(mail)")
            #expect(mail.contains("Content-Type: text/html; charset=UTF-8"))
            #expect(mail.contains("a&lt;b"))
        }
    }

    @Test("are not sent to a server whose certificate nobody vouches for")
    func untrusted() async throws {
        try await MailServer.with { server in
            let entry = try await send(server, "html: ''")
            #expect(entry.state == .due)
            #expect(server.mails.isEmpty)
        }
    }

    @Test("are not sent in the clear where TLS is required, but where it is not")
    func withoutTLS() async throws {
        var manner = MailServer.Manner()
        manner.offersTLS = false
        try await MailServer.with(manner) { server in
            let entry = try await send(server)
            #expect(entry.state == .due)
            #expect(entry.delivery.lastError.contains("'require_tls' is true"))
            #expect(server.mails.isEmpty)
            #expect(try await send(server, "require_tls: false").state == .delivered)
        }
    }

    @Test("are tried again if nobody's box takes them", arguments: ["450 later", "550 never"])
    func refusals(answer: String) async throws {
        do {
            var manner = MailServer.Manner()
            manner.answers = ["RCPT": answer]
            try await MailServer.with(manner) { server in
                let entry = try await send(server)
                #expect(entry.state == .due)
                #expect(server.mails.isEmpty)
                #expect(entry.delivery.lastError.contains(answer))
            }
        }
    }

    @Test("go to all others where one recipient is not known")
    func oneRefused() async throws {
        var manner = MailServer.Manner()
        manner.answers = ["RCPT TO:<a@example>": "550 no such user"]
        try await MailServer.with(manner) { server in
            let entry = try await send(server)
            #expect(entry.state == .delivered, "\(entry.delivery.lastError)")
            #expect(server.commands.contains("RCPT TO:<b@example>"))
            #expect(server.mails.count == 1)
        }
    }

    @Test("go without a password to a server that does not ask for one")
    func withoutAuthentication() async throws {
        var manner = MailServer.Manner()
        manner.offersTLS = false
        manner.offersAuth = false
        try await MailServer.with(manner) { server in
            let entry = try await send(
                server,
                """
                require_tls: false
                        auth_username: me
                        auth_password: hush
                """)
            #expect(entry.state == .delivered, "\(entry.delivery.lastError)")
            #expect(!server.commands.contains { $0.hasPrefix("AUTH") })
            #expect(server.mails.count == 1)
        }
    }

    @Test("go to recipients whose names hold commas")
    func commas() async throws {
        try await MailServer.with { server in
            let entry = try await send(
                server, to: #""Foo, Bar \" (x" <x@example>, q@example (one, two), <r@example>"#)
            #expect(entry.state == .delivered, "\(entry.delivery.lastError)")
            let recipients = server.commands.filter { $0.hasPrefix("RCPT") }
            #expect(
                recipients == ["RCPT TO:<x@example>", "RCPT TO:<q@example>", "RCPT TO:<r@example>"])
        }
    }

    @Test("stop where somebody speaks between STARTTLS and TLS")
    func injection() async throws {
        var manner = MailServer.Manner()
        manner.speaksEarly = true
        try await MailServer.with(manner) { server in
            let entry = try await send(server)
            #expect(entry.state != .delivered)
            #expect(server.mails.isEmpty)
        }
    }
}
