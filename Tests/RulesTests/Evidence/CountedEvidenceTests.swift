import Platform
import QueryCore
import Rules
import Store
import Telemetry
import Testing

@Suite("Evidence of rules over spans and lines")
struct CountedEvidenceTests {
    private func gather(
        _ lab: EvidenceLab, _ language: String, _ expression: String,
        _ labels: KeyValuePairs<String, String>, at end: Timestamp = EvidenceLab.end
    ) throws -> AlertEvidence {
        let file = try RuleFile.parse(
            RuleLab.file("- {alert: A, expr: '\(expression)'}", head: "datasource: \(language)"),
            path: "r.yml")
        let subject = EvidenceSubject(
            labels: Labels(labels), expression: nil, query: file.groups[0].rules[0].query,
            firedAt: end)
        return try #require(
            lab.collector.gather([subject], at: end, context: QueryContext()).first)
    }

    @Test("is what the alert's own query over spans selects, of its own series")
    func spans() throws {
        let lab = EvidenceLab()
        lab.fill()
        let evidence = try gather(
            lab, "tempo", "{ status = error } | rate() by (resource.service.name) > 0",
            ["alertname": "A", "resource_service_name": "bank"])
        #expect(evidence.service == "bank")
        #expect(evidence.badCount == 75)
        #expect(evidence.exemplars.count == 5)
        #expect(evidence.exemplars.allSatisfy { $0.service == "bank" })
        #expect(evidence.change?.before == 0)
        #expect(!evidence.notes.contains { $0.hasPrefix("no traces") })
        let share = try gather(
            lab, "tempo",
            "({ name = \"POST /pay\" && status = error } | rate()) / ({ name = \"POST /pay\" } | rate()) > 0.1",
            ["alertname": "A"])
        #expect(share.badCount == 75)
        #expect(share.route?.name == "/pay/{id}")
    }

    @Test("is the lines that the alert counts, and the traces that they name")
    func lines() throws {
        let lab = EvidenceLab()
        lab.fill()
        let evidence = try gather(
            lab, "loki",
            "sum by (service_name) (count_over_time({service_name=\"payments\"} |= \" 503\" [5m])) > 1",
            ["alertname": "A", "service_name": "payments"])
        #expect(evidence.lines.count == 5)
        #expect(evidence.lines.first == "POST /pay/598 503")
        #expect(evidence.exemplars.count == 5)
        #expect(evidence.service == "payments")
        let unnamed = try gather(
            lab, "loki", "count_over_time({service_name=~\"pay.+\"} |= \" 503\" [5m]) > 1",
            ["alertname": "A"])
        #expect(unnamed.lines == evidence.lines)
        #expect(unnamed.exemplars.map(\.name) == Array(repeating: "POST /pay", count: 5))
    }

    @Test("says when it began the same whenever it is asked, and not before the first bad event")
    func stableChange() throws {
        let lab = EvidenceLab()
        lab.fill()
        let first = Timestamp(second: 4_500).advanced(byNanoseconds: 1_000_000)
        var seen: Set<Timestamp> = []
        for second in stride(from: 0.0, to: 60, by: 7) {
            let end = Timestamp(second: 4_800 + second)
            let evidence = try gather(
                lab, "prometheus", "up == 0", ["service": "gateway"], at: end)
            let change = try #require(evidence.change)
            seen.insert(change.at)
            #expect(change.at >= first)
            #expect(change.at.nanoseconds(since: first) < 20_000_000_000)
        }
        #expect(seen.count == 1, "\(seen)")
    }
}
