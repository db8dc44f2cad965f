import QueryCore
import Telemetry

/// A binary operator where at least one of two elements is a histogram, or which is made for histograms.
struct HistogramOperation {
    let node: BinaryOperation
    let notes: QueryNotes

    private var range: SourceRange { node.left.range.union(node.right.range) }

    /// - Returns: nothing for elements that do not go together, which is annotated, and for those that a
    ///   comparison filters out; `keepsHistograms` says which comparisons could hold.
    func apply(_ left: MixedValue, _ right: MixedValue) -> MixedValue {
        switch (left, right) {
        case (.histogram(let histogram), .number(let number)): return scale(histogram, number)
        case (.number(let number), .histogram(let histogram)):
            guard node.operator == .multiply else {
                return mismatch("float", "histogram")
            }
            return scale(histogram, number)
        case (.histogram(let a), .histogram(let b)): return combine(a, b)
        case (.number, .number): return mismatch("float", "float")
        default: return .absent
        }
    }

    private func scale(_ histogram: HistogramValue, _ number: Double) -> MixedValue {
        var result = histogram
        switch node.operator {
        case .multiply: result.multiply(by: number)
        case .divide: result.divide(by: number)
        case .trimUpper, .trimLower:
            HistogramTrimming(bound: number, keepsLower: node.operator == .trimUpper)
                .apply(to: &result)
            return .histogram(result)
        default: return mismatch("histogram", "float")
        }
        result.compact()
        return .histogram(result)
    }

    private func combine(_ a: HistogramValue, _ b: HistogramValue) -> MixedValue {
        switch node.operator {
        case .add, .subtract: return sum(a, b)
        case .equal, .notEqual:
            let holds = a.isSame(as: b) == (node.operator == .equal)
            if node.returnsBool { return .number(holds ? 1 : 0) }
            return holds ? .histogram(a) : .absent
        default: return mismatch("histogram", "histogram")
        }
    }

    private func sum(_ a: HistogramValue, _ b: HistogramValue) -> MixedValue {
        let isSum = node.operator == .add
        let operation = isSum ? "addition" : "subtraction"
        var result = a
        let combination: HistogramCombination
        do throws(IncompatibleHistograms) {
            combination = isSum ? try result.add(b) : try result.subtract(b)
        } catch {
            notes.warn(
                "incompatible bucket layout encountered for binary operator "
                    + node.operator.rawValue, at: range)
            return .absent
        }
        if combination.boundsDiffered {
            notes.inform("mismatched custom buckets were reconciled during \(operation)", at: range)
        }
        if combination.resetsCollide {
            notes.warn("conflicting counter resets during histogram \(operation)", at: range)
            return .absent
        }
        if !isSum { result.resetHint = .gauge }
        result.compact()
        return .histogram(result)
    }

    private func mismatch(_ left: String, _ right: String) -> MixedValue {
        let symbol = node.operator.rawValue
        notes.inform(
            "incompatible sample types encountered for binary operator "
                + "\(QuotedText.quote(symbol)): \(left) \(symbol) \(right)", at: range)
        return .absent
    }
}

extension StepSeries {
    /// The element at a step; `.absent` where there is none.
    func element(_ step: Int) -> MixedValue {
        guard StepValue.isPresent(values[step]) else { return .absent }
        return histogram(step).map(MixedValue.histogram) ?? .number(values[step])
    }

    mutating func set(_ value: MixedValue, at step: Int) {
        switch value {
        case .absent: set(StepValue.absent, at: step)
        case .number(let number): set(number, at: step)
        case .histogram(let histogram): set(histogram, at: step)
        }
    }
}
