import PromQL

/// Comparisons of the same series with numbers, joined by `and`, of which no number fulfils both; and whole
/// numbers that are to equal a fraction.
enum ExclusiveComparisons {
    private struct Comparison {
        var operand: String
        var `operator`: String
        var bound: Double

        /// `nil` if this is no comparison with a number.
        init?(_ expression: Expression) {
            guard case .binary(let node) = expression.unwrapped, !node.returnsBool,
                [">", ">=", "<", "<=", "==", "!="].contains(node.operator.rawValue),
                case .number(let number) = node.right.unwrapped
            else { return nil }
            operand = "\(node.left)"
            self.operator = node.operator.rawValue
            bound = number.value
        }

        func accepts(_ value: Double) -> Bool {
            switch self.operator {
            case ">": value > bound
            case ">=": value >= bound
            case "<": value < bound
            case "<=": value <= bound
            case "==": value == bound
            default: value != bound
            }
        }
    }

    /// Functions whose values are whole numbers.
    private static let whole: Set<Function> = [
        .changes, .resets, .countOverTime, .presentOverTime, .hour, .minute, .dayOfWeek,
        .dayOfMonth, .dayOfYear, .daysInMonth, .month, .year, .ceil, .floor, .sgn,
    ]

    static func reasons(in expression: Expression) -> [String] {
        var reasons = expression.children.flatMap { Self.reasons(in: $0) }
        if case .binary(let node) = expression {
            if node.operator == .and, excludes(node.left, node.right) {
                reasons.append("\(node.left) and \(node.right) exclude each other")
            }
            if let comparison = Comparison(expression), comparison.operator == "==",
                isWhole(node.left), comparison.bound != comparison.bound.rounded()
            {
                reasons.append("\(expression) is never true: the left side is a whole number")
            }
        }
        return reasons
    }

    /// Whether no number passes both: if one did, then also a bound, or one beside or between bounds.
    private static func excludes(_ left: Expression, _ right: Expression) -> Bool {
        guard let one = Comparison(left), let other = Comparison(right),
            one.operand == other.operand
        else { return false }
        let bounds = [one.bound, other.bound]
        guard bounds.allSatisfy(\.isFinite) else { return false }
        let tried =
            bounds + bounds.flatMap { [$0.nextUp, $0.nextDown] }
            + [-.infinity, .infinity, (one.bound + other.bound) / 2]
        return !tried.contains { one.accepts($0) && other.accepts($0) }
    }

    private static func isWhole(_ expression: Expression) -> Bool {
        switch expression.unwrapped {
        case .call(let node): whole.contains(node.function)
        case .aggregation(let node): node.operator == .count
        default: false
        }
    }
}
