import Glibc

/// The arithmetic of the language.
enum Arithmetic {
    /// Of numbers of which one at least has a fraction or is a duration; IEEE 754.
    static func apply(_ operation: BinaryOperator, _ a: Double, _ b: Double) -> Double {
        switch operation {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .modulo: fmod(a, b)
        case .power: pow(a, b)
        default: .nan
        }
    }

    /// Of integers. Division truncates; `nil` for one by zero and for what does not fit.
    static func apply(_ operation: BinaryOperator, _ a: Int64, _ b: Int64) -> Int64? {
        let (result, overflow): (Int64, Bool) =
            switch operation {
            case .add: a.addingReportingOverflow(b)
            case .subtract: a.subtractingReportingOverflow(b)
            case .multiply: a.multipliedReportingOverflow(by: b)
            case .divide: a.dividedReportingOverflow(by: b)
            case .modulo: a.remainderReportingOverflow(dividingBy: b)
            case .power: power(a, b)
            default: (0, true)
            }
        return overflow ? nil : result
    }

    private static func power(_ base: Int64, _ exponent: Int64) -> (Int64, Bool) {
        let value = pow(Double(base), Double(exponent)).rounded(.towardZero)
        guard value.magnitude < 0x1p63 else { return (0, true) }
        return (Int64(value), false)
    }
}
