import QueryCore
import RegularExpressions
import Store
import Telemetry

/// Evaluates metric queries at the steps of one request.
struct MetricEvaluator {
    let store: any LogStore
    let steps: EvaluationSteps
    let context: QueryContext

    /// Series with values, by labels.
    func evaluate(_ query: MetricQuery) throws(QueryError) -> [StepSeries] {
        let (cells, overflow) = (steps.count + 1).multipliedReportingOverflow(by: 2)
        guard !overflow, cells <= context.limits.samplesMax else {
            throw .execution("the query has too many steps (\(steps.count))")
        }
        return try series(of: query)
            .filter { !$0.isEmpty }
            .sorted { $0.labels.comesBefore($1.labels) }
    }

    private func series(of query: MetricQuery) throws(QueryError) -> [StepSeries] {
        switch query {
        case .window(let window): return try series(of: window, under: nil)
        case .aggregation(let aggregation): return try series(of: aggregation)
        case .vector(let value, _), .number(let value, _):
            let values = [Double](repeating: value, count: steps.count)
            return [StepSeries(labels: .empty, values: values)]
        case .binary(let node): return try series(of: node)
        case .labelReplace(let node): return try series(of: node)
        }
    }

    // MARK: Windows

    /// - Parameter sum: the grouping of a `sum` around it, if lines may be counted into its groups at
    ///   once: their own label sets may be as many as they.
    private func series(
        of window: WindowQuery, under sum: LabelGrouping?
    ) throws(QueryError) -> [StepSeries] {
        if window.function == .absentOverTime { return try absent(window) }
        guard let unwrap = window.unwrap else { return try count(window, by: sum) }
        let grouping =
            sum?.ignoring(unwrap.label) ?? window.grouping.map { LabelGrouping($0) }
            ?? LabelGrouping(without: unwrap.label)
        var samples = try WindowSamples(
            window, unwrap, at: steps, by: grouping, context: context)
        defer { samples.release() }
        let labels = grouping.neededLabels.map { $0.union(unwrap.lookedAtLabels) }
        let scan = try LineScan(window.query, labels: labels, context: context)
        let plan = labels.flatMap { FieldPlan(window.query, labels: $0, filters: unwrap.filters) }
        try scan.run(
            on: store, in: samples.range, direction: .oldestFirst, by: plan, into: &samples)
        return try samples.results()
    }

    private func count(
        _ window: WindowQuery, by grouping: LabelGrouping?
    ) throws(QueryError) -> [StepSeries] {
        var counter = WindowCounter(window, at: steps, by: grouping, context: context)
        defer { counter.release() }
        let scan = try LineScan(
            window.query, needsByteCounts: window.function.countsBytes,
            labels: grouping?.neededLabels, context: context)
        // Without a parser the labels of a line are those of its stream.
        var plan = FieldPlan(
            window.query, labels: grouping?.neededLabels ?? [],
            needsByteCounts: window.function.countsBytes)
        if grouping?.neededLabels == nil, plan?.isParsed ?? false { plan = nil }
        if let plan {
            try scan.run(
                on: store, in: counter.range, direction: .oldestFirst, by: plan, into: &counter)
        } else {
            try scan.runShared(on: store, in: counter.range, into: &counter)
        }
        return counter.results()
    }

    /// 1 where no line is in the window; labels are those that the selector demands.
    private func absent(_ window: WindowQuery) throws(QueryError) -> [StepSeries] {
        var inner = window
        inner.function = .countOverTime
        let everything = LabelGrouping(.by([]))
        let found: StepSeries?
        if let unwrap = window.unwrap {
            inner.function = .lastOverTime
            var samples = try WindowSamples(
                inner, unwrap, at: steps, by: everything, context: context)
            defer { samples.release() }
            let scan = try LineScan(
                inner.query, labels: unwrap.lookedAtLabels, context: context)
            try scan.run(on: store, in: samples.range, direction: .oldestFirst, into: &samples)
            found = try samples.results().first
        } else {
            found = try count(inner, by: everything).first
        }
        let values = (0..<steps.count).map { step in
            found.map { StepValue.isPresent($0.values[step]) } ?? false ? StepValue.absent : 1
        }
        return [StepSeries(labels: window.query.demandedLabels, values: values)]
    }

    // MARK: Aggregations

    private func series(of aggregation: VectorAggregation) throws(QueryError) -> [StepSeries] {
        let grouping = LabelGrouping(aggregation.grouping)
        if aggregation.operator == .sum, case .window(let window) = aggregation.operand,
            window.isAdditive
        {
            return try series(of: window, under: grouping)
        }
        let operand = try series(of: aggregation.operand)
        switch aggregation.operator {
        case .sort, .sortDescending: return operand
        case .topk, .approxTopk, .bottomk:
            return RankReduction.results(
                operand, aggregation.count ?? 1, largest: aggregation.operator != .bottomk,
                by: grouping)
        default:
            var reduction = VectorReduction(aggregation.operator, by: grouping)
            for series in operand { reduction.take(series) }
            return reduction.results
        }
    }

    // MARK: Operators

    private func series(of node: BinaryOperation) throws(QueryError) -> [StepSeries] {
        let left = try series(of: node.left)
        let right = try series(of: node.right)
        if node.right.isScalar, let number = right.first {
            return left.map { node.combine($0, number, keeping: $0) }
        }
        if node.left.isScalar, let number = left.first {
            return right.map { node.combine(number, $0, keeping: $0) }
        }
        return try VectorMatcher(node).combine(left, right)
    }

    private func series(of node: LabelReplacement) throws(QueryError) -> [StepSeries] {
        let pattern: Pattern
        do throws(ExpressionError) {
            pattern = try ExpressionError.pattern(node.pattern)
        } catch {
            throw .badData(error.reason)
        }
        let replacement = Replacement(node.replacement, for: pattern)
        var taken: Set<Labels> = []
        var results: [StepSeries] = []
        for var series in try series(of: node.operand) {
            let value = series.labels[node.source] ?? ""
            if let captures = pattern.captures(value, whole: true) {
                series.labels = series.labels.setting(
                    node.target, replacement.expanded(with: captures))
            }
            guard taken.insert(series.labels).inserted else {
                throw .execution("label_replace makes two series of \(series.labels)")
            }
            results.append(series)
        }
        return results
    }
}

extension WindowQuery {
    /// Whether the values of groups of lines add up to that of all.
    fileprivate var isAdditive: Bool {
        switch function {
        case .rate, .countOverTime, .bytesRate, .bytesOverTime, .sumOverTime: true
        default: false
        }
    }
}

extension Unwrap {
    var lookedAtLabels: Set<String> { Set(filters.flatMap(\.labels)).union([label]) }
}

extension BinaryOperation {
    /// A series and a number. A comparison keeps the series' value.
    fileprivate func combine(
        _ left: StepSeries, _ right: StepSeries, keeping series: StepSeries
    ) -> StepSeries {
        var result = series
        for step in result.values.indices {
            let (a, b) = (left.values[step], right.values[step])
            guard StepValue.isPresent(a), StepValue.isPresent(b), let value = apply(a, b) else {
                result.values[step] = StepValue.absent
                continue
            }
            if !`operator`.isComparison || returnsBool { result.values[step] = value }
        }
        return result
    }
}

extension LogQuery {
    /// The labels that the matchers set by themselves, as far as they do it once.
    fileprivate var demandedLabels: Labels {
        var pairs: [(name: String, value: String)] = []
        var repeated: Set<String> = []
        for matcher in matchers where matcher.operator == .equal {
            if pairs.contains(where: { $0.name == matcher.name }) { repeated.insert(matcher.name) }
            pairs.append((name: matcher.name, value: matcher.value))
        }
        return Labels(pairs.filter { !repeated.contains($0.name) })
    }
}
