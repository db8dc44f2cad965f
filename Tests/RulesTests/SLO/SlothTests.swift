import Rules
import Testing

@Suite("Sloth's specifications")
struct SlothTests {
    @Test("give error ratios for every window and the period, as Sloth names them")
    func ratios() throws {
        let groups = try SLOReading.rules(SLOReading.sloth())
        #expect(
            groups.map(\.name) == [
                "sloth-slo-sli-recordings-shop-availability",
                "sloth-slo-meta-recordings-shop-availability",
                "sloth-slo-alerts-shop-availability",
            ])
        let ratios = groups[0].rules
        #expect(
            ratios.map(\.name)
                == ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"].map {
                    "slo:sli_error:ratio_rate\($0)"
                })
        #expect(
            ratios[0].expression == """
                (sum(rate(requests_total{code=~"5.."}[5m])))
                /
                (sum(rate(requests_total[5m])))

                """)
        #expect(
            ratios[0].labels == [
                "team": "front", "sloth_id": "shop-availability", "sloth_service": "shop",
                "sloth_slo": "availability", "sloth_window": "5m",
            ])
        let id =
            "{sloth_id=\"shop-availability\", sloth_service=\"shop\", sloth_slo=\"availability\"}"
        #expect(
            ratios[7].expression == """
                sum_over_time(slo:sli_error:ratio_rate5m\(id)[30d])
                / ignoring (sloth_window)
                count_over_time(slo:sli_error:ratio_rate5m\(id)[30d])

                """)
    }

    @Test("give facts whose numbers have the digits that Sloth's have")
    func facts() throws {
        let facts = try SLOReading.rules(SLOReading.sloth())[1].rules
        #expect(
            facts.map(\.name) == [
                "slo:objective:ratio", "slo:error_budget:ratio", "slo:time_period:days",
                "slo:current_burn_rate:ratio", "slo:period_burn_rate:ratio",
                "slo:period_error_budget_remaining:ratio", "sloth_slo_info",
            ])
        #expect(facts[0].expression == "vector(0.9990000000000001)")
        #expect(facts[1].expression == "vector(1-0.9990000000000001)")
        #expect(facts[2].expression == "vector(30)")
        #expect(facts[4].expression.hasPrefix("slo:sli_error:ratio_rate30d{sloth_id="))
        #expect(facts[6].labels["sloth_mode"] == "cli-gen-prom")
        #expect(facts[6].labels["sloth_spec"] == "prometheus/v1")
        #expect(facts[6].labels["sloth_objective"] == "99.9")
        #expect(facts[6].labels["sloth_version"] == "test")
    }

    @Test("give two alerts with two pairs of windows each and the workbook's factors")
    func alerts() throws {
        let alerting = """
            name: Burning
            labels: {channel: shop}
            annotations: {runbook: "http://x/{{ $labels.sloth_slo }}"}
            page_alert:
              labels: {channel: pager, severity: page}
            """
        let alerts = try SLOReading.rules(SLOReading.sloth(alerting: alerting))[2].rules
        let id =
            "{sloth_id=\"shop-availability\", sloth_service=\"shop\", sloth_slo=\"availability\"}"
        func burns(_ window: String, _ factor: String) -> String {
            "max(slo:sli_error:ratio_rate\(window)\(id) > (\(factor) * 0.0009999999999999432)) "
                + "without (sloth_window)"
        }
        #expect(
            alerts[0].expression == """
                (
                    \(burns("5m", "14.4"))
                    and
                    \(burns("1h", "14.4"))
                )
                or
                (
                    \(burns("30m", "6"))
                    and
                    \(burns("6h", "6"))
                )

                """)
        #expect(alerts[1].expression.contains(burns("2h", "3")))
        #expect(alerts[1].expression.contains(burns("3d", "1")))
        #expect(alerts.map(\.name) == ["Burning", "Burning"])
        #expect(
            alerts[0].labels == [
                "sloth_severity": "page", "channel": "pager", "severity": "page",
            ])
        #expect(alerts[1].labels == ["sloth_severity": "ticket", "channel": "shop"])
        #expect(alerts[0].annotations["runbook"] == "http://x/{{ $labels.sloth_slo }}")
        #expect(
            alerts[1].annotations["title"]
                == "(ticket) {{$labels.sloth_service}} {{$labels.sloth_slo}} SLO error budget burn "
                + "rate is too fast.")
    }

    @Test("over 28 days have weeks in names and the factors of 28 days")
    func fourWeeks() throws {
        let groups = try SLOReading.rules(SLOReading.sloth(), period: 28 * 86_400_000)
        #expect(groups[0].rules.last?.name == "slo:sli_error:ratio_rate4w")
        #expect(groups[2].rules[0].expression.contains("(13.44 * "))
        #expect(groups[2].rules[1].expression.contains("(0.9333333333333333 * "))
    }

    @Test("leave out the alerts that they disable")
    func disabled() throws {
        let none = "page_alert: {disable: true}\nticket_alert: {disable: true}"
        #expect(try SLOReading.rules(SLOReading.sloth(alerting: none)).count == 2)
        let page = "name: Burning\nticket_alert: {disable: true}"
        let groups = try SLOReading.rules(SLOReading.sloth(alerting: page))
        #expect(groups[2].rules.map { $0.labels["sloth_severity"] } == ["page"])
    }

    @Test("in Kubernetes form give the same rules")
    func kubernetes() throws {
        let text = """
            apiVersion: sloth.slok.dev/v1
            kind: PrometheusServiceLevel
            metadata: {name: shop, namespace: monitoring, labels: {a: b}}
            spec:
              service: shop
              labels: {team: front}
              slos:
                - name: availability
                  objective: 99.9
                  sli:
                    events:
                      errorQuery: sum(rate(requests_total{code=~"5.."}[{{.window}}]))
                      totalQuery: sum(rate(requests_total[{{ .window }}]))
                  alerting: {name: Burning, pageAlert: {labels: {a: b}}}
            """
        let kubernetes = try SLOReading.rules(text)
        let plain = try SLOReading.rules(SLOReading.sloth())
        #expect(kubernetes[0] == plain[0])
        #expect(kubernetes[1].rules[0...5] == plain[1].rules[0...5])
        #expect(kubernetes[1].rules[6].labels["sloth_spec"] == "sloth.slok.dev/v1")
        #expect(kubernetes[2].rules[0].labels["a"] == "b")
    }

    @Test("may have ratios of their own making and several documents, some empty")
    func raw() throws {
        let raw = "raw:\n  error_ratio_query: 1 - avg_over_time(up[{{.window}}])"
        let text =
            "---\n\(SLOReading.sloth(sli: raw))\n---\n"
            + SLOReading.sloth().split(separator: "\n").joined(separator: "\n")
            .replacing("service: shop", with: "service: other")
        let groups = try SLOReading.rules(text)
        #expect(groups.count == 6)
        #expect(groups[0].rules[1].expression == "(1 - avg_over_time(up[30m]))")
    }

    @Test("take windows for other periods from a document beside them")
    func ownWindows() throws {
        let windows = """
            apiVersion: sloth.slok.dev/v1
            kind: AlertWindows
            spec:
              sloPeriod: 7d
              page:
                quick: {errorBudgetPercent: 8, shortWindow: 5m, longWindow: 1h}
                slow: {errorBudgetPercent: 12.5, shortWindow: 30m, longWindow: 6h}
              ticket:
                quick: {errorBudgetPercent: 20, shortWindow: 2h, longWindow: 1d}
                slow: {errorBudgetPercent: 42, shortWindow: 6h, longWindow: 3d}
            """
        let week: Int64 = 7 * 86_400_000
        #expect(SLOReading.mistakes(SLOReading.sloth(), period: week)[0].contains("period of 1w"))
        let groups = try SLOReading.rules("\(windows)\n---\n\(SLOReading.sloth())", period: week)
        #expect(groups[2].rules[0].expression.contains("(13.44 * "))
        #expect(groups[2].rules[1].expression.contains("(1.4000000000000001 * "))
        #expect(groups[0].rules.last?.name == "slo:sli_error:ratio_rate1w")
    }

    @Test(
        "refuse what is unknown or cannot be carried out, by name, file and line",
        arguments: [
            (SLOReading.sloth(more: "    colour: red"), "slo.yml:14: unknown key \"colour\""),
            (SLOReading.sloth(more: "slo_plugins: {chain: []}"), "slo.yml:14: slo_plugins"),
            (SLOReading.sloth(sli: "plugin: {id: x}"), #"slo.yml:9: plugin "x" is not supported"#),
            (SLOReading.sloth(sli: "raw: {error_ratio_query: up}"), "{{.window}}"),
            (
                SLOReading.sloth(sli: "raw: {error_ratio_query: 'up[{{.win}}]'}"),
                "slo.yml:9: error_ratio_query of raw of sli"
            ),
            (
                SLOReading.sloth(sli: "raw: {error_ratio_query: 'rate(up[{{.window}}]'}"),
                "slo.yml:9"
            ),
            (SLOReading.sloth(sli: "raw: {error_ratio_query: 'up[{{.window}}]'}"), "range vector"),
            (SLOReading.sloth(alerting: "labels: {}"), "needs name"),
            (SLOReading.sloth(alerting: "name: x\nlabels: {a-b: c}"), "\"a-b\""),
            (SLOReading.sloth(alerting: "name: x\npage_alert: {disable: maybe}"), "true or false"),
            (SLOReading.sloth(objective: "0"), "slo.yml:7: objective must be above 0"),
            (SLOReading.sloth(objective: "many"), "must be a number"),
            ("version: prometheus/v2", "slo.yml:1: version must be prometheus/v1"),
            ("kind: Deployment\napiVersion: apps/v1", "apps/v1"), ("a: b", "no specification"),
            ("version: prometheus/v1\nservice: s\nslos: []", "two characters"),
            ("version: prometheus/v1\nservice: shop\nslos: []", "must have an entry"),
            ("[", "slo.yml:"),
            (SLOReading.sloth() + "\n---\n" + SLOReading.sloth(), "slo.yml:22: a second objective"),
        ])
    func refusals(text: String, says: String) {
        let mistakes = SLOReading.mistakes(text)
        #expect(mistakes.count == 1, "\(mistakes)")
        #expect(mistakes.first?.contains(says) == true, "\(mistakes)")
    }

    @Test("refuse objectives whose alerts could never fire, with the arithmetic")
    func unreachable() {
        let page = SLOReading.mistakes(
            SLOReading.sloth(objective: "90", alerting: "name: x\nticket_alert: {disable: true}"))
        #expect(page.count == 1)
        #expect(page[0].contains("page alert of shop-availability over 1h could never fire"))
        #expect(page[0].contains("14.4·(1−0.9) = 1.44, and no share exceeds 1"))
        #expect(page[0].contains("objective above 93.06"))
        #expect(SLOReading.mistakes(SLOReading.sloth(objective: "93.1")).isEmpty)
        // 6 times 0.3 for six hours of the page alert, 3 times 0.3 is below 1 for the ticket.
        #expect(SLOReading.mistakes(SLOReading.sloth(objective: "70")).count == 2)
        #expect(SLOReading.mistakes(SLOReading.sloth(objective: "60")).count == 3)
        let silent = "page_alert: {disable: true}\nticket_alert: {disable: true}"
        #expect(
            SLOReading.mistakes(SLOReading.sloth(objective: "10", alerting: silent)).isEmpty)
    }

    @Test("are told apart from files that cannot be read")
    func unreadable() {
        let read = SLOFiles.load(["/does/not/exist.yml"], period: SLOReading.month)
        #expect(read.mistakes.count == 1)
        #expect(read.mistakes[0].reason.contains("cannot read"))
    }

    @Test("cut off anywhere are refused or read, and never end the program")
    func truncated() {
        let text = SLOReading.sloth()
        for length in 0..<text.utf8.count {
            let read = SLOReading.read(String(decoding: text.utf8.prefix(length), as: UTF8.self))
            #expect(!read.mistakes.isEmpty || read.objectives.count <= 1)
        }
    }
}
