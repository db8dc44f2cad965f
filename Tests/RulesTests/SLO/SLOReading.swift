import PromQL
import Rules
import Store
import Testing

/// Specifications as texts, and short words for what becomes of them.
enum SLOReading {
    static let month: Int64 = 30 * 86_400_000

    static func read(_ text: String, period: Int64 = month) -> SLOFiles {
        SLOFiles.parse([("slo.yml", text)], period: period)
    }

    /// The rules, checked by the reader of rule files.
    static func rules(_ text: String, period: Int64 = month) throws -> [GeneratedGroup] {
        let read = read(text, period: period)
        #expect(read.mistakes.isEmpty, "\(read.mistakes)")
        let groups = read.objectives.flatMap { SlothRules(version: "test").groups(of: $0) }
        let text = RuleFileText(groups, comment: "test").text
        let file = try RuleFile.parse(text, path: "generated.yml")
        #expect(file.groups.map(\.key.name) == groups.map(\.name))
        #expect(
            file.groups.flatMap { $0.rules.map(\.query.text) }
                == groups.flatMap { $0.rules.map(\.expression) }, "expressions read back")
        return groups
    }

    /// Every complaint about a text.
    static func mistakes(_ text: String, period: Int64 = month) -> [String] {
        read(text, period: period).mistakes.map(\.description)
    }

    /// A plain Sloth specification with one objective.
    static func sloth(
        objective: String = "99.9", sli: String? = nil, alerting: String = "name: Burning",
        more: String = ""
    ) -> String {
        let sli =
            sli ?? """
                events:
                  error_query: sum(rate(requests_total{code=~"5.."}[{{.window}}]))
                  total_query: sum(rate(requests_total[{{ .window }}]))
                """
        func indented(_ text: String) -> String {
            text.split(separator: "\n").map { "      \($0)" }.joined(separator: "\n")
        }
        return """
            version: prometheus/v1
            service: shop
            labels:
              team: front
            slos:
              - name: availability
                objective: \(objective)
                sli:
            \(indented(sli))
                alerting:
            \(indented(alerting))
            \(more)
            """
    }

    static func pyrra(
        window: String = "28d", target: String = "\"99\"", indicator: String, more: String = ""
    ) -> String {
        """
        apiVersion: pyrra.dev/v1alpha1
        kind: ServiceLevelObjective
        metadata:
          name: checkout
          namespace: shop
          labels:
            pyrra.dev/team: front
            prometheus: main
        spec:
          target: \(target)
          window: \(window)
          indicator:
            \(indicator.split(separator: "\n").joined(separator: "\n    "))
        \(more)
        """
    }

    static func openSLO(
        indicator: String, objective: String = "target: 0.99", more: String = "",
        method: String = "Occurrences"
    ) -> String {
        """
        apiVersion: openslo/v1
        kind: SLO
        metadata: {name: checkout, displayName: Check-out}
        spec:
          service: shop
          indicator:
            metadata: {name: good-ones}
            spec:
              \(indicator.split(separator: "\n").joined(separator: "\n      "))
          timeWindow: [{duration: 28d, isRolling: true}]
          budgetingMethod: \(method)
          objectives:
            - \(objective.split(separator: "\n").joined(separator: "\n      "))
        \(more)
        """
    }

    static func source(_ query: String) -> String {
        "{metricSource: {type: Prometheus, spec: {query: '\(query)'}}}"
    }
}
