import QueryCore

/// A chain of operators that bind to the left, `a + b - c`, which is a tree as deep as the chain is long. Walks
/// go along it in a loop: only parentheses and arguments take a thread's stack.
struct OperatorChain {
    /// The operand that stands first.
    let first: Expression
    /// From the innermost to the outermost; the left side of each is the one before.
    let operations: [BinaryOperation]

    init(_ outermost: BinaryOperation) {
        var operations = [outermost]
        var left = outermost.left
        while case .binary(let node) = left {
            operations.append(node)
            left = node.left
        }
        first = left
        self.operations = operations.reversed()
    }
}

extension BinaryOperation {
    /// Where the chain stands.
    var range: SourceRange {
        var first = left
        while case .binary(let node) = first { first = node.left }
        return first.range.union(right.range)
    }

    /// A scalar if all operands are.
    var type: ValueType {
        var node = self
        while node.right.type == .scalar {
            guard case .binary(let inner) = node.left else {
                return node.left.type == .scalar ? .scalar : .instantVector
            }
            node = inner
        }
        return .instantVector
    }
}

extension Expression {
    /// What `judge` finds at every expression, from the outside to the inside, those on the left first.
    func forEach<Failure: Error>(
        _ judge: (Expression) throws(Failure) -> Void
    ) throws(Failure) {
        var pending = [self]
        while let next = pending.popLast() {
            try judge(next)
            pending.append(contentsOf: next.children.reversed())
        }
    }
}
