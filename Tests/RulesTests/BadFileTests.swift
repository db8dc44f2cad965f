import Rules
import Testing

@Suite("Files that are damaged")
struct BadFileTests {
    private static let rules = """
        groups:
        - name: first
          interval: 1m
          datasource: loki
          labels: {team: a}
          rules:
          - record: lines
            expr: sum(count_over_time({a="b"} | json | c > 1 [5m]))
          - alert: Down
            datasource: prometheus
            expr: |
              up
                == 0
            for: 1h30m
            annotations: {summary: "{{ range query `up` }}{{ .Value }}{{ end }}"}
          - {alert: Spans, datasource: tempo, range: 5m, expr: '{ name = "x" } | rate()'}
        """

    private static let specifications = [
        SLOReading.sloth(more: "# end"),
        SLOReading.openSLO(
            indicator: """
                ratioMetric:
                  bad: {metricSource: {type: LogQL, spec: {query: '{a="b"} |= "x"'}}}
                  total: {metricSource: {type: TraceQL, spec: {query: '{ name = "x" }'}}}
                """,
            objective: "{target: 0.99, timeSliceTarget: 0.9, timeSliceWindow: 5m}",
            method: "Timeslices"),
        SLOReading.pyrra(
            indicator: "ratio: {errors: {metric: 'a{b=\"c\"}'}, total: {metric: a}}"),
    ]

    private func look(_ text: String) {
        do throws(RuleFileError) {
            _ = try RuleFile.parse(text, path: "a.yml")
        } catch {
            #expect(error.description.hasPrefix("a.yml:"))
            #expect(!error.reason.isEmpty)
        }
        for mistake in SLOReading.read(text).mistakes {
            #expect(mistake.description.hasPrefix("slo.yml:"))
            #expect(!mistake.reason.isEmpty)
        }
    }

    @Test("are read or refused wherever they are cut off", arguments: [rules] + specifications)
    func cut(text: String) {
        for length in 0..<text.utf8.count {
            look(String(decoding: text.utf8.prefix(length), as: UTF8.self))
        }
    }

    @Test("are read or refused whatever bytes are wrong", arguments: [rules] + specifications)
    func mutated(text: String) {
        var random = SeededGenerator(seed: 41)
        let wrong = Array("{}[]:'\"\n -#&*|>%!\u{0}0~,".utf8)
        for _ in 0..<300 {
            var bytes = Array(text.utf8)
            for _ in 0...Int.random(in: 0...3, using: &random) {
                let place = bytes.indices.randomElement(using: &random) ?? 0
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = wrong.randomElement(using: &random) ?? 0
                case 1: bytes.remove(at: place)
                default: bytes.insert(wrong.randomElement(using: &random) ?? 0, at: place)
                }
            }
            look(String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test(
        "with wrong types and unknown fields are refused with their line",
        arguments: [
            ("objective: 99.9", "objective: [99.9]", 7),
            ("objective: 99.9", "objective: most", 7),
            ("objective: 99.9", "objective: 101", 7),
            ("objective: 99.9", "objective: 99.9\n    objektive: 1", 8),
            ("service: shop", "service: {name: shop}", 2),
            ("labels:\n  team: front", "labels: [front]", 3),
            ("slos:", "slos: 7\nslo:", 6),
        ])
    func wrong(old: String, new: String, line: Int) {
        let text = SLOReading.sloth().replacing(old, with: new)
        let mistakes = SLOReading.read(text).mistakes
        #expect(!mistakes.isEmpty)
        #expect(mistakes.first?.line == line, "\(mistakes)")
    }

    @Test("that name an objective twice are refused with both places")
    func twice() {
        let one = SLOReading.sloth()
        let mistakes = SLOReading.mistakes("\(one)\n---\n\(one)")
        #expect(mistakes.count == 1)
        #expect(mistakes.first?.contains("the first stands in slo.yml:7") == true, "\(mistakes)")
    }
}
