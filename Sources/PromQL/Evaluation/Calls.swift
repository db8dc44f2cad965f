import QueryCore
import Store
import Telemetry

extension Function {
    /// Whether histograms of a range vector come out of it with what they say of resets. Rates look themselves.
    fileprivate var handsHistogramsOn: Bool {
        switch self {
        case .sumOverTime, .avgOverTime, .firstOverTime, .lastOverTime: true
        default: false
        }
    }
}

/// From a function's name to what computes it.
extension Evaluator {
    mutating func call(_ node: FunctionCall) throws(QueryError) -> Operand {
        let outer = reading
        reading = outer.within(node.function)
        defer { reading = outer }
        if let columns = try rangeCall(node) { return .vector(try collect(columns)) }
        if let map = node.function.elementwise {
            return .vector(try mapping(node.arguments[0], map))
        }
        if let map = node.function.ofHistogram {
            return .vector(try mappingHistograms(node.arguments[0], map))
        }
        if let field = node.function.dateField { return .vector(try date(node, field)) }
        if let fact = queryFact(node.function) { return .scalar(StepScalar(fact)) }
        switch node.function {
        case .info: return .vector(try info(node))
        case .startTimestamp: return .vector(try startTimestamp(node.arguments[0]))
        case .maxOf, .minOf: return .scalar(try extremeOf(node))
        case .sortByLabel: return .vector(try sortByLabel(node, descending: false))
        case .sortByLabelDesc: return .vector(try sortByLabel(node, descending: true))
        case .histogramQuantiles: return .vector(try histogramQuantiles(node))
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
        let argument = node.arguments[position]
        var input = try rangeInput(argument)
        if !node.function.handsHistogramsOn { input.windows.notesResets = false }
        let rules = HistogramRules(notes: notes, range: argument.range)
        if case .rangeSelector(let selector) = argument.unwrapped,
            selector.selector.edges != .asSampled
        {
            return try extendedCall(node, selector, input, rules)
        }
        if let columns = counterCall(node, input, rules) { return columns }
        if let columns = try statisticsCall(node, input, rules.ignoring) { return columns }
        switch node.function {
        case .sumOverTime:
            return summarize(SumOverTime(), over: input, histograms: rules.sum(isMean: false))
        case .avgOverTime:
            return summarize(AvgOverTime(), over: input, histograms: rules.sum(isMean: true))
        case .countOverTime:
            return summarize(CountOverTime(), over: input, histograms: rules.counting)
        case .presentOverTime:
            return summarize(
                CountOverTime(isPresence: true), over: input, histograms: rules.presence)
        case .firstOverTime, .lastOverTime:
            let isLast = node.function == .lastOverTime
            return summarize(
                EdgeOverTime(isLast: isLast), over: input, keepsName: true,
                histograms: rules.edge(isLast: isLast))
        case .tsOfFirstOverTime, .tsOfLastOverTime:
            let isLast = node.function == .tsOfLastOverTime
            return slide(
                EdgeTime(isLast: isLast), over: input,
                histograms: rules.edgeTime(isLast: isLast))
        default: preconditionFailure("BUG: no window function for \(node.function.rawValue)")
        }
    }

    /// Functions of counters and of differences.
    private func counterCall(
        _ node: FunctionCall, _ input: RangeInput, _ rules: HistogramRules
    ) -> SeriesColumns? {
        switch node.function {
        case .rate: return rate(node, input, rules, isCounter: true, isPerSecond: true)
        case .increase: return rate(node, input, rules, isCounter: true, isPerSecond: false)
        case .delta: return rate(node, input, rules, isCounter: false, isPerSecond: false)
        case .irate, .idelta:
            let isRate = node.function == .irate
            return slide(
                InstantRate(isRate: isRate), over: input,
                histograms: rules.instantRate(isRate: isRate))
        case .resets:
            return summarize(
                Transitions(countsResetsOnly: true), over: input,
                histograms: rules.transitions(countsResetsOnly: true))
        case .changes:
            return slide(
                Transitions(countsResetsOnly: false), over: input,
                histograms: rules.transitions(countsResetsOnly: false))
        default: return nil
        }
    }

    /// Functions that know numbers only.
    private mutating func statisticsCall(
        _ node: FunctionCall, _ input: RangeInput, _ rule: @escaping HistogramRule
    ) throws(QueryError) -> SeriesColumns? {
        switch node.function {
        case .minOverTime:
            return summarize(ExtremeOverTime(isMaximum: false), over: input, histograms: rule)
        case .maxOverTime:
            return summarize(ExtremeOverTime(isMaximum: true), over: input, histograms: rule)
        case .stddevOverTime:
            return slide(DeviationOverTime(isVariance: false), over: input, histograms: rule)
        case .stdvarOverTime:
            return slide(DeviationOverTime(isVariance: true), over: input, histograms: rule)
        case .quantileOverTime:
            let quantile = try scalar(node.arguments[0])
            noteQuantile(quantile, node.arguments[0])
            return slide(QuantileOverTime(quantile: quantile), over: input, histograms: rule)
        case .madOverTime: return slide(MedianDeviation(), over: input, histograms: rule)
        case .tsOfMinOverTime:
            return slide(ExtremeTime(isMaximum: false), over: input, histograms: rule)
        case .tsOfMaxOverTime:
            return slide(ExtremeTime(isMaximum: true), over: input, histograms: rule)
        case .doubleExponentialSmoothing:
            return slide(try smoothingFactors(node), over: input, histograms: rule)
        case .deriv:
            return slide(
                LinearRegression(prediction: nil, steps: steps), over: input, histograms: rule)
        case .predictLinear:
            let prediction = try scalar(node.arguments[1])
            return slide(
                LinearRegression(prediction: prediction, steps: steps), over: input,
                histograms: rule)
        default: return nil
        }
    }

    private func rate(
        _ node: FunctionCall, _ input: RangeInput, _ rules: HistogramRules, isCounter: Bool,
        isPerSecond: Bool
    ) -> SeriesColumns {
        let argument = node.arguments[0]
        let range: Int64
        var input = input
        switch argument.unwrapped {
        case .rangeSelector(let selector):
            range = selector.duration
            if isCounter, let witnesses = options.witnesses {
                input = input.countingFirstSamples(
                    of: selector.selector, witnesses: witnesses, store: store)
            }
            if isCounter, !input.mayHoldHistograms { noteIfNoCounter(selector, argument) }
        case .subquery(let subquery): range = subquery.duration
        default: preconditionFailure("BUG: the type checker let a non-range vector pass")
        }
        let rate = Rate(isCounter: isCounter, isPerSecond: isPerSecond, range: range)
        return summarize(rate, over: input, histograms: rules.rate(rate))
    }

    /// Counters are recognised by their names, as Prometheus does.
    func noteIfNoCounter(_ selector: RangeSelector, _ input: Expression) {
        let named = selector.selector.allMatchers.last {
            $0.name == Labels.metricName && $0.operator == .equal
        }
        guard let name = named?.value, !name.isEmpty else { return }
        guard !["_total", "_sum", "_count", "_bucket"].contains(where: name.hasSuffix) else {
            return
        }
        notes.inform(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
                + QuotedText.quote(name), at: input.range)
    }

    func noteQuantile(_ quantile: StepScalar, _ argument: Expression) {
        for value in quantile.values where !(0...1).contains(value) {
            notes.warn(
                "quantile value should be between 0 and 1, got \(NumberFormat.general(value))",
                at: argument.range)
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
        for series in series.map(\.numbers) {
            for (step, value) in series.values.enumerated() where StepValue.isPresent(value) {
                counts[step] += 1
                values[step] = counts[step] == 1 ? value : .nan
            }
        }
        return StepScalar(values: values)
    }
}
