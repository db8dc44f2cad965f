import Foundation
import Testing

/// Prometheus's own client.
enum Promtool {
    static let path = ProcessInfo.processInfo.environment["SIDELIGHT_PROMTOOL"]
        .flatMap { $0.isEmpty ? nil : $0 }
}

@Suite(
    "sidelight slo",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct SLOCommandTests {
    private static func specification(objective: String = "99.9") -> String {
        """
        version: prometheus/v1
        service: shop
        slos:
          - name: availability
            objective: \(objective)
            sli:
              events:
                error_query: sum(rate(requests_total{code=~"5.."}[{{.window}}]))
                total_query: sum(rate(requests_total[{{.window}}]))
            alerting:
              name: Burning
              annotations: {note: "a: b # c", empty: ""}
        ---
        apiVersion: pyrra.dev/v1alpha1
        kind: ServiceLevelObjective
        metadata: {name: checkout}
        spec:
          target: "99"
          window: 4w
          indicator:
            latency:
              success: {metric: 'duration_bucket{le="0.5"}'}
              total: {metric: duration_count}
        ---
        apiVersion: openslo/v1
        kind: SLO
        metadata: {name: search}
        spec:
          service: shop
          indicator:
            spec:
              thresholdMetric:
                metricSource: {type: Prometheus, spec: {query: max(queue_length)}}
          timeWindow: [{duration: 28d, isRolling: true}]
          budgetingMethod: Occurrences
          objectives: [{target: 0.99, op: lte, value: 10}]
        """
    }

    @Test("validate says what it read and ends with 0")
    func validate() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("slo.yml", Self.specification())
        let outcome = try await Subprocess.run(["slo", "validate", file])
        #expect(outcome.status == 0, "\(outcome)")
        #expect(
            outcome.output.contains(
                "\(file):5: shop-availability: 99.9 % over 30d, page and ticket alerts"))
        #expect(outcome.output.contains("3 objectives are well"))
    }

    @Test("validate names every mistake with file and line and ends with 1, or 3 without the file")
    func mistakes() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("slo.yml", Self.specification(objective: "80"))
        let outcome = try await Subprocess.run(["slo", "validate", file])
        #expect(outcome.status == 1, "\(outcome)")
        #expect(outcome.output.isEmpty)
        #expect(outcome.error.contains("\(file):5: the page alert of shop-availability over 1h"))
        #expect(outcome.error.contains("14.4·(1−0.8) = 2.88"))
        let missing = try await Subprocess.run(["slo", "validate", folder.path + "/none.yml"])
        #expect(missing.status == 3, "\(missing)")
        let none = try await Subprocess.run(["slo", "validate"])
        #expect(none.status == 2, "\(none)")
        let period = try await Subprocess.run(["slo", "generate", "--period", "soon", file])
        #expect(period.status == 2, "\(period)")
        let generated = try await Subprocess.run(["slo", "generate", file])
        #expect(generated.status == 1)
        #expect(generated.output.isEmpty, "no half of a rule file")
    }

    @Test("generate writes the same to a file and to standard output")
    func generate() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("slo.yml", Self.specification())
        let printed = try await Subprocess.run(["slo", "generate", file])
        #expect(printed.status == 0, "\(printed)")
        let out = folder.path + "/rules.yml"
        let written = try await Subprocess.run(["slo", "generate", file, "--out", out])
        #expect(written.status == 0, "\(written)")
        #expect(written.output.isEmpty)
        #expect(try String(contentsOfFile: out, encoding: .utf8) == printed.output)
        let nowhere = try await Subprocess.run(
            ["slo", "generate", file, "--out", folder.path + "/none/rules.yml"])
        #expect(nowhere.status == 3, "\(nowhere)")
    }

    @Test(
        "promtool takes the rules that generate makes",
        .enabled(
            if: Promtool.path != nil, "SIDELIGHT_PROMTOOL names no promtool (Debian: prometheus)"))
    func accepted() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("slo.yml", Self.specification())
        let rules = folder.path + "/rules.yml"
        let made = try await Subprocess.run(["slo", "generate", file, "--out", rules])
        #expect(made.status == 0, "\(made)")
        let check = try Subprocess(command: [try #require(Promtool.path), "check", "rules", rules])
        #expect(await check.exit() == 0, "\(check.standardError)\(check.standardOutput)")
        // 8 ratios and 7 facts for each of three, two pairs of alerts, one on absence.
        #expect(check.standardOutput.contains("SUCCESS: 50 rules found"), "\(check.standardOutput)")
    }
}
