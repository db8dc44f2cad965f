import PromQL

/// The labels that the result of an expression can have, where the expression says so.
enum LostLabels {
    /// `nil` when any label may be there.
    static func possible(in expression: Expression) -> Set<String>? {
        switch expression {
        case .number, .string, .rangeSelector, .subquery, .vectorSelector: return nil
        case .parenthesized(let node): return possible(in: node.inner)
        case .unary(let node): return possible(in: node.operand)
        case .aggregation(let node): return possible(in: node)
        case .binary(let node): return possible(in: node)
        case .call(let node):
            switch node.function {
            case .vector: return []
            case .labelReplace, .labelJoin:
                guard let labels = possible(in: node.arguments[0]),
                    case .string(let target) = node.arguments[1].unwrapped
                else { return nil }
                return labels.union([target.value])
            case .abs, .ceil, .floor, .round, .sgn, .sqrt, .clamp, .clampMin, .clampMax, .sort,
                .sortDesc:
                return possible(in: node.arguments[0])
            default: return nil
            }
        }
    }

    private static func possible(in node: Aggregation) -> Set<String>? {
        switch node.operator {
        case .topk, .bottomk, .limitk, .limitRatio: return possible(in: node.operand)
        default: break
        }
        switch node.grouping {
        case .by(let labels):
            guard node.operator == .countValues else { return Set(labels) }
            guard case .string(let name)? = node.parameter?.unwrapped else { return nil }
            return Set(labels).union([name.value])
        case .without(let labels): return possible(in: node.operand)?.subtracting(labels)
        }
    }

    private static func possible(in node: BinaryOperation) -> Set<String>? {
        if node.left.type == .scalar { return possible(in: node.right) }
        if node.right.type == .scalar { return possible(in: node.left) }
        let (left, right) = (possible(in: node.left), possible(in: node.right))
        switch node.operator {
        case .and, .unless: return left
        case .or:
            guard let left, let right else { return nil }
            return left.union(right)
        default: break
        }
        switch node.matching.cardinality {
        case .manyToOne(let include): return left?.union(include)
        case .oneToMany(let include): return right?.union(include)
        case .oneToOne:
            switch node.matching.labels {
            case .on(let labels): return Set(labels)
            case .ignoring(let labels): return left?.subtracting(labels)
            case nil: return left
            }
        }
    }
}
