import QueryCore

/// Refuses, before evaluation and by name, what parses but cannot be evaluated.
struct Validator {
    let source: String
    var features = Set(PromQLFeature.allCases)

    func check(_ expression: Expression) throws(QueryError) {
        try expression.forEach { part throws(QueryError) in
            if let needed = part.neededFeature, !features.contains(needed.feature) {
                throw .parse(needed.absence, at: part.range, in: source)
            }
            guard case .binary(let node) = part, node.operator.isTrimming, node.type == .scalar
            else { return }
            throw .parse(
                "operator \(QuotedText.quote(node.operator.rawValue)) not allowed for Scalar operations",
                at: node.operatorRange, in: source)
        }
    }
}
