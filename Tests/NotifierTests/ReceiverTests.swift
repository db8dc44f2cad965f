import Foundation
import Notifier
import Platform
import Rules
import Store
import Telemetry
import Testing

/// Sends one message by a receiver's configuration to a scripted server.
struct ReceiverLab {
    static let alert = DispatchedAlert(
        labels: ["alertname": "Busy", "severity": "page", "team": "a<b"],
        annotations: ["summary": "50% & more"], startsAt: Timestamp(seconds: 1_700_000_000),
        endsAt: .distantFuture, updatedAt: Timestamp(seconds: 1_700_000_000),
        generatorURL: "http://here/graph?g0.expr=up")

    /// What the server got.
    /// - Parameter receiver: lines below the receiver's name, with PORT in them.
    static func send(
        _ receiver: String, global: String = "", resolved: Bool = false,
        reactions: [WebhookServer.Reaction] = [.answer(200)],
        expecting outcome: DeliveryLogEntry.State = .delivered
    ) async throws -> [WebhookServer.Request] {
        let lab = OutboxLab()
        let carrier = HTTPCarrier.patient
        return try await WebhookServer.with(reactions) { server in
            func text(_ text: String) -> String {
                text.replacing("PORT", with: "\(server.port)")
            }
            let config = try AlertmanagerConfig.parse(
                """
                global: {\(text(global))}
                route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 10s}
                receivers:
                  - name: hook
                \(text(receiver).split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
                """, path: "am.yml", allowsExec: true)
            let loop = NotifierLoop(
                catalog: lab.store, receivers: [], clock: lab.clock,
                random: SeededRandom(seed: lab.seed), events: lab.events,
                sender: WebhookSender(carrier))
            let alertmanager = try Alertmanager(
                config: config, externalURL: "http://here", store: lab.store, loop: loop,
                carrier: carrier, clock: lab.clock, random: SeededRandom(seed: lab.seed),
                events: lab.events)
            for ends in resolved ? [false, true] : [false] {
                var alert = alert
                if ends { alert.endsAt = lab.now.nanoseconds }
                try alertmanager.receive([alert])
                lab.advance(seconds: 20)
                try alertmanager.step()
                await loop.deliverDue()
            }
            alertmanager.shutdown()
            await loop.shutdown()
            let log = try lab.store.deliveryLog(limit: 10)
            #expect(log.allSatisfy { $0.state == outcome }, "\(log.map(\.delivery.lastError))")
            return server.requests
        }
    }

    /// JSON with sorted keys, for comparison.
    static func sorted(_ text: String) throws -> String {
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        let bytes = try JSONSerialization.data(
            withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
        return String(decoding: bytes, as: UTF8.self)
    }
}

@Suite("Receivers", .timeLimit(.minutes(5))) struct ReceiverTests {
    private let subject = "[FIRING:1] Busy (page a<b)"
    private let list =
        "Labels:\n - alertname = Busy\n - severity = page\n - team = a<b\n"
        + "Annotations:\n - summary = 50% & more\nSource: http://here/graph?g0.expr=up\n"
    /// SHA-256 of the group's key.
    private let key = SHA256.hexadecimal(Array("{}:{alertname=\"Busy\"}".utf8))

    private func json(_ body: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
    }

    @Test("the webhook's body is that of version 4, signed if it is to be")
    func webhook() async throws {
        let requests = try await ReceiverLab.send(
            "webhook_configs: [{url: 'http://u:p@127.0.0.1:PORT/x?y=z', signing_secret: hush}]")
        #expect(requests.count == 1)
        #expect(requests[0].uri == "/x?y=z")
        #expect(requests[0].headers.contains { $0 == ("authorization", "Basic dTpw") })
        let body = requests[0].body
        #expect(
            body
                == #"{"version":"4","groupKey":"{}:{alertname=\"Busy\"}","truncatedAlerts":0,"#
                + #""status":"firing","receiver":"hook","groupLabels":{"alertname":"Busy"},"#
                + #""commonLabels":{"alertname":"Busy","severity":"page","team":"a<b"},"#
                + #""commonAnnotations":{"summary":"50% & more"},"externalURL":"http://here","#
                + #""alerts":[{"status":"firing","labels":{"alertname":"Busy","severity":"page","#
                + #""team":"a<b"},"annotations":{"summary":"50% & more"},"#
                + #""startsAt":"2023-11-14T22:13:20Z","endsAt":"0001-01-01T00:00:00Z","#
                + #""generatorURL":"http://here/graph?g0.expr=up","#
                + "\"fingerprint\":\"\(ReceiverLab.alert.fingerprint)\"}]}")
        let code = SHA256.authentication(
            of: Array("1700000020.".utf8) + Array(body.utf8), key: Array("hush".utf8))
        #expect(
            requests[0].headers.contains {
                $0 == ("x-sidelight-signature", "t=1700000020,v1=\(code)")
            })
    }

    @Test("SHA-256 and HMAC give the values of their specifications")
    func digests() {
        #expect(
            SHA256.hexadecimal(Array("abc".utf8))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            SHA256.hexadecimal([UInt8](repeating: UInt8(ascii: "a"), count: 119))
                == "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb")
        // RFC 4231, test case 2.
        #expect(
            SHA256.authentication(
                of: Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test("an Alertmanager gets the alerts, each with an end beyond the next repetition")
    func alertmanager() async throws {
        let requests = try await ReceiverLab.send(
            "alertmanager_configs: [{url: 'http://127.0.0.1:PORT/am/'}]", resolved: true)
        #expect(requests.map(\.uri) == ["/am/api/v2/alerts", "/am/api/v2/alerts"])
        #expect(
            requests[0].body
                == #"[{"labels":{"alertname":"Busy","severity":"page","team":"a<b"},"#
                + #""annotations":{"summary":"50% & more"},"startsAt":"2023-11-14T22:13:20Z","#
                + #""endsAt":"2023-11-15T06:28:40Z","generatorURL":"http://here/graph?g0.expr=up"}]"#
        )
        #expect(requests[1].body.contains(#""endsAt":"2023-11-14T22:13:40Z""#))
    }

    @Test("Slack gets an attachment with the default texts, and its fields and actions")
    func slack() async throws {
        let requests = try await ReceiverLab.send(
            """
            slack_configs:
              - channel: 'channel-a'
                fields: [{title: T, value: '{{ .CommonLabels.severity }}', short: true}]
                actions: [{type: button, text: Go, url: 'http://go'}]
            """, global: "slack_api_url: 'http://127.0.0.1:PORT/slack'",
            reactions: [.reply(200, "ok")])
        let url = "http://here/#/alerts?receiver=hook"
        #expect(
            try ReceiverLab.sorted(requests[0].body)
                == #"{"attachments":[{"actions":[{"text":"Go","type":"button","url":"http://go"}],"#
                + #""callback_id":"","color":"danger","fallback":"\#(subject) | \#(url)","#
                + #""fields":[{"short":true,"title":"T","value":"page"}],"footer":"","#
                + #""mrkdwn_in":["fallback","pretext","text"],"text":"","title":"\#(subject)","#
                + #""title_link":"\#(url)"}],"channel":"channel-a","username":"Alertmanager"}"#)
    }

    @Test("a refusal of Slack's in an answer of 200 is one")
    func slackRefusal() async throws {
        let requests = try await ReceiverLab.send(
            "slack_configs: [{api_url: 'http://127.0.0.1:PORT/slack'}]",
            reactions: [.reply(200, "no_such_channel")], expecting: .due)
        #expect(requests.count == 1)
    }

    @Test("Teams gets a card, by a connector and by a workflow")
    func teams() async throws {
        let requests = try await ReceiverLab.send(
            "msteams_configs: [{webhook_url: 'http://127.0.0.1:PORT/t', text: 'x {{ .Status }}'}]")
        #expect(
            requests[0].body
                == #"{"@context":"http://schema.org/extensions","type":"MessageCard","#
                + #""title":"\#(subject)","summary":"\#(subject)","text":"x firing","#
                + #""themeColor":"8C1A1A"}"#)
        let flow = try await ReceiverLab.send(
            "msteamsv2_configs: [{webhook_url: 'http://127.0.0.1:PORT/t', text: 'x'}]")
        #expect(
            flow[0].body
                == #"{"type":"message","attachments":[{"contentType":"#
                + #""application/vnd.microsoft.card.adaptive","contentUrl":null,"content":{"#
                + #""$schema":"http://adaptivecards.io/schemas/adaptive-card.json","#
                + #""type":"AdaptiveCard","version":"1.2","body":[{"type":"TextBlock","#
                + #""text":"\#(subject)","weight":"Bolder","size":"Medium","wrap":true,"#
                + #""style":"heading","color":"Attention"},{"type":"TextBlock","text":"x","#
                + #""wrap":true}],"msteams":{"width":"full"}}}]}"#)
    }

    @Test("Discord gets an embed, red and green")
    func discord() async throws {
        let requests = try await ReceiverLab.send(
            "discord_configs: [{webhook_url: 'http://127.0.0.1:PORT/d', message: m}]",
            resolved: true)
        #expect(
            requests[0].body
                == #"{"content":"","embeds":[{"title":"\#(subject)","description":"m","#
                + #""color":10038562}]}"#)
        #expect(requests[1].body.contains(#""title":"[RESOLVED] Busy (page a<b)""#))
        #expect(requests[1].body.contains(#""color":3066993"#))
    }

    @Test("PagerDuty gets an event to trigger and one to resolve, with the same key")
    func pagerDuty() async throws {
        let requests = try await ReceiverLab.send(
            "pagerduty_configs: [{routing_key: R, url: 'http://127.0.0.1:PORT/p', details: {x: '{{ len .Alerts }}'}}]",
            resolved: true)
        let event = try json(requests[0].body)
        #expect(event["routing_key"] as? String == "R")
        #expect(event["event_action"] as? String == "trigger")
        #expect(event["dedup_key"] as? String == key)
        #expect(event["client"] as? String == "Alertmanager")
        let payload = try #require(event["payload"] as? [String: Any])
        #expect(payload["summary"] as? String == subject)
        #expect(payload["severity"] as? String == "error")
        let details = try #require(payload["custom_details"] as? [String: String])
        #expect(
            details == [
                "firing": list, "resolved": "", "num_firing": "1", "num_resolved": "0", "x": "1",
            ])
        let end = try json(requests[1].body)
        #expect(end["event_action"] as? String == "resolve")
        #expect(end["dedup_key"] as? String == key)
    }

    @Test("Opsgenie gets an alert, its updates and its end")
    func opsgenie() async throws {
        let requests = try await ReceiverLab.send(
            """
            opsgenie_configs:
              - api_key: K
                api_url: 'http://127.0.0.1:PORT'
                tags: 'a,,b'
                responders: [{name: 'x,y', type: teams}, {id: '1', type: user}]
                update_alerts: true
            """, resolved: true)
        #expect(
            requests.map(\.uri) == [
                "/v2/alerts", "/v2/alerts/\(key)/message?identifierType=alias",
                "/v2/alerts/\(key)/description?identifierType=alias",
                "/v2/alerts/\(key)/close?identifierType=alias",
            ])
        #expect(
            requests.allSatisfy { $0.headers.contains { $0 == ("authorization", "GenieKey K") } })
        let alert = try json(requests[0].body)
        #expect(alert["alias"] as? String == key)
        #expect(alert["message"] as? String == subject)
        #expect(alert["tags"] as? [String] == ["a", "b"])
        #expect(
            alert["responders"] as? [[String: String]] == [
                ["name": "x", "type": "team"], ["name": "y", "type": "team"],
                ["id": "1", "type": "user"],
            ])
        #expect(
            alert["description"] as? String == "50% & more\nAlerts Firing:\n\(list)\n\n"
                || (alert["description"] as? String)?.hasPrefix(
                    "50% & more\nAlerts Firing:\n\(list)")
                    == true
        )
        #expect(requests[3].body == #"{"source":"http://here/#/alerts?receiver=hook"}"#)
    }

    @Test("Telegram gets a message with what is HTML escaped")
    func telegram() async throws {
        let requests = try await ReceiverLab.send(
            "telegram_configs: [{bot_token: '1:t', chat_id: -42, message: '<b>{{ .CommonLabels.team }}</b>'}]",
            global: "telegram_api_url: 'http://127.0.0.1:PORT'")
        #expect(requests[0].uri == "/bot1:t/sendMessage")
        #expect(
            requests[0].body
                == #"{"chat_id":"-42","text":"<b>a&lt;b</b>","disable_web_page_preview":"true","#
                + #""parse_mode":"HTML"}"#)
    }

    @Test("a command gets the message on its input; its status decides")
    func command() async throws {
        let file =
            FileManager.default.temporaryDirectory.path + "/sidelight-exec-\(UUID().uuidString)"
        defer { unlink(file) }
        _ = try await ReceiverLab.send(
            "exec_configs: [{command: [/bin/sh, -c, 'cat > \(file)']}]")
        #expect(try String(contentsOfFile: file, encoding: .utf8).hasPrefix(#"{"version":"4""#))
        _ = try await ReceiverLab.send(
            "exec_configs: [{command: [/bin/false]}]", expecting: .due)
        _ = try await ReceiverLab.send(
            "exec_configs: [{command: [/bin/sleep, '600'], timeout: 200ms}]", expecting: .due)
    }

    @Test("a redirect to another address is not followed")
    func redirect() async throws {
        try await WebhookServer.with([.answer(200)]) { inner in
            let requests = try await ReceiverLab.send(
                "webhook_configs: [{url: 'http://127.0.0.1:PORT/'}]",
                reactions: [
                    .answer(307, headers: [("location", "http://127.0.0.1:\(inner.port)/")])
                ], expecting: .due)
            #expect(requests.count == 1)
            #expect(inner.requests.isEmpty)
        }
    }

    @Test(
        "an answer of a gigabyte, or without end, is neither kept nor read to its end",
        arguments: [1 << 30, nil])
    func endless(bytes: Int?) async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.stream(bytes: bytes)]) { server in
            let receiver = try lab.receiver(port: server.port)
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { loop in await loop.deliverDue() }
            #expect(server.requests.count == 1)
            // What the sockets hold on both sides, and 64 KiB that are looked at: memory never held more.
            #expect(server.streamed < 64 << 20)
        }
        #expect(lab.count("notifications_delivered") == 1)
        #expect(try lab.waiting().isEmpty)
    }

    @Test("an answer that hangs is not waited for, and 500 is tried again")
    func abuse() async throws {
        let hanging = try await ReceiverLab.send(
            "webhook_configs: [{url: 'http://127.0.0.1:PORT/', timeout: 200ms}]",
            reactions: [.hang], expecting: .due)
        #expect(hanging.count == 1)
        let failing = try await ReceiverLab.send(
            "webhook_configs: [{url: 'http://127.0.0.1:PORT/'}]", reactions: [.answer(500)],
            expecting: .due)
        #expect(failing.count == 1)
    }

    @Test("a notification whose template fails waits for a mended one, or for other alerts")
    func templateFailure() async throws {
        let requests = try await ReceiverLab.send(
            "discord_configs: [{webhook_url: 'http://127.0.0.1:PORT/d', message: '{{ template \"nobody\" . }}'}]",
            expecting: .due)
        #expect(requests.isEmpty)
    }
}

@Suite("Templates of notifications") struct NotificationTemplateTests {
    private static let data = TemplateData.record(
        type: "template.Data",
        [
            "Status": .text("firing"),
            "CommonLabels": .labels(["b": "2", "a": "1", "alertname": "N"]),
            "GroupLabels": .labels(["a": "1"]),
            "Alerts": .list([
                .record(
                    type: "template.Alert",
                    [
                        "Status": .text("firing"), "Labels": .labels(["x": "<y>"]),
                        "StartsAt": .time(Timestamp(seconds: 1_700_000_000)), "EndsAt": .time(nil),
                    ])
            ]),
        ])

    @Test(
        "have Alertmanager's data and functions",
        arguments: [
            ("{{ .Status | toUpper }}", "FIRING"), ("{{ len .Alerts.Firing }}", "1"),
            ("{{ len .Alerts.Resolved }}", "0"),
            ("{{ .CommonLabels.SortedPairs.Values | join \",\" }}", "N,1,2"),
            ("{{ .CommonLabels.Names.Join \"-\" }}", "alertname-a-b"),
            ("{{ (.CommonLabels.Remove .GroupLabels.Names).SortedPairs }}", "alertname=N, b=2"),
            (
                "{{ range .CommonLabels.SortedPairs }}{{ .Name }}{{ .Value }};{{ end }}",
                "alertnameN;a1;b2;"
            ),
            ("{{ (index .Alerts 0).Labels.x }}", "<y>"), ("{{ .CommonLabels.none }}", ""),
            ("{{ (index .Alerts 0).StartsAt.Format \"2006-01-02\" }}", "2023-11-14"),
            (
                "{{ with (index .Alerts 0).StartsAt }}{{ .Year }} {{ .Month }} {{ .Day }} {{ .Weekday }}{{ end }}",
                "2023 November 14 Tuesday"
            ),
            (
                "{{ with (index .Alerts 0).StartsAt }}{{ .Hour }}:{{ .Minute }}:{{ .Second }} {{ .YearDay }}{{ end }}",
                "22:13:20 318"
            ),
            (
                "{{ with (index .Alerts 0).StartsAt }}{{ .IsZero }} {{ .Unix }} {{ .UnixMilli }} {{ .UnixNano }}{{ end }}",
                "false 1700000000 1700000000000 1700000000000000000"
            ),
            ("{{ (index .Alerts 0).StartsAt.String }}", "2023-11-14 22:13:20 +0000 UTC"),
            ("{{ (index .Alerts 0).EndsAt.IsZero }} {{ (index .Alerts 0).EndsAt.Year }}", "true 1"),
            (
                "{{ $a := index .Alerts 0 }}{{ ($a.StartsAt.Add 90000000000).Sub $a.StartsAt }}",
                "1m30s"
            ),
            (
                "{{ $a := index .Alerts 0 }}{{ $a.StartsAt.Before $a.EndsAt }} {{ $a.StartsAt.After $a.EndsAt }}",
                "false true"
            ),
            ("{{ ((index .Alerts 0).StartsAt | tz \"Europe/Berlin\").Hour }}", "23"),
            (
                "{{ range .Alerts }}{{ .StartsAt | tz \"Europe/Berlin\" | date \"15:04 -0700\" }}{{ end }}",
                "23:13 +0100"
            ),
            ("{{ range .Alerts }}{{ .StartsAt | since | humanizeDuration }}{{ end }}", "1m 40s"),
            ("{{ stringSlice \"a\" \"b\" | join \"+\" }}", "a+b"),
            ("{{ toJson .GroupLabels }}", "{\"a\":\"1\"}"), ("{{ trimSpace \" a \" }}", "a"),
            ("{{ (dict \"k\" 1).k }}", "1"), ("{{ len (append (list 1) 2 3) }}", "3"),
            ("{{ \"a b\" | base64encode }}", "YSBi"), ("{{ urlUnescape \"a%20b\" }}", "a b"),
            ("{{ match \"^f\" .Status }}", "true"),
            ("{{ title \"hello wORLD of x's\" }}", "Hello World Of X's"),
            (
                "{{ index .Alerts 0 }}",
                "{firing map[x:<y>] 2023-11-14 22:13:20 +0000 UTC 0001-01-01 00:00:00 +0000 UTC}"
            ),
            ("{{ .Alerts | printf \"%v\" | len }}", "81"),
            ("{{ .GroupLabels.SortedPairs }}", "a=1"),
            ("{{ range .Alerts }}{{ .EndsAt }}{{ end }}", "0001-01-01 00:00:00 +0000 UTC"),
        ])
    func functions(source: String, expected: String) throws {
        let text = try NotificationTemplates().text(
            source, of: Self.data, now: Timestamp(seconds: 1_700_000_100))
        #expect(text == expected)
    }

    @Test("escape what is written into HTML, but for what is safe")
    func html() throws {
        let text = try NotificationTemplates().text(
            "<i>{{ (index .Alerts 0).Labels.x }}</i>{{ safeHtml \"<b>\" }}", of: Self.data,
            isHTML: true, now: .zero)
        #expect(text == "<i>&lt;y&gt;</i><b>")
    }

    @Test(
        "are refused when they are read if they cannot be right",
        arguments: ["{{ .x", "{{ nofunc }}", "{{ query \"up\" }}", "{{ $labels.a }}", "{{ if }}"])
    func refused(source: String) {
        #expect(throws: TemplateError.self) { try NotificationTemplates.check(source) }
    }
}
