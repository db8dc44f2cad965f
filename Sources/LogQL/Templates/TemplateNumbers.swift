import Glibc

/// Arithmetic as Sprig has it: texts are read as numbers, what is none counts as 0.
enum TemplateNumbers {
    static func call(_ arguments: TemplateArguments) throws(ExpressionError) -> TemplateValue {
        let values = arguments.values
        switch arguments.function {
        case .int, .float64, .ceil, .floor, .bytes, .duration, .durationSeconds:
            try arguments.count(1)
            return try unary(arguments)
        case .round:
            try arguments.count(2...3)
            let edge = values.count == 3 ? values[2].number : 0.5
            return .float(round(values[0].number, places: values[1].whole, edge: edge))
        case .sub, .div, .mod: try arguments.count(2)
        default:
            guard !values.isEmpty else {
                throw ExpressionError(
                    reason: "wrong number of args for \(arguments.function.rawValue)")
            }
        }
        switch arguments.function {
        case .addf, .subf, .mulf, .divf, .maxf, .minf:
            return .float(try fold(arguments.function, values.map(\.number)))
        default: return .int(try fold(arguments.function, values.map(\.whole)))
        }
    }

    private static func unary(_ arguments: TemplateArguments) throws(ExpressionError)
        -> TemplateValue
    {
        let value = arguments.values[0]
        switch arguments.function {
        case .int: return .int(value.whole)
        case .float64: return .float(value.number)
        case .ceil: return .float(value.number.rounded(.up))
        case .floor: return .float(value.number.rounded(.down))
        case .bytes:
            let text = try arguments.text(0)
            guard let bytes = Quantity.bytes(text) else {
                throw ExpressionError(reason: "\"\(text)\" is no size")
            }
            return .float(Double(bytes))
        default:
            let text = try arguments.text(0)
            guard let nanoseconds = Quantity.duration(text) else {
                throw ExpressionError(reason: "\"\(text)\" is no duration")
            }
            return .float(Double(nanoseconds) / 1e9)
        }
    }

    private static func fold(
        _ function: TemplateFunction, _ numbers: [Int64]
    ) throws(ExpressionError) -> Int64 {
        var result = numbers[0]
        for number in numbers.dropFirst() {
            switch function {
            case .add: result &+= number
            case .sub: result &-= number
            case .mul: result &*= number
            case .max: result = Swift.max(result, number)
            case .min: result = Swift.min(result, number)
            default:
                guard number != 0 else {
                    throw ExpressionError(reason: "integer divide by zero")
                }
                result =
                    function == .div
                    ? result.dividedReportingOverflow(by: number).partialValue
                    : result.remainderReportingOverflow(dividingBy: number).partialValue
            }
        }
        return result
    }

    private static func fold(
        _ function: TemplateFunction, _ numbers: [Double]
    ) throws(ExpressionError) -> Double {
        var result = numbers[0]
        for number in numbers.dropFirst() {
            switch function {
            case .addf: result += number
            case .subf: result -= number
            case .mulf: result *= number
            case .maxf: result = Swift.max(result, number)
            case .minf: result = Swift.min(result, number)
            default:
                guard number != 0 else { throw ExpressionError(reason: "division by 0") }
                result /= number
            }
        }
        return result
    }

    /// A fraction from `edge` on is rounded away from zero.
    private static func round(_ number: Double, places: Int64, edge: Double) -> Double {
        let power = pow(10, Double(places))
        let digit = power * number
        guard digit.isFinite else { return number }
        let fraction = digit.truncatingRemainder(dividingBy: 1)
        let rounded: Double =
            if digit > 0 {
                fraction >= edge ? digit.rounded(.up) : digit.rounded(.down)
            } else {
                fraction.magnitude >= edge ? digit.rounded(.down) : digit.rounded(.up)
            }
        return rounded / power
    }
}
