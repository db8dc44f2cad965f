import QueryCore

/// Refuses, before evaluation and by name, what parses but cannot be evaluated.
struct Validator {
    let source: String

    func check(_ expression: Expression) throws(QueryError) {
        if case .binary(let node) = expression, node.operator.isTrimming,
            node.left.type == .scalar, node.right.type == .scalar
        {
            throw .parse(
                "operator \(QuotedText.quote(node.operator.rawValue)) not allowed for Scalar operations",
                at: node.operatorRange, in: source)
        }
        for child in expression.children { try check(child) }
    }
}
