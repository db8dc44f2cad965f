import Glibc
import QueryCore

/// A duration that follows from the query it stands in: `[step() * 2]`, `offset (1h - 5m)`.
package indirect enum ComputedDuration: Hashable, Sendable {
    /// A number of seconds, perhaps written as a duration.
    case literal(NumberLiteral)
    /// `step()` of the whole query; 0 at an instant.
    case step
    /// `range()` of the whole query; 0 at an instant.
    case range
    case extreme(isMaximum: Bool, ComputedDuration, ComputedDuration)
    case negated(ComputedDuration)
    /// Arithmetic; no comparisons.
    case binary(BinaryOperator, ComputedDuration, ComputedDuration)
    case parenthesized(ComputedDuration)

    /// What `step()` and `range()` mean, in milliseconds.
    package struct Query: Sendable {
        package var step: Int64
        package var range: Int64

        package init(step: Int64, range: Int64) {
            self.step = step
            self.range = range
        }
    }

    /// Milliseconds.
    /// - Throws: `bad_data` for what is no duration, or not positive where it must be.
    func milliseconds(
        in query: Query, at place: SourceRange, mustBePositive: Bool
    ) throws(QueryError) -> Int64 {
        let seconds = try self.seconds(in: query, at: place)
        guard seconds.isFinite else { throw failure("duration is NaN or infinite", place) }
        if mustBePositive, seconds <= 0 {
            throw failure("duration must be greater than 0", place)
        }
        // Prometheus counts nanoseconds in 64 bits.
        guard seconds.magnitude <= 9_223_372_036 else {
            throw failure("duration is out of range", place)
        }
        let milliseconds = Int64(seconds * 1_000)
        if mustBePositive, milliseconds == 0 {
            throw failure("duration must be greater than 0", place)
        }
        return milliseconds
    }

    private func seconds(in query: Query, at place: SourceRange) throws(QueryError) -> Double {
        switch self {
        case .literal(let literal): return literal.value
        case .step: return Double(query.step) / 1_000
        case .range: return Double(query.range) / 1_000
        case .negated(let inner): return -(try inner.seconds(in: query, at: place))
        case .parenthesized(let inner): return try inner.seconds(in: query, at: place)
        case .extreme(let isMaximum, let first, let second):
            let a = try first.seconds(in: query, at: place)
            let b = try second.seconds(in: query, at: place)
            return isMaximum ? max(a, b) : min(a, b)
        case .binary(let binary, let left, let right):
            let a = try left.seconds(in: query, at: place)
            let b = try right.seconds(in: query, at: place)
            if b == 0, binary == .divide { throw failure("division by zero", place) }
            if b == 0, binary == .modulo { throw failure("modulo by zero", place) }
            return binary.number(a, b)
        }
    }

    private func failure(_ reason: String, _ place: SourceRange) -> QueryError {
        .badData("\(place.start):\(place.end): \(reason)")
    }
}

extension ComputedDuration: CustomStringConvertible {
    package var description: String {
        switch self {
        case .literal(let literal): literal.description
        case .step: "step()"
        case .range: "range()"
        case .extreme(let isMaximum, let a, let b): "\(isMaximum ? "max_of" : "min_of")(\(a), \(b))"
        case .negated(let inner): "-\(inner)"
        case .binary(let binary, let left, let right): "\(left) \(binary.rawValue) \(right)"
        case .parenthesized(let inner): "(\(inner))"
        }
    }
}

extension Expression {
    /// With every duration that has to be computed computed for a query.
    func resolvingDurations(
        _ query: ComputedDuration.Query
    ) throws(QueryError) -> Expression {
        switch self {
        case .number, .string: return self
        case .vectorSelector(var node):
            try node.shift.resolve(query, node.range)
            return .vectorSelector(node)
        case .rangeSelector(var node):
            try node.selector.shift.resolve(query, node.range)
            if let computed = node.computedDuration {
                node.duration = try computed.milliseconds(
                    in: query, at: node.range, mustBePositive: true)
            }
            return .rangeSelector(node)
        case .subquery(var node):
            node.inner = try node.inner.resolvingDurations(query)
            try node.shift.resolve(query, node.range)
            if let computed = node.computedDuration {
                node.duration = try computed.milliseconds(
                    in: query, at: node.range, mustBePositive: true)
            }
            if let computed = node.computedStep {
                node.step = try computed.milliseconds(
                    in: query, at: node.range, mustBePositive: true)
            }
            return .subquery(node)
        case .call(var node):
            for index in node.arguments.indices {
                node.arguments[index] = try node.arguments[index].resolvingDurations(query)
            }
            return .call(node)
        case .aggregation(var node):
            node.operand = try node.operand.resolvingDurations(query)
            if let parameter = node.parameter {
                node.parameter = try parameter.resolvingDurations(query)
            }
            return .aggregation(node)
        case .binary(let node):
            let chain = OperatorChain(node)
            var left = try chain.first.resolvingDurations(query)
            for var operation in chain.operations {
                operation.left = left
                operation.right = try operation.right.resolvingDurations(query)
                left = .binary(operation)
            }
            return left
        case .unary(var node):
            node.operand = try node.operand.resolvingDurations(query)
            return .unary(node)
        case .parenthesized(var node):
            node.inner = try node.inner.resolvingDurations(query)
            return .parenthesized(node)
        }
    }
}

extension TimeShift {
    fileprivate mutating func resolve(
        _ query: ComputedDuration.Query, _ place: SourceRange
    ) throws(QueryError) {
        guard let computed = computedOffset else { return }
        offset = try computed.milliseconds(in: query, at: place, mustBePositive: false)
    }
}
