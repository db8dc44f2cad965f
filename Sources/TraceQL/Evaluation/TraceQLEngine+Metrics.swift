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
            exemplarsMax: parsed.exemplarsHint(atMost: exemplarsMax), context: context)
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
    let context: QueryContext
    var inspectedSpans = 0
    var isPartial = false

    init(
        engine: TraceQLEngine, windows: MetricWindows, exemplarsMax: Int, context: QueryContext
    ) {
        self.engine = engine
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
        let accumulator: any SpanAccumulator
        var columns = SpanFields.times
        var fields = function.grouping + (function.field.map { [$0] } ?? [])
        if case .compare(let comparison) = function.function {
            accumulator = ComparisonAccumulator(comparison, windows, context)
            columns = ComparisonAccumulator.columns
            fields = comparison.filter.fields
        } else {
            accumulator = MetricAccumulator(
                function, windows, exemplarsMax: exemplarsMax, context)
        }
        for field in fields { columns.formUnion(field.columns) }
        if let conditions = stages.spanConditions, !fields.contains(where: \.needsTrace) {
            try scan(stages, conditions, columns, accumulator)
        } else {
            try readTraces(stages, accumulator)
        }
        return try accumulator.results()
    }

    /// Of spans that are judged one by one only the columns that the query names are read.
    private mutating func scan(
        _ stages: [Stage], _ conditions: [FieldExpression], _ columns: SpanFields,
        _ accumulator: any SpanAccumulator
    ) throws(QueryError) {
        let driver = Driver(stages)
        let columns = driver.fields.union(columns)
        let patterns = PatternCache()
        var failure: QueryError?
        var inspected = 0
        do throws(StoreError) {
            try engine.store.scanSpans(driver.predicate, in: windows.range, fields: columns) {
                batch, _ in
                do throws(QueryError) {
                    try context.check()
                    inspected += batch.count
                    let table = SpanTable(batch, isWholeTrace: false, patterns: patterns)
                    var rows = Array(0..<batch.count)
                    for condition in conditions { rows = table.select(condition, rows) }
                    try accumulator.observe(table, rows)
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
        if let failure { throw failure }
    }

    private mutating func readTraces(
        _ stages: [Stage], _ accumulator: any SpanAccumulator
    ) throws(QueryError) {
        let patterns = PatternCache()
        let expression = SpansetExpression.pipeline(stages, SourceRange(0, 0))
        let range = windows.range
        var (inspected, isCut) = (0, false)
        var reading = TraceReading(first: 128)
        let (engine, context) = (self.engine, self.context)
        try engine.candidates(Driver(stages), in: range, context: context) {
            (ids) throws(QueryError) in
            var next = 0
            while next < ids.count {
                try context.check()
                let some = Array(ids[next..<min(next + reading.count, ids.count)])
                next += some.count
                let before = inspected
                for trace in try engine.read(some) where !trace.spans.isEmpty {
                    inspected += trace.spans.count
                    isCut = isCut || trace.cutFrom != nil
                    let table = SpanTable(trace.spans, isWholeTrace: true, patterns: patterns)
                    guard let structure = table.trace else { continue }
                    let sets = try SpansetEvaluation(table, structure).sets(expression)
                    let rows = sets.reduce([]) { SortedRows.union($0, $1.rows) }
                    try accumulator.observe(
                        table, rows.filter { range.contains(trace.spans.starts[$0]) })
                }
                reading.took(traces: some.count, spans: inspected - before)
            }
            return true
        }
        inspectedSpans += inspected
        isPartial = isPartial || isCut
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
}

extension [Stage] {
    /// The conditions that a span has to satisfy, if the stages judge each span by itself.
    fileprivate var spanConditions: [FieldExpression]? {
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
