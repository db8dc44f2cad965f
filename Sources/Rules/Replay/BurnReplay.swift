import PromQL
import QueryCore
import Store
import Telemetry

/// Evaluates an objective's alert with its statistics at many times: events are counted for all times at
/// once, window by window as they are needed, and only times at which any window burns are looked at closer.
final class BurnReplay {
    /// Bad and all events of one series, one entry a time.
    private struct Columns {
        var bad: [Double]
        var all: [Double]
    }

    private let condition: BurnCondition
    private let engine: PromQLEngine
    private let context: QueryContext
    private let start: Int64
    private let end: Int64
    private let step: Int64
    private let count: Int
    private var windows: [Int64: [Labels: Columns]] = [:]

    /// - Parameters:
    ///   - start: milliseconds since the epoch, like `end`.
    ///   - step: milliseconds.
    init(
        _ condition: BurnCondition, _ engine: PromQLEngine, start: Int64, end: Int64, step: Int64,
        context: QueryContext
    ) {
        self.condition = condition
        self.engine = engine
        self.context = context
        self.start = start
        self.end = end
        self.step = step
        count = Int((end &- start) / step) + 1
    }

    /// Burn rates by labels, where and when the condition holds.
    func series() throws(QueryError) -> [StepSeries] {
        var held: [Labels: [Double]] = [:]
        for index in try candidates() {
            try context.check()
            var counts = WindowCounts { [self] window throws(QueryError) in
                try self.counts(over: window, at: index)
            }
            for (own, ratio) in try condition.holds(&counts) {
                held[own, default: [Double](repeating: StepValue.absent, count: count)][index] =
                    ratio
            }
        }
        return held.sorted { $0.key.comesBefore($1.key) }.map { own, values in
            StepSeries(
                labels: Labels(
                    own.pairs + condition.labels.map { (name: $0.key, value: $0.value) }),
                values: values)
        }
    }

    /// Times at which any series has more bad events in a long window than that may hold.
    private func candidates() throws(QueryError) -> [Int] {
        var bounds = condition.pairs.map { ($0.long, $0.factor * condition.errorBudget) }
        if condition.tellsSlowLoss {
            bounds.append((condition.windows.ticketSlow.long, condition.errorBudget))
        }
        var isCandidate = [Bool](repeating: false, count: count)
        for (window, allowed) in bounds {
            for columns in try table(window).values {
                for index in 0..<count where columns.bad[index] > allowed * columns.all[index] {
                    isCandidate[index] = true
                }
            }
        }
        return isCandidate.indices.filter { isCandidate[$0] }
    }

    private func counts(
        over window: Int64, at index: Int
    ) throws(QueryError) -> [Labels: EventCounter.Count] {
        try table(window).reduce(into: [:]) { counts, entry in
            guard entry.value.all[index] > 0 else { return }
            counts[entry.key] = EventCounter.Count(
                bad: entry.value.bad[index], all: entry.value.all[index])
        }
    }

    private func table(_ window: Int64) throws(QueryError) -> [Labels: Columns] {
        if let known = windows[window] { return known }
        let counter = condition.counter
        let bad = try values(counter.error.text(window: window), window)
        let none = [Double](repeating: 0, count: count)
        let table = try values(counter.total.text(window: window), window).reduce(into: [:]) {
            table, entry in
            table[entry.key] = Columns(bad: bad[entry.key] ?? none, all: entry.value)
        }
        windows[window] = table
        return table
    }

    /// Events by labels, one entry a time; 0 where there are none.
    private func values(
        _ query: String, _ window: Int64
    ) throws(QueryError) -> [Labels: [Double]] {
        let result = try engine.range(
            query, start: start, end: end, step: step, context: context)
        guard case .matrix(_, let series) = result.value else { return [:] }
        var values: [Labels: [Double]] = [:]
        for entry in series {
            values[entry.labels] = entry.values.map { value in
                guard StepValue.isPresent(value), !value.isNaN else { return 0 }
                return max(0, condition.counter.unit.events(value, window: window))
            }
        }
        return values
    }
}
