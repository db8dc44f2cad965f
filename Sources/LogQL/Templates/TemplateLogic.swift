/// Comparisons of Go's `text/template`. `and` and `or` are evaluated where their arguments are.
enum TemplateLogic {
    static func call(_ arguments: TemplateArguments) throws(ExpressionError) -> TemplateValue {
        let values = arguments.values
        switch arguments.function {
        case .not:
            try arguments.count(1)
            return .bool(!values[0].isTrue)
        case .eq:
            guard values.count >= 2 else {
                throw ExpressionError(reason: "missing argument for comparison")
            }
            for other in values.dropFirst() where try areEqual(values[0], other) {
                return .bool(true)
            }
            return .bool(false)
        case .ne:
            try arguments.count(2)
            return .bool(try !areEqual(values[0], values[1]))
        default:
            try arguments.count(2)
            return .bool(try order(arguments.function, values[0], values[1]))
        }
    }

    private static func areEqual(
        _ a: TemplateValue, _ b: TemplateValue
    ) throws(ExpressionError) -> Bool {
        switch (a, b) {
        case (.none, _), (_, .none): return a == b
        case (.text, .text), (.int, .int), (.float, .float), (.bool, .bool), (.time, .time):
            return a == b
        default: throw ExpressionError(reason: "incompatible types for comparison")
        }
    }

    private static func order(
        _ function: TemplateFunction, _ a: TemplateValue, _ b: TemplateValue
    ) throws(ExpressionError) -> Bool {
        let isLess: Bool
        switch (a, b) {
        case (.text(let x), .text(let y)):
            isLess = x.utf8.lexicographicallyPrecedes(y.utf8)
        case (.int(let x), .int(let y)): isLess = x < y
        case (.float(let x), .float(let y)): isLess = x < y
        case (.text, _), (.int, _), (.float, _):
            throw ExpressionError(reason: "incompatible types for comparison")
        default: throw ExpressionError(reason: "invalid type for comparison")
        }
        switch function {
        case .lt: return isLess
        case .le: return isLess || a == b
        case .gt: return !isLess && a != b
        default: return !isLess
        }
    }
}
