import Glibc
import QueryCore

extension BinaryOperator {
    /// Two scalars; comparisons give 0 or 1.
    func scalar(_ a: Double, _ b: Double) -> Double {
        isComparison ? (holds(a, b) ? 1 : 0) : number(a, b)
    }

    /// Arithmetic.
    @inline(__always)
    func number(_ a: Double, _ b: Double) -> Double {
        switch self {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .modulo: fmod(a, b)
        case .power: pow(a, b)
        case .atan2: Glibc.atan2(a, b)
        default: .nan
        }
    }

    /// Comparisons.
    @inline(__always)
    func holds(_ a: Double, _ b: Double) -> Bool {
        switch self {
        case .equal: a == b
        case .notEqual: a != b
        case .greater: a > b
        case .less: a < b
        case .greaterOrEqual: a >= b
        case .lessOrEqual: a <= b
        default: false
        }
    }

    /// What two elements of vectors give: a number or, for a filter that drops the element, nothing.
    /// A kept element has the value of the left side.
    @inline(__always)
    func element(_ a: Double, _ b: Double, returnsBool: Bool) -> Double {
        guard isComparison else { return number(a, b) }
        let isKept = holds(a, b)
        if returnsBool { return isKept ? 1 : 0 }
        return isKept ? a : StepValue.absent
    }
}

extension Evaluator {
    mutating func unary(_ node: UnaryOperation) throws(QueryError) -> Operand {
        let operand = try evaluate(node.operand)
        guard node.isNegation else { return operand }
        switch operand {
        case .scalar(let scalar): return .scalar(StepScalar(values: scalar.values.map { -$0 }))
        case .string: return operand
        case .vector(let input):
            var collector = SeriesCollector(capacity: input.count)
            for series in input {
                var negated = series
                for step in series.values.indices where StepValue.isPresent(series.values[step]) {
                    if var histogram = series.histogram(step) {
                        histogram.multiply(by: -1)
                        negated.set(histogram, at: step)
                    } else {
                        negated.values[step] = -series.values[step]
                    }
                }
                negated.dropsName = true
                try collector.add(series.labels, negated)
            }
            return .vector(collector.series)
        }
    }

    /// A chain, operation by operation. What is the same at every step at its beginning is evaluated once.
    mutating func binary(_ node: BinaryOperation) throws(QueryError) -> Operand {
        let chain = OperatorChain(node)
        var first = chain.first
        var rest = chain.operations[...]
        if steps.count > 1, first.isStepInvariant {
            while let next = rest.first, next.right.isStepInvariant {
                first = .binary(next)
                rest.removeFirst()
            }
        }
        let outer = reading
        defer { reading = outer }
        // Trimming stands above all operands that come before its bound.
        let lastTrimming = rest.lastIndex { $0.operator.isTrimming }
        if lastTrimming != nil { reading = .wholeBuckets }
        var result = try evaluate(first)
        for (index, operation) in zip(rest.indices, rest) {
            if index > rest.startIndex { try keepOnly(result) }
            reading = lastTrimming.map { index <= $0 } == true ? .wholeBuckets : outer
            result = try settled(
                try apply(operation, result, try evaluate(operation.right)))
        }
        return result
    }

    private func apply(
        _ node: BinaryOperation, _ left: Operand, _ right: Operand
    ) throws(QueryError) -> Operand {
        switch (left, right) {
        case (.scalar(let a), .scalar(let b)):
            return .scalar(StepScalar.map(a, b, node.operator.scalar))
        case (.vector(let series), .scalar(let scalar)):
            return .vector(try combine(node, series, scalar, isSwapped: false))
        case (.scalar(let scalar), .vector(let series)):
            return .vector(try combine(node, series, scalar, isSwapped: true))
        case (.vector(let a), .vector(let b)):
            return .vector(try combine(node, a, b))
        default: preconditionFailure("BUG: the type checker let a string operand pass")
        }
    }

    /// A vector with a scalar. A comparison keeps the vector's value on whichever side it stands.
    private func combine(
        _ node: BinaryOperation, _ input: [StepSeries], _ scalar: StepScalar, isSwapped: Bool
    ) throws(QueryError) -> [StepSeries] {
        let dropsName = node.operator.changesMeaning || node.returnsBool
        var collector = SeriesCollector(capacity: input.count)
        for var series in input {
            try context.check()
            if series.hasHistograms || node.operator.isTrimming {
                combineMixed(node, &series, scalar, isSwapped: isSwapped)
                if dropsName { series.dropsName = true }
                try collector.add(series.labels, series)
                continue
            }
            for step in series.values.indices where StepValue.isPresent(series.values[step]) {
                let value = series.values[step]
                let other = scalar[step]
                if node.operator.isComparison {
                    let isKept =
                        isSwapped
                        ? node.operator.holds(other, value) : node.operator.holds(value, other)
                    if node.returnsBool {
                        series.values[step] = isKept ? 1 : 0
                    } else if !isKept {
                        series.values[step] = StepValue.absent
                    }
                } else {
                    series.values[step] =
                        isSwapped
                        ? node.operator.number(other, value) : node.operator.number(value, other)
                }
            }
            if dropsName { series.dropsName = true }
            try collector.add(series.labels, series)
        }
        return collector.series
    }

    /// A series that has histograms, or an operator for histograms, with a scalar.
    private func combineMixed(
        _ node: BinaryOperation, _ series: inout StepSeries, _ scalar: StepScalar, isSwapped: Bool
    ) {
        let operation = HistogramOperation(node: node, notes: notes)
        for step in series.values.indices where StepValue.isPresent(series.values[step]) {
            let element = series.element(step)
            let other = MixedValue.number(scalar[step])
            if case .number(let value) = element, !node.operator.isTrimming {
                let left = isSwapped ? scalar[step] : value
                let right = isSwapped ? value : scalar[step]
                if node.operator.isComparison {
                    let isKept = node.operator.holds(left, right)
                    series.set(
                        node.returnsBool ? (isKept ? 1 : 0) : isKept ? value : StepValue.absent,
                        at: step)
                } else {
                    series.set(node.operator.number(left, right), at: step)
                }
                continue
            }
            series.set(
                isSwapped ? operation.apply(other, element) : operation.apply(element, other),
                at: step)
        }
    }

    private func combine(
        _ node: BinaryOperation, _ left: [StepSeries], _ right: [StepSeries]
    ) throws(QueryError) -> [StepSeries] {
        let matching = MatchGroups(node.matching, left: left, right: right)
        if node.operator.isSetOperator {
            return try SetOperation(operator: node.operator, stepCount: steps.count)
                .apply(left, right, matching)
        }
        return try VectorOperation(
            node: node, stepCount: steps.count, context: context, notes: notes
        )
        .apply(left, right, matching)
    }
}
