import QueryCore
import Store
import Telemetry

extension TraceQLEngine {
    /// Evaluates a query of series over the intervals of `windows`.
    /// - Parameter exemplarsMax: spans named as examples, of all series together; the hint `exemplars` may
    ///   ask for fewer.
    /// - Returns: series by labels; those without a value are left out.
    /// - Throws: `bad_data` for a query that is wrong, that yields spans or is not supported; `execution`
    ///   beyond the limits on series and samples; what the store and `context` throw.
    package func metrics(
        _ query: String, windows: MetricWindows, exemplarsMax: Int = 0,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> MetricResult {
        let parsed = try Self.parse(query)
        guard case .metrics(let metrics) = parsed.body else {
            throw .badData("a query of series is needed here, and this one yields spans")
        }
        var run = MetricRun(
            engine: self, windows: windows,
            exemplarsMax: parsed.exemplarsHint(atMost: exemplarsMax),
            isExtrapolated: parsed.asksToExtrapolate, context: context)
        let series = try run.series(of: metrics)
        return MetricResult(
            windows: windows, series: series.sorted(by: MetricSeries.precedes),
            inspectedSpans: run.inspectedSpans, isPartial: run.isPartial)
    }
}

/// One evaluation of a query of series.
private struct MetricRun {
    let engine: TraceQLEngine
    let windows: MetricWindows
    let exemplarsMax: Int
    let isExtrapolated: Bool
    let context: QueryContext
    var inspectedSpans = 0
    var isPartial = false

    init(
        engine: TraceQLEngine, windows: MetricWindows, exemplarsMax: Int, isExtrapolated: Bool,
        context: QueryContext
    ) {
        self.engine = engine
        self.isExtrapolated = isExtrapolated
        self.exemplarsMax = exemplarsMax
        self.windows = windows
        self.context = context
    }

    mutating func series(of query: MetricsQuery) throws(QueryError) -> [MetricSeries] {
        switch query {
        case .pipeline(let stages, let function): return try count(stages, function)
        case .math(let operation, let left, let right, _):
            let first = try series(of: left)
            return SeriesSelection.combine(operation, first, try series(of: right))
        case .scaled(let operation, let inner, let number, _):
            let number = SeriesSelection.measure(number)
            return try series(of: inner).compactMap { series in
                SeriesSelection.combine(series) { value, _ in
                    Arithmetic.apply(operation, value, number)
                }
            }
        case .offset(let operation, let number, let inner, _):
            let number = SeriesSelection.measure(number)
            return try series(of: inner).compactMap { series in
                SeriesSelection.combine(series) { value, _ in
                    Arithmetic.apply(operation, number, value)
                }
            }
        case .staged(let inner, let stages):
            return stages.reduce(try series(of: inner)) {
                SeriesSelection.apply($1, to: $0)
            }
        }
    }

    private mutating func count(
        _ stages: [Stage], _ function: MetricsFunction
    ) throws(QueryError) -> [MetricSeries] {
        if case .compare(let comparison) = function.function {
            let accumulator = ComparisonAccumulator(
                comparison, windows, exemplarsMax: exemplarsMax, isExtrapolated: isExtrapolated,
                context)
            let fields = comparison.filter.fields + stages.flatMap(\.fields)
            var scan = scan(stages, fields)
            scan.fields.formUnion(ComparisonAccumulator.columns)
            scan.attributeKeys = nil
            try read(scan, stages, into: accumulator)
            return try accumulator.results()
        }
        let accumulator = MetricAccumulator(
            function, windows, exemplarsMax: exemplarsMax, isExtrapolated: isExtrapolated, context)
        let fields = function.grouping + (function.field.map { [$0] } ?? [])
        try read(scan(stages, fields + stages.flatMap(\.fields)), stages, into: accumulator)
        return try accumulator.results()
    }

    /// Spans that are judged one by one are read by themselves, others with their traces.
    private func scan(_ stages: [Stage], _ fields: [Field]) -> SpanScan {
        let isAlone = stages.spanConditions != nil && !fields.contains(where: \.needsTrace)
        var scan = SpanScan(
            Driver(stages), in: windows.range, reading: fields,
            unit: isAlone ? .spans : .traces(spansEach: engine.limits.traceSpansMax))
        // Trace states say how spans were sampled.
        if isExtrapolated { scan.fields.formUnion(.rest) }
        return scan
    }

    /// Spans are judged and read by several threads, and counted by this one.
    private mutating func read<Accumulator: SpanAccumulator>(
        _ scan: SpanScan, _ stages: [Stage], into accumulator: Accumulator
    ) throws(QueryError) {
        let selection = SpanSelection(scan, stages, in: windows.range)
        let (reading, context) = (accumulator.reading, context)
        var failure: QueryError?
        var (inspected, isCut) = (0, false)
        do throws(StoreError) {
            try engine.store.scanSpans(scan) {
                found -> Result<(Accumulator.Reading.Part, Int, Bool), QueryError> in
                Result { () throws(QueryError) in
                    try context.check()
                    let (table, rows) = try selection.rows(found)
                    return (reading.read(table, rows), found.rows.count, found.isCut)
                }
            } visit: { result, _ in
                do throws(QueryError) {
                    let (part, count, isLarge) = try result.get()
                    inspected += count
                    isCut = isCut || isLarge
                    try accumulator.take(part)
                    return true
                } catch {
                    failure = error
                    return false
                }
            }
        } catch {
            throw QueryError(error)
        }
        inspectedSpans += inspected
        isPartial = isPartial || isCut
        if let failure { throw failure }
    }
}

/// Which of the spans that the store finds a query of series counts.
private struct SpanSelection: Sendable {
    private let conditions: [FieldExpression]?
    private let expression: SpansetExpression
    private let range: TimeRange
    private let patterns = PatternCache()

    init(_ scan: SpanScan, _ stages: [Stage], in range: TimeRange) {
        conditions = scan.unit == .spans ? stages.spanConditions : nil
        expression = .pipeline(stages, SourceRange(0, 0))
        self.range = range
    }

    func rows(_ found: FoundSpans) throws(QueryError) -> (SpanTable, [Int]) {
        let table = SpanTable(
            found.batch, hasWholeTraces: conditions == nil, patterns: patterns)
        if let conditions {
            return (table, conditions.reduce(found.rows) { table.select($1, $0) })
        }
        guard let structure = table.trace else { return (table, []) }
        let rows = try SpansetEvaluation(table, structure).rows(expression)
        return (table, rows.filter { range.contains(found.batch.starts[$0]) })
    }
}

extension TraceQLQuery {
    fileprivate func exemplarsHint(atMost limit: Int) -> Int {
        switch hints.last(where: { $0.name == "exemplars" })?.value {
        case .bool(false): 0
        case .int(let count): min(limit, max(0, Int(clamping: count)))
        default: limit
        }
    }

    fileprivate var asksToExtrapolate: Bool {
        hints.last(where: { $0.name == "extrapolate" })?.value == .bool(true)
    }
}

extension [Stage] {
    /// The conditions that a span has to satisfy, if the stages judge each span by itself.
    var spanConditions: [FieldExpression]? {
        var conditions: [FieldExpression] = []
        for stage in self {
            switch stage {
            case .spansets(.filter(let condition, _)):
                guard condition.fields.allSatisfy({ !$0.needsTrace }) else { return nil }
                if !condition.isTrue { conditions.append(condition) }
            // Splitting and joining sets changes nothing of the spans.
            case .select, .coalesce: break
            case .group(let expression, _):
                guard expression.fields.allSatisfy({ !$0.needsTrace }) else { return nil }
            case .spansets, .filter, .aggregate: return nil
            }
        }
        return conditions
    }
}
