import QueryCore
import Store
import Telemetry

/// Evaluates expressions over all steps at once, a series at a time.
struct Evaluator {
    let store: any MetricStore
    let context: QueryContext
    let notes: QueryNotes
    let options: PromQLOptions
    /// What `start()` and `end()` mean: the bounds of the whole query, also inside subqueries.
    let queryStart: Int64
    let queryEnd: Int64
    /// Milliseconds; of the whole query as well.
    let queryStep: Int64
    let steps: EvaluationSteps
    /// `nil` if nobody asks for statistics.
    let tally: SampleTally?
    /// What stands above the expression being evaluated asks of histograms.
    var reading = HistogramReading.asStored
    /// Samples of operands that the expression being evaluated still holds.
    private var heldByChildren = 0

    init(
        store: any MetricStore, context: QueryContext, notes: QueryNotes, options: PromQLOptions,
        queryStart: Int64, queryEnd: Int64, queryStep: Int64, steps: EvaluationSteps,
        tally: SampleTally? = nil
    ) {
        self.store = store
        self.context = context
        self.notes = notes
        self.options = options
        self.queryStart = queryStart
        self.queryEnd = queryEnd
        self.queryStep = queryStep
        self.steps = steps
        self.tally = tally
    }

    /// The same query at other instants, with a tally of its own.
    func at(_ steps: EvaluationSteps) -> Evaluator {
        var evaluator = Evaluator(
            store: store, context: context, notes: notes, options: options,
            queryStart: queryStart, queryEnd: queryEnd, queryStep: queryStep, steps: steps,
            tally: tally.map { _ in SampleTally(stepCount: steps.count) })
        evaluator.reading = reading
        return evaluator
    }

    mutating func evaluate(_ expression: Expression) throws(QueryError) -> Operand {
        try context.check()
        let heldBefore = heldByChildren
        heldByChildren = 0
        let result = try settled(
            steps.count > 1 && expression.isWorthHoisting
                ? try evaluateOnce(expression) : try evaluateNode(expression))
        context.release(samples: heldByChildren)
        try context.hold(samples: result.sampleCount)
        heldByChildren = heldBefore + result.sampleCount
        return result
    }

    /// Whether names go where a value changes its meaning.
    var dropsNamesAtOnce: Bool { !options.features.contains(.delayedNameRemoval) }

    /// What stands for a result until the query ends.
    func settled(_ result: Operand) throws(QueryError) -> Operand {
        guard dropsNamesAtOnce, case .vector(let series) = result else { return result }
        return .vector(try series.withoutDroppedNames())
    }

    /// Lets go of all operands of the expression being evaluated but of what came of them.
    mutating func keepOnly(_ result: Operand) throws(QueryError) {
        context.release(samples: heldByChildren)
        try context.hold(samples: result.sampleCount)
        heldByChildren = result.sampleCount
    }

    private mutating func evaluateNode(_ expression: Expression) throws(QueryError) -> Operand {
        switch expression {
        case .number(let node): return .scalar(StepScalar(node.value))
        case .string(let node): return .string(node.value)
        case .vectorSelector(let node): return .vector(try collect(try select(node)))
        case .rangeSelector, .subquery:
            preconditionFailure("BUG: a range vector is evaluated by its function")
        case .call(let node): return try call(node)
        case .aggregation(let node): return .vector(try aggregate(node))
        case .binary(let node): return try binary(node)
        case .unary(let node): return try unary(node)
        case .parenthesized(let node): return try evaluate(node.inner)
        }
    }

    /// Evaluates what is the same at every step once, and repeats it.
    private func evaluateOnce(_ expression: Expression) throws(QueryError) -> Operand {
        var single = at(EvaluationSteps(at: steps.start))
        let result = try single.evaluate(expression)
        context.release(samples: result.sampleCount)
        tally?.addOnce(single.tally)
        guard case .vector(let series) = result else { return result }
        try context.hold(samples: series.count * steps.count)
        context.release(samples: series.count * steps.count)
        return .vector(
            series.map {
                StepSeries(
                    labels: $0.labels,
                    values: [Double](repeating: $0.values[0], count: steps.count),
                    histograms: $0.hasHistograms
                        ? [HistogramValue?](repeating: $0.histogram(0), count: steps.count) : [],
                    dropsName: $0.dropsName)
            })
    }

    mutating func vector(_ expression: Expression) throws(QueryError) -> [StepSeries] {
        guard case .vector(let series) = try evaluate(expression) else {
            preconditionFailure("BUG: the type checker let a non-vector pass")
        }
        return series
    }

    mutating func scalar(_ expression: Expression) throws(QueryError) -> StepScalar {
        guard case .scalar(let scalar) = try evaluate(expression) else {
            preconditionFailure("BUG: the type checker let a non-scalar pass")
        }
        return scalar
    }

    func text(_ expression: Expression) -> String {
        guard case .string(let node) = expression.unwrapped else {
            preconditionFailure("BUG: the type checker let a non-string pass")
        }
        return node.value
    }
}

extension Expression {
    /// Whether every step yields the same, because every selector is pinned by `@`.
    var isStepInvariant: Bool {
        switch self {
        case .number, .string: return true
        case .vectorSelector(let node): return node.shift.at != nil
        case .rangeSelector(let node): return node.selector.shift.at != nil
        case .subquery(let node): return node.shift.at != nil
        case .call(let node):
            if node.function == .timestamp, let argument = node.arguments.first,
                case .vectorSelector(let selector) = argument.unwrapped
            {
                return selector.shift.at != nil
            }
            return !node.function.readsEvaluationTime
                && node.arguments.allSatisfy(\.isStepInvariant)
        case .binary(var node):
            while node.right.isStepInvariant {
                guard case .binary(let inner) = node.left else {
                    return node.left.isStepInvariant
                }
                node = inner
            }
            return false
        case .aggregation, .unary, .parenthesized:
            return children.allSatisfy(\.isStepInvariant)
        }
    }

    /// Whether it is step invariant and reads series, so that evaluating it once saves work.
    fileprivate var isWorthHoisting: Bool {
        switch self {
        case .number, .string, .parenthesized: false
        default: isStepInvariant
        }
    }
}

extension Function {
    fileprivate var readsEvaluationTime: Bool {
        switch self {
        case .time, .timestamp, .predictLinear, .dayOfMonth, .dayOfWeek, .dayOfYear, .daysInMonth,
            .hour, .minute, .month, .year:
            true
        default: false
        }
    }
}
