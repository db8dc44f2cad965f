/// Expressions over many spans at once.
extension SpanTable {
    /// Those of `rows` (ascending) of which `condition` holds.
    func select(_ condition: FieldExpression, _ rows: [Int]) -> [Int] {
        if rows.isEmpty { return [] }
        switch condition {
        case .literal(let literal, _): return literal == .bool(true) ? rows : []
        case .field(let field, _):
            let column = column(field, rows)
            return keep(rows) { index in column.values(at: index).contains { $0.isTrue } }
        case .unary(let operation, let operand, _): return select(operation, operand, rows)
        case .binary(.and, let left, let right, _): return select(right, select(left, rows))
        case .binary(.or, let left, let right, _):
            let first = select(left, rows)
            return SortedRows.union(first, select(right, SortedRows.difference(rows, first)))
        case .binary(let operation, let left, let right, _):
            guard operation.isComparison else { return [] }
            return compare(operation, left, right, rows)
        }
    }

    private func select(
        _ operation: UnaryOperator, _ operand: FieldExpression, _ rows: [Int]
    ) -> [Int] {
        switch operation {
        case .negate: return []
        case .exists, .isMissing:
            let column = column(operand, rows)
            let isWanted = operation == .exists
            return keep(rows) { index in
                column.values(at: index).contains { $0.kind != .null } == isWanted
            }
        case .not:
            if operand.type == .bool, !operand.isField {
                return SortedRows.difference(rows, select(operand, rows))
            }
            let column = column(operand, rows)
            return keep(rows) { column[$0].isFalse }
        }
    }

    private func keep(_ rows: [Int], where isKept: (Int) -> Bool) -> [Int] {
        var kept: [Int] = []
        for index in rows.indices where isKept(index) { kept.append(rows[index]) }
        return kept
    }

    /// The values of `expression` for the spans at `rows`.
    func column(_ expression: FieldExpression, _ rows: [Int]) -> Column {
        switch expression {
        case .literal(let literal, _): return .constant(cell(literal))
        case .field(let field, _): return column(field, rows)
        case .unary(.negate, let operand, _):
            let column = column(operand, rows)
            return .single(rows.indices.map { Self.negated(column[$0]) })
        case .binary(let operation, let left, let right, _) where !operation.yieldsTruth:
            let (a, b) = (column(left, rows), column(right, rows))
            return .single(rows.indices.map { Self.apply(operation, a[$0], b[$0]) })
        case .unary, .binary:
            let holding = Set(select(expression, rows))
            return .single(rows.map { .bool(holding.contains($0)) })
        }
    }

    // MARK: Arithmetic

    /// Missing operands, operands that are no numbers, and integers that cannot be divided yield
    /// nothing.
    static func apply(_ operation: BinaryOperator, _ a: Cell, _ b: Cell) -> Cell {
        if a.kind == .int, b.kind == .int, let x = a.integer, let y = b.integer {
            return Arithmetic.apply(operation, x, y).map(Cell.int) ?? .null
        }
        guard let x = a.number, let y = b.number else { return .null }
        return .double(Arithmetic.apply(operation, x, y))
    }

    private static func negated(_ cell: Cell) -> Cell {
        switch cell.kind {
        case .int, .duration:
            cell.integer.map {
                Cell(kind: cell.kind, payload: UInt64(bitPattern: 0 &- $0))
            } ?? .null
        case .double: .double(-(cell.number ?? 0))
        default: .null
        }
    }
}

extension FieldExpression {
    fileprivate var isField: Bool {
        if case .field = self { return true }
        return false
    }
}

/// Lists of row numbers, ascending, each once.
enum SortedRows {
    static func union(_ a: [Int], _ b: [Int]) -> [Int] {
        if a.isEmpty { return b }
        if b.isEmpty { return a }
        var result: [Int] = []
        result.reserveCapacity(a.count + b.count)
        var (i, j) = (0, 0)
        while i < a.count, j < b.count {
            let (x, y) = (a[i], b[j])
            result.append(min(x, y))
            if x <= y { i += 1 }
            if y <= x { j += 1 }
        }
        result += a[i...]
        result += b[j...]
        return result
    }

    /// Those of `a` that are not in `b`.
    static func difference(_ a: [Int], _ b: [Int]) -> [Int] {
        if b.isEmpty { return a }
        var result: [Int] = []
        var j = 0
        for row in a {
            while j < b.count, b[j] < row { j += 1 }
            if j < b.count, b[j] == row { continue }
            result.append(row)
        }
        return result
    }
}
