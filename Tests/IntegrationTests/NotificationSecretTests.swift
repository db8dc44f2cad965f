import Foundation
import Testing

/// Nothing that a receiver's configuration keeps secret is printed anywhere.
@Suite(
    "Secrets of notifications",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .timeLimit(.minutes(5)))
struct NotificationSecretTests {
    /// Every receiver with every kind of secret, each with the word "hush" in it; nobody listens.
    private static let config = """
        global:
          smtp_smarthost: "127.0.0.1:1"
          smtp_from: a@b.example
          smtp_auth_username: someone
          smtp_auth_password: hush-mail
          slack_api_url: "http://127.0.0.1:1/hush-slack"
          opsgenie_api_url: "http://127.0.0.1:1/"
          opsgenie_api_key: hush-opsgenie
        route: {receiver: all, group_wait: 0s, group_interval: 1s}
        receivers:
          - name: all
            webhook_configs:
              - url: "http://user:hush-user@127.0.0.1:1/hush-path?token=hush-query"
                signing_secret: hush-signing
              - url_file: FOLDER/address
              - url: "http://127.0.0.1:1/a"
                http_config: {authorization: {credentials: hush-bearer}}
              - url: "http://127.0.0.1:1/b"
                http_config: {basic_auth: {username: u, password_file: FOLDER/password}}
              - url: "${env:SIDELIGHT_TEST_HOOK}"
            slack_configs: [{channel: "#a"}]
            discord_configs: [{webhook_url: "http://127.0.0.1:1/hush-discord"}]
            msteams_configs: [{webhook_url: "http://127.0.0.1:1/hush-teams"}]
            pagerduty_configs: [{routing_key: hush-pager, url: "http://127.0.0.1:1/hush-events"}]
            opsgenie_configs: [{}]
            telegram_configs: [{bot_token: hush-bot, chat_id: 1, api_url: "http://127.0.0.1:1"}]
            email_configs: [{to: someone@b.example}]

        """
    private static let receivers = 13

    private func files() throws -> (TemporaryFolder, config: String) {
        let folder = try TemporaryFolder()
        _ = try folder.file("address", "http://127.0.0.1:1/hush-file\n")
        _ = try folder.file("password", "hush-password\n")
        let config = try folder.file(
            "am.yml", Self.config.replacing("FOLDER", with: folder.path))
        return (folder, config)
    }

    @Test("are in no answer, log line, counter, dry run or list of failures")
    func server() async throws {
        let (folder, config) = try files()
        let rules = try folder.file(
            "rules.yml",
            "groups: [{name: g, interval: 1s, rules: [{alert: Always, expr: vector(1)}]}]\n")
        let arguments = [
            "--alertmanager-config", config, "--rules", rules,
            "--webhook", "http://user:hush-direct@127.0.0.1:1/hush-direct?k=hush-direct",
            "--heartbeat-url", "http://127.0.0.1:1/hush-heartbeat",
        ]
        let launcher = ["env", "SIDELIGHT_TEST_HOOK=http://127.0.0.1:1/hush-environment"]
        let server = try await ServerProcess(
            data: folder.path + "/data", arguments, launcher: launcher)
        // Until each has failed once, so that each has said why.
        var failures = ""
        repeat {
            failures = try await Wire.get(server.url + "/api/sidelight/alerts/deliveries").text
            await Task.yield()
        } while failures.components(separatedBy: "\"lastError\":\"").count <= Self.receivers
        var texts = ["failures": failures]
        for path in [
            "/api/v2/status", "/api/v2/alerts", "/api/v2/receivers", "/api/v1/status/config",
            "/api/v1/status/flags", "/metrics", "/api/v1/rules",
            "/api/sidelight/alerts/dry-run?label=alertname=Always",
        ] {
            let answer = try await Wire.get(server.url + path)
            #expect(answer.status == 200, "\(path)")
            texts[path] = answer.text
        }
        let dryRun = try await Subprocess.run([
            "alerts", "dry-run", "alertname=Always", "--server", server.url,
        ])
        texts["dry-run"] = dryRun.output + dryRun.error
        let list = try await Subprocess.run(["alerts", "deliveries", "--server", server.url])
        texts["deliveries"] = list.output + list.error
        #expect(await server.stop() == 0)
        texts["log"] = server.standardError
        for (place, text) in texts {
            #expect(!text.contains("hush"), "\(place): \(text)")
        }
        #expect(texts["/api/v2/status"]?.contains("<secret>") == true)
        let shown = try await Subprocess.run(["serve", "--print-config"] + arguments)
        #expect(shown.status == 0)
        #expect(!(shown.output + shown.error).contains("hush"), "\(shown.output)")
    }

    @Test("are in no complaint about the configuration")
    func complaints() async throws {
        let (folder, config) = try files()
        for (line, wrong) in [
            ("routing_key: hush-pager,", "routing_key: {hush-pager: 1},"),
            ("bot_token: hush-bot,", "bot_token: [hush-bot],"),
            ("smtp_auth_password: hush-mail", "smtp_auth_password: [hush-mail]"),
            ("\"http://127.0.0.1:1/hush-slack\"", "\"ftp://127.0.0.1:1/hush-slack\""),
            ("signing_secret: hush-signing", "signing_secret: hush-signing\n        bad: 1"),
            ("{credentials: hush-bearer}", "{credentials: hush-bearer, kind: x}"),
            ("slack_configs: [{channel: \"#a\"}]", "slack_configs: [{channel: \"#a\""),
        ] {
            let text = Self.config.replacing("FOLDER", with: folder.path)
            try #require(text.contains(line), "\(line)")
            _ = try folder.file("am.yml", text.replacing(line, with: wrong))
            let outcome = try await Subprocess.run(["check", config])
            #expect(outcome.status == 1, "\(wrong): \(outcome)")
            #expect((outcome.output + outcome.error).contains("\(config):"), "\(outcome)")
            #expect(!(outcome.output + outcome.error).contains("hush"), "\(outcome)")
        }
    }

    /// Files of every kind with a secret where none belongs.
    private static let misplaced = [
        "groups:\n- {name: g, interval: hush}",
        "groups:\n- {name: g, interval: 1m, interval: [hush",
        "rule_files: [a.yml]\ntests: []\nevaluation_interval: hush",
        "version: prometheus/v1\nservice: shop\nslos:\n- {name: ab, objective: hush}",
        "version: prometheus/v1\nservice: shop\nslos:\n- {name: hush hush, objective: 99}",
        "version: hush\nslos: []",
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: ab}\nspec: {service: s, budgetingMethod: hush}",
        "scrape_configs:\n- {job_name: a, honor_labels: hush}",
        "scrape_configs:\n- {job_name: a, scrape_interval: hush}",
        "scrape_configs:\n- {job_name: a, body_size_limit: hush}",
        "scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password: hush, password: hush}",
        "scrape_configs:\n- job_name: a\n  bearer_token: \"hush",
        "policies:\n- {name: a, type: latency, latency: {threshold_ms: hush}}",
        "policies: []\nkeep_errors: hush", "policies: []\nafter: hush: hush",
        "otlp-http: hush", "insecure: hush", "retention: hush", "durability: hush",
        "span-metrics: hush", "series-per-target: hush", "webhook: hush", "downsample: hush",
        "retention-bytes-logs: hush", "otlp-http: hush\notlp-http: hush",
        "heartbeat-url: [hush, [hush",
        "service: a\nlisteners: hush", "service: a\nlisteners: []\nthreads: \"hush",
        "route: {receiver: a}\nglobal: {slack_api_url: hush, slack_api_url: hush}",
    ]

    @Test("are in no complaint about a file of any kind", arguments: misplaced)
    func otherFiles(text: String) async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("a.yml", text + "\n")
        let outcome = try await Subprocess.run(["check", file])
        #expect(outcome.status == 1, "\(outcome)")
        #expect(outcome.error.contains("\(file):"), "\(outcome)")
        #expect(!(outcome.output + outcome.error).contains("hush"), "\(outcome)")
    }
}
