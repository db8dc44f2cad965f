import Foundation
import Notifier
import Testing

@Suite("Alertmanager's configuration file") struct AlertmanagerConfigTests {
    /// Everything that the file can hold, but for receivers of each kind.
    static let whole = """
        global:
          resolve_timeout: 2m
          smtp_smarthost: mail.example:587
          smtp_from: alerts@example
          smtp_auth_password: hush
          slack_api_url: https://hooks.slack.example/services/T/B/secret
        templates: []
        time_intervals:
          - name: nights
            time_intervals:
              - times: [{start_time: "22:00", end_time: "24:00"}]
                weekdays: ["monday:friday", Saturday]
                days_of_month: ["1:5", "-3:-1"]
                months: ["january:march", "12"]
                years: ["2026:2030"]
                location: Europe/Berlin
        route:
          receiver: default
          group_by: [alertname]
          routes:
            - matchers: ['severity="page"', team=~"a|b"]
              receiver: pager
              group_by: ["..."]
              group_wait: 10s
              group_interval: 1m
              repeat_interval: 1h
              continue: true
              mute_time_intervals: [nights]
            - match: {severity: ticket}
              match_re: {team: "a.*"}
              active_time_intervals: [nights]
              routes:
                - matchers: ['{a="b", c!="d"}']
        inhibit_rules:
          - source_matchers: [severity = page]
            target_matchers: ['severity =~ "ticket|info"']
            equal: [alertname, cluster]
          - source_match: {a: b}
            target_match_re: {c: "d|e"}
        receivers:
          - name: default
            email_configs: [{to: someone@example}]
          - name: pager
            slack_configs: [{channel: "#alerts"}]
            webhook_configs: [{url: "http://me:pass@127.0.0.1:1/a?token=x"}]
        """

    @Test("is read whole")
    func whole() throws {
        let config = try AlertmanagerConfig.parse(Self.whole, path: "am.yml")
        #expect(config.receivers == ["default", "pager"])
        #expect(
            config.integrations.map(\.key) == [
                "default/email[0]", "pager/webhook[0]", "pager/slack[0]",
            ])
        #expect(config.resolveTimeout == 120_000_000_000)
        #expect(config.inhibitRules.count == 2)
        #expect(config.inhibitRules[0].equal == ["alertname", "cluster"])
        let routes = config.route.all
        #expect(
            routes.map(\.key) == [
                "{}", "{}/{severity=\"page\",team=~\"a|b\"}",
                "{}/{severity=\"ticket\",team=~\"a.*\"}",
                "{}/{severity=\"ticket\",team=~\"a.*\"}/{a=\"b\",c!=\"d\"}",
            ])
        #expect(routes[1].groupBy == nil)
        #expect(routes[2].groupBy == ["alertname"])
        #expect(routes[2].receiver == "default")
        #expect(routes[1].groupWait == 10_000_000_000)
        #expect(routes[3].repeatInterval == 14_400_000_000_000)
    }

    @Test("is shown without secrets")
    func shown() throws {
        let config = try AlertmanagerConfig.parse(Self.whole, path: "am.yml")
        for secret in ["hush", "services/T", "pass@", "token=x"] {
            #expect(!config.shown.contains(secret), "\(secret) in \(config.shown)")
        }
        #expect(config.shown.contains("<secret>"))
        #expect(!"\(config)".contains("hush"))
    }

    /// What a line is replaced by, and the complaint with the line it names.
    private static let mistakes: [(String, String, Int, String)] = [
        ("  resolve_timeout: 2m", "  resolve_timeot: 2m", 2, "field resolve_timeot not found"),
        ("  resolve_timeout: 2m", "  resolve_timeout: soon", 2, "not a valid duration string"),
        (
            "  resolve_timeout: 2m", "  victorops_api_key: x", 2,
            "victorops_api_key is not supported"
        ),
        ("      continue: true", "      continue: 7", 27, "cannot unmarshal !!str into bool"),
        ("      receiver: pager", "      receiver: nobody", 22, "undefined receiver \"nobody\""),
        (
            "  receiver: default", "  group_wait: 1s", 18,
            "root route must specify a default receiver"
        ),
        (
            "  group_by: [alertname]", "  match: {a: b}", 18,
            "root route must not have any matchers"
        ),
        (
            "      group_by: [\"...\"]", "      group_by: [\"...\", a]", 23,
            "cannot have wildcard group_by"
        ),
        (
            "      group_by: [\"...\"]", "      group_by: [a, a]", 23,
            "duplicated label \"a\" in group_by"
        ),
        (
            "      group_interval: 1m", "      group_interval: 0s", 21,
            "group_interval cannot be zero"
        ),
        (
            "      mute_time_intervals: [nights]", "      mute_time_intervals: [days]", 28,
            "undefined time interval \"days\" used in route"
        ),
        ("  - name: pager", "  - name: default", 43, "notification config name \"default\""),
        ("    email_configs: [{to: someone@example}]", "    email_configs: [{}]", 42, "missing to"),
        (
            "    email_configs: [{to: someone@example}]", "    pushover_configs: [{}]", 42,
            "pushover_configs is not supported"
        ),
        (
            "    slack_configs: [{channel: \"#alerts\"}]", "    slack_configs: [{chanel: x}]", 44,
            "field chanel not found"
        ),
        (
            "    slack_configs: [{channel: \"#alerts\"}]",
            "    slack_configs: [{title: \"{{ .x\"}]",
            44, "template of title"
        ),
        (
            "    slack_configs: [{channel: \"#alerts\"}]",
            "    exec_configs: [{command: [/bin/true]}]", 44, "--allow-exec-receivers"
        ),
        (
            "      - times: [{start_time: \"22:00\", end_time: \"24:00\"}]",
            "      - times: [{start_time: \"22:00\", end_time: \"21:00\"}]", 11,
            "start time cannot be equal or greater than end time"
        ),
        ("        years: [\"2026:2030\"]", "        years: [\"2030:2026\"]", 15, "end year 2026"),
        ("        location: Europe/Berlin", "        location: Mars/Base", 16, "unknown time zone"),
        (
            "    - match: {severity: ticket}", "    - match: {severity: ticket, severity: a}", 29,
            "already set in map"
        ),
    ]

    @Test("is refused by file and line", arguments: 0..<mistakes.count)
    func refused(_ index: Int) throws {
        let (line, wrong, number, complaint) = Self.mistakes[index]
        try #require(Self.whole.contains(line + "\n"), "\(line)")
        let text = Self.whole.replacing(line + "\n", with: wrong + "\n", maxReplacements: 1)
        do {
            _ = try AlertmanagerConfig.parse(text, path: "am.yml")
            Issue.record("accepted: \(wrong)")
        } catch {
            #expect("\(error)".contains(complaint), "\(error)")
            #expect(error.line == number, "\(error)")
            #expect(error.path == "am.yml")
        }
    }

    @Test("does not repeat what stands where a mapping is due: it may be a secret")
    func misplacedSecrets() {
        for place in ["authorization: SECRET8", "basic_auth: SECRET8", "tls_config: SECRET8"] {
            let text = """
                route: {receiver: a}
                receivers:
                  - name: a
                    webhook_configs: [{url: "http://127.0.0.1:1/", http_config: {\(place)}}]
                """
            let error = #expect(throws: NotifierConfigError.self) {
                try AlertmanagerConfig.parse(text, path: "am.yml")
            }
            #expect(error?.line == 4)
            #expect(!"\(error.map(String.init(describing:)) ?? "")".contains("SECRET8"))
        }
    }

    @Test(
        "does not repeat what is no value of its field, nor what is no name of one: it may be a secret",
        arguments: [
            ("url: ", "send_resolved: hush, url: "),
            ("url: ", "max_alerts: hush, url: "),
            ("url: ", "timeout: hush, url: "),
            ("url: ", "'hush/hush:hush': 1, url: "),
            ("http_config: {}", "http_config: {follow_redirects: hush}"),
            ("http_config: {}", "http_config: {authorization: [hush]}"),
            ("http_config: {}", "http_config: {tls_config: {insecure_skip_verify: hush}}"),
            ("resolve_timeout: 5m", "resolve_timeout: hush"),
            ("resolve_timeout: 5m", "smtp_require_tls: hush"),
            ("resolve_timeout: 5m", "smtp_smarthost: hush"),
            ("resolve_timeout: 5m", "smtp_smarthost: 'a:hush'"),
            ("resolve_timeout: 5m", "slack_api_url: 'hush'"),
            ("group_wait: 1s", "group_wait: hush"), ("group_wait: 1s", "continue: hush"),
            ("group_wait: 1s", "group_by: hush"), ("group_wait: 1s", "routes: hush"),
            ("group_wait: 1s", "routes: [{receiver: a, matchers: ['hush']}]"),
            ("group_wait: 1s", "routes: [{receiver: a, matchers: ['a=\"hush']}]"),
            ("group_wait: 1s", "routes: [{receiver: a, match_re: {a: '(hush'}}]"),
            ("weekdays: [monday]", "weekdays: [hush]"), ("weekdays: [monday]", "months: [hush]"),
            ("weekdays: [monday]", "years: ['hush:2']"), ("weekdays: [monday]", "location: hush"),
            ("weekdays: [monday]", "days_of_month: [hush]"),
            ("weekdays: [monday]", "times: [{start_time: hush, end_time: '10:00'}]"),
        ])
    func mistypedSecrets(line: String, wrong: String) throws {
        let text = """
            global: {resolve_timeout: 5m}
            route: {receiver: a, group_wait: 1s}
            time_intervals: [{name: t, time_intervals: [{weekdays: [monday]}]}]
            receivers:
              - name: a
                webhook_configs: [{url: "http://127.0.0.1:1/", http_config: {}}]
            """
        _ = try AlertmanagerConfig.parse(text, path: "am.yml")
        let changed = text.replacing(line, with: wrong)
        try #require(changed != text)
        let error = #expect(throws: NotifierConfigError.self) {
            try AlertmanagerConfig.parse(changed, path: "am.yml")
        }
        let complaint = error.map { "\($0)" } ?? ""
        #expect(complaint.hasPrefix("am.yml:"), "\(complaint)")
        #expect(!complaint.contains("hush"), "\(complaint)")
    }

    @Test("may have Slack's address for apps beside an app's token, and tokens of receivers' own")
    func slackTokens() throws {
        let text = """
            global: {slack_app_token: xoxb-1, slack_api_url: "https://slack.com/api/chat.postMessage"}
            route: {receiver: a}
            receivers:
              - name: a
                slack_configs:
                  - {channel: x}
                  - {channel: y, http_config: {authorization: {credentials: xoxb-2}}}
            """
        #expect(try AlertmanagerConfig.parse(text, path: "am.yml").integrations.count == 2)
        #expect(throws: NotifierConfigError.self) {
            try AlertmanagerConfig.parse(
                text.replacing("slack.com/api", with: "hooks.slack.com/api"), path: "am.yml")
        }
    }

    @Test(
        "refuses a regular expression that is none",
        arguments: [
            "route: {receiver: a, routes: [{match_re: {b: }}]}",
            "route: {receiver: a}\ninhibit_rules: [{source_match_re: {b: }}]",
            "route: {receiver: a}\ninhibit_rules: [{target_match_re: {b: }}]",
        ])
    func emptyPattern(text: String) {
        let error = #expect(throws: NotifierConfigError.self) {
            try AlertmanagerConfig.parse(text + "\nreceivers: [{name: a}]\n", path: "am.yml")
        }
        #expect(error?.reason.hasPrefix("b has no regular expression") == true)
    }

    @Test("may have empty documents, and no second one")
    func documents() throws {
        let text = "route: {receiver: a}\nreceivers: [{name: a}]\n"
        for whole in ["---\n" + text, text + "---\n", text + "---\n# end\n...\n"] {
            #expect(try AlertmanagerConfig.parse(whole, path: "am.yml").receivers == ["a"])
        }
        let error = #expect(throws: NotifierConfigError.self) {
            try AlertmanagerConfig.parse(text + "---\n" + text, path: "am.yml")
        }
        #expect(error?.line == 4)
        #expect(error?.reason.contains("second document") == true)
    }

    @Test("may have labels of any letters in matchers, groups and inhibition")
    func anyLabels() throws {
        let config = try AlertmanagerConfig.parse(
            """
            route:
              receiver: a
              group_by: ["größe", "k8s.pod/name"]
              routes:
                - {receiver: a, matchers: ['"k8s.pod/name"="x"', 'größe=~"a|b"']}
            inhibit_rules: [{source_matchers: ['"a b"="1"'], target_matchers: [c="1"], equal: ["größe"]}]
            receivers: [{name: a}]
            """, path: "am.yml")
        #expect(config.route.groupBy == ["größe", "k8s.pod/name"])
        #expect(config.route.routes[0].matchers.accept(["k8s.pod/name": "x", "größe": "b"]))
        #expect(!config.route.routes[0].matchers.accept(["größe": "b"]))
        #expect(config.inhibitRules[0].source.accept(["a b": "1"]))
    }

    @Test("may have merge keys, and say that redirects be followed")
    func mergeKeys() throws {
        let config = try AlertmanagerConfig.parse(
            """
            route:
              receiver: a
              routes:
                - &first {receiver: b, group_wait: 1s, matchers: [x="1"]}
                - {<<: *first, matchers: [x="2"]}
            receivers:
              - name: a
              - name: b
                webhook_configs: [{url: "http://127.0.0.1:1/", http_config: {follow_redirects: true}}]
            """, path: "am.yml")
        let routes = config.route.routes
        #expect(routes.map(\.receiver) == ["b", "b"])
        #expect(routes.map(\.groupWait) == [1_000_000_000, 1_000_000_000])
        #expect(routes.map { $0.matchers[0].value } == ["1", "2"])
    }

    @Test(
        "refuses what Alertmanager refuses",
        arguments: [
            ("{receiver: a, continue: true}", "", "cannot have continue in root route"),
            (
                "{receiver: a}", "{bearer_token: x, basic_auth: {username: y}}",
                "at most one of basic_auth"
            ),
            (
                "{receiver: a}", "{authorization: {type: basic, credentials: x}}",
                "authorization type cannot be set to \"basic\""
            ),
        ])
    func refused(route: String, http: String, complaint: String) {
        let error = #expect(throws: NotifierConfigError.self) {
            try AlertmanagerConfig.parse(
                """
                route: \(route)
                receivers:
                  - name: a
                    webhook_configs: [{url: "http://127.0.0.1:1/", http_config: \(http)}]
                """, path: "am.yml")
        }
        #expect(error?.reason.contains(complaint) == true, "\(error?.reason ?? "")")
    }

    @Test("takes secrets from files and from the environment")
    func secrets() throws {
        let text = """
            route: {receiver: a}
            receivers:
              - name: a
                webhook_configs: [{url_file: /nowhere/url, signing_secret: "${env:SIGNING}"}]
            """
        let config = try AlertmanagerConfig.parse(
            text, path: "am.yml", environment: ["SIGNING": "hush"])
        #expect(config.integrations[0].address == "the address in /nowhere/url")
        #expect(throws: NotifierConfigError.self) {
            try AlertmanagerConfig.parse(text, path: "am.yml", environment: [:])
        }
    }

    @Test(
        "reads matchers in both syntaxes",
        arguments: [
            ("a=b", "a=\"b\""), (" a = \"b c\" ", "a=\"b c\""), ("a!=b", "a!=\"b\""),
            ("a=~b.*", "a=~\"b.*\""), ("a!~\"x|y\"", "a!~\"x|y\""), ("a=", "a=\"\""),
            ("a=\"q\\\"q\\n\"", "a=\"q\\\"q\\n\""), ("\"ä b\"=c", "ä b=\"c\""),
        ])
    func matcher(text: String, shown: String) throws {
        #expect(try MatcherText.matcher(text).description == shown)
    }

    @Test(
        "refuses what is no matcher",
        arguments: ["a", "=b", "a==\"b\"c", "{a=b}", "a=\"b", "a=b\"c", "1a=b", "a=~(", ""])
    func noMatcher(text: String) {
        #expect(throws: MatcherFailure.self) { try MatcherText.matcher(text) }
    }

    @Test("a list of matchers has braces or not, and may end in a comma")
    func matchers() throws {
        for text in ["{a=\"b,c\",d!=e,}", "a=\"b,c\", d!=e"] {
            let found = try MatcherText.matchers(text)
            #expect(found.text == "{a=\"b,c\",d!=\"e\"}")
        }
        #expect(try MatcherText.matchers("{}").isEmpty)
    }
}
