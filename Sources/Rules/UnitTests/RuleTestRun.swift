import Logging
import Platform
import PromQL
import QueryCore
import Store
import Telemetry

/// Runs the tests of a file: evaluates its rules over the input series, one evaluation interval after
/// the other, and compares alerts and query results with what is expected. What is reported, and how, is
/// as with promtool.
package struct RuleTestRun: Sendable {
    private let file: RuleTestFile
    private let groups: [RuleGroup]
    /// What keeps a test from being run at all.
    private struct Broken: Error {
        var reasons: [String]
    }

    /// - Throws: what is wrong with the rule files.
    package init(_ file: RuleTestFile) throws(RulesRefused) {
        self.init(file, groups: try RuleEngine.load(file.ruleFiles))
    }

    /// - Parameter groups: instead of those of the file's rule files.
    package init(_ file: RuleTestFile, groups: [RuleGroup]) {
        self.file = file
        var order: [String: Int] = [:]
        for (index, name) in file.groupOrder.enumerated() { order[name] = index }
        self.groups = groups.enumerated().sorted {
            let (a, b) = (order[$0.element.key.name] ?? 0, order[$1.element.key.name] ?? 0)
            return a == b ? $0.offset < $1.offset : a < b
        }.map(\.element)
    }

    /// What did not come out as expected; empty if everything did.
    package func failures() -> [String] { file.tests.flatMap { failures(of: $0) } }

    private func failures(of test: RuleTest) -> [String] {
        var inputs = TestInputs(test)
        let environment = environment(of: test, inputs.store)
        var failures: [String] = []
        do throws(Broken) {
            var evaluators = try evaluators(in: environment, at: test.start)
            var expected = test.alertExpectations.sorted { $0.time < $1.time }[...]
            var elapsed: Int64 = 0
            while elapsed <= test.end {
                inputs.load(through: test.start &+ elapsed)
                try evaluate(&evaluators, at: test.start &+ elapsed)
                while let next = expected.first, next.time < elapsed &+ file.evaluationInterval {
                    failures += AlertComparison(next, in: test).failures(evaluators)
                    expected.removeFirst()
                }
                elapsed = elapsed &+ file.evaluationInterval
            }
        } catch {
            return failures + error.reasons
        }
        let engine = PromQLEngine(store: inputs.store, options: environment.settings.query)
        for expectation in test.queryExpectations {
            let comparison = QueryComparison(expectation, isFuzzy: file.isFuzzy)
            failures += comparison.failures(engine, start: test.start)
        }
        return failures
    }

    private func environment(of test: RuleTest, _ store: ReplayStore) -> RuleEnvironment {
        var settings = RuleSettings()
        settings.defaultInterval = test.interval
        settings.externalURL = test.externalURL
        settings.externalLabels = test.externalLabels
        settings.query.subqueryStep = file.evaluationInterval
        settings.query.concurrency = 1
        return RuleEnvironment(
            store: store, catalog: ForgetfulCatalog(), clock: ManualClock(wallNanoseconds: 0),
            events: EventLog(logger: Logger(label: "rule tests") { _ in SwiftLogNoOpLogHandler() }),
            settings: settings)
    }

    private func evaluators(
        in environment: RuleEnvironment, at start: Int64
    ) throws(Broken) -> [RuleGroupEvaluator] {
        var evaluators: [RuleGroupEvaluator] = []
        for group in groups {
            do throws(StoreError) {
                evaluators.append(
                    try RuleGroupEvaluator(
                        group, in: environment, at: Timestamp(milliseconds: start)))
            } catch {
                throw Broken(reasons: ["    \(error)"])
            }
        }
        return evaluators
    }

    private func evaluate(
        _ evaluators: inout [RuleGroupEvaluator], at time: Int64
    ) throws(Broken) {
        var reasons: [String] = []
        for index in evaluators.indices {
            _ = evaluators[index].evaluate(at: Timestamp(milliseconds: time))
            for rule in evaluators[index].status.rules where !rule.lastError.isEmpty {
                reasons.append(
                    "    rule: \(rule.name), time: \(GoNumber.duration(milliseconds: time)), "
                        + "err: \(rule.lastError)")
            }
        }
        guard reasons.isEmpty else { throw Broken(reasons: reasons) }
    }
}

/// The input series of a test, given to the store as time goes on: a rule must not see the future.
private struct TestInputs {
    let store = ReplayStore()
    private let test: RuleTest
    /// Per series, the next value.
    private var next: [Int]
    /// Per series, the histogram before that.
    private var previous: [Int: NativeHistogram] = [:]

    init(_ test: RuleTest) {
        self.test = test
        next = [Int](repeating: 0, count: test.inputs.count)
    }

    /// - Parameter time: milliseconds since the epoch.
    mutating func load(through time: Int64) {
        var batch = MetricBatch()
        for (index, input) in test.inputs.enumerated() {
            var series: UInt32?
            while next[index] < input.values.count {
                let at = test.start &+ Int64(next[index]) &* test.interval
                guard at <= time else { break }
                let value = input.values[next[index]]
                next[index] += 1
                if case .omitted = value { continue }
                let number = series ?? batch.append(input.labels)
                series = number
                switch value {
                case .omitted: break
                case .number(let value): batch.append(series: number, time: at, value: value)
                case .histogram(let histogram):
                    batch.histograms.append(
                        HistogramSample(
                            series: number, time: at, histogram: hinted(histogram, index)))
                }
            }
        }
        if !batch.isEmpty { store.append(metrics: batch, digest: nil) { _ in } }
    }

    /// Says, as Prometheus's storage does, whether a histogram without a hint goes on from the one before
    /// it.
    private mutating func hinted(_ histogram: NativeHistogram, _ series: Int) -> NativeHistogram {
        defer { previous[series] = histogram }
        guard histogram.resetHint == .unknown, let before = previous[series] else {
            return histogram
        }
        var hinted = histogram
        if histogram.count < before.count {
            hinted.resetHint = .reset
        } else if histogram.hasBounds(of: before) {
            hinted.resetHint = histogram.continues(before) ? .notReset : .reset
        }
        return hinted
    }
}

extension NativeHistogram {
    /// Between other bounds only those who compare the two can tell.
    fileprivate func hasBounds(of before: NativeHistogram) -> Bool {
        schema == before.schema && zeroThreshold == before.zeroThreshold
            && customBounds == before.customBounds
    }

    /// Whether nothing was counted down since `before`, which has the same bounds and no higher count.
    fileprivate func continues(_ before: NativeHistogram) -> Bool {
        guard zeroCount >= before.zeroCount else { return false }
        let (new, old) = (HistogramValue(self), HistogramValue(before))
        return Self.holds(new.positive, old.positive) && Self.holds(new.negative, old.negative)
    }

    private static func holds(_ new: HistogramBuckets, _ old: HistogramBuckets) -> Bool {
        let counts = Dictionary(zip(new.indices, new.counts)) { $1 }
        return zip(old.indices, old.counts).allSatisfy { $1 <= counts[$0] ?? 0 }
    }
}
