/// Bounds of the numbers that an expression can yield, as far as they follow from the expression.
struct ValueRange: Equatable {
    var low: Double
    var high: Double

    static let all = ValueRange(low: -.infinity, high: .infinity)
    static let notNegative = ValueRange(low: 0, high: .infinity)
    static let share = ValueRange(low: 0, high: 1)

    init(low: Double, high: Double) {
        self.low = low
        self.high = high
    }

    /// NaN says nothing.
    init(_ value: Double) {
        self = value.isNaN ? .all : ValueRange(low: value, high: value)
    }

    /// What is in both; `nil` if nothing is.
    func intersection(_ other: ValueRange) -> ValueRange? {
        let both = ValueRange(low: max(low, other.low), high: min(high, other.high))
        return both.low <= both.high ? both : nil
    }

    func union(_ other: ValueRange) -> ValueRange {
        ValueRange(low: min(low, other.low), high: max(high, other.high))
    }

    static prefix func - (range: ValueRange) -> ValueRange {
        ValueRange(low: -range.high, high: -range.low)
    }

    static func + (a: ValueRange, b: ValueRange) -> ValueRange {
        checked(a.low + b.low, a.high + b.high)
    }

    static func * (a: ValueRange, b: ValueRange) -> ValueRange {
        let products = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]
        // Infinity times nothing: the bound is not known.
        guard !products.contains(where: \.isNaN) else {
            return a.low >= 0 && b.low >= 0 ? .notNegative : .all
        }
        return checked(products.min() ?? -.infinity, products.max() ?? .infinity)
    }

    static func / (a: ValueRange, b: ValueRange) -> ValueRange {
        guard b.low > 0 || b.high < 0 else {
            return a.low >= 0 && b.low >= 0 ? .notNegative : .all
        }
        return a * checked(1 / b.high, 1 / b.low)
    }

    private static func checked(_ low: Double, _ high: Double) -> ValueRange {
        low.isNaN || high.isNaN ? .all : ValueRange(low: low, high: high)
    }
}
