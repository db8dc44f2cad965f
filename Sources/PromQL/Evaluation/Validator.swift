import QueryCore

/// Refuses, before evaluation and by name, what parses but cannot be evaluated.
struct Validator {
    let source: String

    func check(_ expression: Expression) throws(QueryError) {
        switch expression {
        case .call(let node):
            if let reason = node.function.unsupported {
                throw .notSupported(reason, at: node.range, in: source)
            }
        case .binary(let node):
            if node.operator == .trimUpper || node.operator == .trimLower {
                throw .notSupported(
                    "operator \(node.operator.rawValue) on native histograms",
                    at: node.operatorRange, in: source)
            }
        default: break
        }
        for child in expression.children { try check(child) }
    }
}

extension Function {
    fileprivate var unsupported: String? {
        switch self {
        case .histogramAvg, .histogramCount, .histogramStddev, .histogramStdvar, .histogramSum:
            "function \(rawValue) of native histograms"
        default: nil
        }
    }
}
