import QueryCore

/// Refuses, before evaluation and by name, what parses but cannot be evaluated.
struct Validator {
    let source: String

    func check(_ expression: Expression) throws(QueryError) {
        try expression.forEach { part throws(QueryError) in
            guard case .binary(let node) = part, node.operator.isTrimming, node.type == .scalar
            else { return }
            throw .parse(
                "operator \(QuotedText.quote(node.operator.rawValue)) not allowed for Scalar operations",
                at: node.operatorRange, in: source)
        }
    }
}
