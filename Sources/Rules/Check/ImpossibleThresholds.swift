import PromQL
import Store

/// Follows the numbers that an expression can yield and notes comparisons that nothing passes.
struct ImpossibleThresholds {
    /// What is impossible, in words.
    private(set) var reasons: [String] = []

    /// Metrics whose samples are known to lie within bounds, whoever exports them.
    private static let known: [String: ValueRange] = [
        "up": .share, "ALERTS": ValueRange(low: 1, high: 1), "ALERTS_FOR_STATE": .notNegative,
        "scrape_duration_seconds": .notNegative, "scrape_samples_scraped": .notNegative,
        "probe_success": .share, "slo:objective:ratio": .share, "slo:error_budget:ratio": .share,
    ]

    /// The range of `expression`; `nil` if it never yields anything.
    mutating func range(of expression: Expression) -> ValueRange? {
        switch expression {
        case .number(let node): return ValueRange(node.value)
        case .string: return .all
        case .parenthesized(let node): return range(of: node.inner)
        case .unary(let node):
            return range(of: node.operand).map { node.isNegation ? -$0 : $0 }
        case .vectorSelector(let selector): return Self.range(of: selector)
        case .rangeSelector(let node): return Self.range(of: node.selector)
        case .subquery(let node): return range(of: node.inner)
        case .binary(let node): return range(of: node)
        case .aggregation(let node): return range(of: node)
        case .call(let node): return range(of: node)
        }
    }

    private static func range(of selector: VectorSelector) -> ValueRange {
        let name = selector.allMatchers.first { $0.name == "__name__" && $0.operator == .equal }
        guard let name = name?.value else { return .all }
        if name.hasPrefix("slo:sli_error:ratio_rate") { return .share }
        if name.hasSuffix("_total") || name.hasSuffix("_count") || name.hasSuffix("_bucket") {
            return .notNegative
        }
        return known[name] ?? .all
    }

    // MARK: Operators

    private mutating func range(of node: BinaryOperation) -> ValueRange? {
        let (left, right) = (range(of: node.left), range(of: node.right))
        switch node.operator {
        case .or:
            guard let left, let right else { return left ?? right }
            return left.union(right)
        case .unless: return left
        case .and: return right == nil ? nil : left
        default: break
        }
        guard let left, let right else { return node.matching.isFilled ? .all : nil }
        if node.matching.isFilled { return .all }
        switch node.operator {
        case .add: return left + right
        case .subtract: return left + -right
        case .multiply: return left * right
        case .divide: return left / right
        case .equal, .notEqual, .greater, .less, .greaterOrEqual, .lessOrEqual:
            return compared(node, left, right)
        default: return .all
        }
    }

    private mutating func compared(
        _ node: BinaryOperation, _ left: ValueRange, _ right: ValueRange
    ) -> ValueRange? {
        let passing: ValueRange? =
            switch node.operator {
            case .equal: left.intersection(right)
            case .greater: left.high > right.low ? ValueRange(low: right.low, high: .infinity) : nil
            case .greaterOrEqual: ValueRange(low: right.low, high: .infinity)
            case .less: left.low < right.high ? ValueRange(low: -.infinity, high: right.high) : nil
            case .lessOrEqual: ValueRange(low: -.infinity, high: right.high)
            default:
                left == right && left.low == left.high && left.low.isFinite ? nil : .all
            }
        let rest = passing.flatMap { left.intersection($0) }
        guard let rest else {
            reasons.append(
                "\(node.left) \(node.operator.rawValue) \(node.right) is never true: the left side "
                    + "\(left.words), the right side \(right.words)")
            return node.returnsBool ? ValueRange(0) : nil
        }
        if node.returnsBool { return .share }
        // A number on the left stands for the vector on the right.
        return node.left.type == .scalar ? right : rest
    }

    private mutating func range(of node: Aggregation) -> ValueRange? {
        if let parameter = node.parameter { _ = range(of: parameter) }
        guard let operand = range(of: node.operand) else { return nil }
        switch node.operator {
        case .count: return ValueRange(low: 1, high: .infinity)
        case .group: return ValueRange(1)
        case .countValues: return ValueRange(low: 1, high: .infinity)
        case .stddev, .stdvar: return .notNegative
        case .sum:
            if operand.low >= 0 { return ValueRange(low: operand.low, high: .infinity) }
            return operand.high <= 0 ? ValueRange(low: -.infinity, high: operand.high) : .all
        case .avg, .min, .max, .topk, .bottomk, .limitk, .limitRatio: return operand
        case .quantile: return .all
        }
    }

    // MARK: Functions

    private mutating func range(of node: FunctionCall) -> ValueRange? {
        let ranges = node.arguments.map { range(of: $0) }
        let isAbsence = node.function == .absent || node.function == .absentOverTime
        if isAbsence || node.function == .scalar || node.function == .vector {
            // What is absent, and what becomes of it as a number, is no matter of its values.
            return isAbsence
                ? ValueRange(1) : node.function == .scalar ? .all : ranges.first ?? .all
        }
        guard !ranges.contains(where: { $0 == nil }) else { return nil }
        let first = ranges.first.flatMap { $0 } ?? .all
        if let bounds = Self.bounds[node.function] { return bounds }
        switch node.function {
        case .avgOverTime, .minOverTime, .maxOverTime, .lastOverTime, .firstOverTime, .sort,
            .sortDesc, .sortByLabel, .sortByLabelDesc, .labelReplace, .labelJoin:
            return first
        case .sumOverTime:
            return first.low >= 0 ? .notNegative : .all
        case .clampMin:
            return ranges[1].map {
                ValueRange(low: max(first.low, $0.low), high: max(first.high, $0.high))
            }
        case .clampMax:
            return ranges[1].map {
                ValueRange(low: min(first.low, $0.low), high: min(first.high, $0.high))
            }
        default: return .all
        }
    }

    private static let bounds: [Function: ValueRange] = [
        .rate: .notNegative, .increase: .notNegative, .irate: .notNegative,
        .changes: .notNegative, .resets: .notNegative, .abs: .notNegative, .sqrt: .notNegative,
        .exp: .notNegative, .stddevOverTime: .notNegative, .stdvarOverTime: .notNegative,
        .time: .notNegative, .histogramFraction: .share, .histogramStddev: .notNegative,
        .histogramStdvar: .notNegative, .countOverTime: ValueRange(low: 1, high: .infinity),
        .presentOverTime: ValueRange(1), .sgn: ValueRange(low: -1, high: 1),
        .sin: ValueRange(low: -1, high: 1), .cos: ValueRange(low: -1, high: 1),
        .hour: ValueRange(low: 0, high: 23), .minute: ValueRange(low: 0, high: 59),
        .dayOfWeek: ValueRange(low: 0, high: 6), .dayOfMonth: ValueRange(low: 1, high: 31),
        .dayOfYear: ValueRange(low: 1, high: 366), .daysInMonth: ValueRange(low: 28, high: 31),
        .month: ValueRange(low: 1, high: 12),
    ]
}

extension ValueRange {
    fileprivate var words: String {
        let (least, most) = (GoNumber.shortest(low), GoNumber.shortest(high))
        if low == high { return "is \(least)" }
        if low == -.infinity { return high == .infinity ? "is any number" : "is at most \(most)" }
        return high == .infinity ? "is at least \(least)" : "lies between \(least) and \(most)"
    }
}
