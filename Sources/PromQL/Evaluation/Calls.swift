import QueryCore
import Store
import Telemetry

/// From a function's name to what computes it.
extension Evaluator {
    mutating func call(_ node: FunctionCall) throws(QueryError) -> Operand {
        if let columns = try rangeCall(node) { return .vector(try collect(columns)) }
        if let map = node.function.elementwise {
            return .vector(try mapping(node.arguments[0], map))
        }
        if let field = node.function.dateField { return .vector(try date(node, field)) }
        switch node.function {
        case .time: return .scalar(StepScalar(values: stepTimes()))
        case .pi: return .scalar(StepScalar(Double.pi))
        case .scalar: return .scalar(singleValue(of: try vector(node.arguments[0])))
        case .vector:
            let values = try scalar(node.arguments[0]).expanded(steps.count)
            return .vector([StepSeries(labels: .empty, values: values)])
        case .absent: return .vector(try absent(node.arguments[0]))
        case .absentOverTime: return .vector(try absentOverTime(node.arguments[0]))
        case .timestamp: return .vector(try timestamp(node.arguments[0]))
        case .clamp, .clampMin, .clampMax: return .vector(try clamp(node))
        case .round: return .vector(try round(node))
        case .sort: return .vector(try sort(node, descending: false))
        case .sortDesc: return .vector(try sort(node, descending: true))
        case .labelReplace: return .vector(try labelReplace(node))
        case .labelJoin: return .vector(try labelJoin(node))
        case .histogramQuantile: return .vector(try histogramQuantile(node))
        case .histogramFraction: return .vector(try histogramFraction(node))
        default: preconditionFailure("BUG: the validator let \(node.function.rawValue) pass")
        }
    }

    /// Functions over range vectors; `nil` for all others.
    mutating func rangeCall(_ node: FunctionCall) throws(QueryError) -> SeriesColumns? {
        guard let position = node.function.arguments.firstIndex(of: .rangeVector),
            node.function != .absentOverTime
        else { return nil }
        let input = node.arguments[position]
        switch node.function {
        case .rate: return try rate(node, isCounter: true, isPerSecond: true)
        case .increase: return try rate(node, isCounter: true, isPerSecond: false)
        case .delta: return try rate(node, isCounter: false, isPerSecond: false)
        case .irate: return try slide(InstantRate(isRate: true), over: input)
        case .idelta: return try slide(InstantRate(isRate: false), over: input)
        case .resets: return try summarize(Transitions(countsResetsOnly: true), over: input)
        case .changes: return try slide(Transitions(countsResetsOnly: false), over: input)
        case .sumOverTime: return try summarize(SumOverTime(), over: input)
        case .avgOverTime: return try summarize(AvgOverTime(), over: input)
        case .countOverTime: return try summarize(CountOverTime(), over: input)
        case .presentOverTime: return try summarize(CountOverTime(isPresence: true), over: input)
        case .minOverTime: return try summarize(ExtremeOverTime(isMaximum: false), over: input)
        case .maxOverTime: return try summarize(ExtremeOverTime(isMaximum: true), over: input)
        case .firstOverTime:
            return try summarize(EdgeOverTime(isLast: false), over: input, keepsName: true)
        case .lastOverTime:
            return try summarize(EdgeOverTime(isLast: true), over: input, keepsName: true)
        case .stddevOverTime: return try slide(DeviationOverTime(isVariance: false), over: input)
        case .stdvarOverTime: return try slide(DeviationOverTime(isVariance: true), over: input)
        case .quantileOverTime:
            let quantile = try scalar(node.arguments[0])
            noteQuantile(quantile, node.arguments[0])
            return try slide(QuantileOverTime(quantile: quantile), over: input)
        case .deriv: return try slide(LinearRegression(prediction: nil, steps: steps), over: input)
        case .predictLinear:
            let prediction = try scalar(node.arguments[1])
            return try slide(LinearRegression(prediction: prediction, steps: steps), over: input)
        default: preconditionFailure("BUG: no window function for \(node.function.rawValue)")
        }
    }

    private mutating func rate(
        _ node: FunctionCall, isCounter: Bool, isPerSecond: Bool
    ) throws(QueryError) -> SeriesColumns {
        let input = node.arguments[0]
        let range: Int64
        switch input.unwrapped {
        case .rangeSelector(let selector):
            range = selector.duration
            if isCounter { noteIfNoCounter(selector, input) }
        case .subquery(let subquery): range = subquery.duration
        default: preconditionFailure("BUG: the type checker let a non-range vector pass")
        }
        return try summarize(
            Rate(isCounter: isCounter, isPerSecond: isPerSecond, range: range), over: input)
    }

    /// Counters are recognised by their names, as Prometheus does.
    private func noteIfNoCounter(_ selector: RangeSelector, _ input: Expression) {
        let named = selector.selector.allMatchers.last {
            $0.name == Labels.metricName && $0.operator == .equal
        }
        guard let name = named?.value, !name.isEmpty else { return }
        guard !["_total", "_sum", "_count", "_bucket"].contains(where: name.hasSuffix) else {
            return
        }
        notes.inform(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
                + QuotedText.quote(name))
    }

    func noteQuantile(_ quantile: StepScalar, _ argument: Expression) {
        for value in quantile.values where !(0...1).contains(value) {
            notes.warn(
                "quantile value should be between 0 and 1, got \(NumberFormat.decimal(value))")
            return
        }
    }

    func stepTimes() -> [Double] {
        (0..<steps.count).map { Double(steps.time($0)) / 1_000 }
    }

    /// `scalar()`: the value where there is exactly one, else NaN.
    private func singleValue(of series: [StepSeries]) -> StepScalar {
        var values = [Double](repeating: .nan, count: steps.count)
        var counts = [Int](repeating: 0, count: steps.count)
        for series in series {
            for (step, value) in series.values.enumerated() where StepValue.isPresent(value) {
                counts[step] += 1
                values[step] = counts[step] == 1 ? value : .nan
            }
        }
        return StepScalar(values: values)
    }
}
