import RegularExpressions

/// Comparisons. They hold of values of the same type, numbers of any kind among each other; a missing
/// value satisfies none, `!=` neither. Of events and links one that satisfies is enough, and so is one
/// element of an array, but for `!=` and `!~`: they hold if they hold of all elements.
extension SpanTable {
    func compare(
        _ operation: BinaryOperator, _ left: FieldExpression, _ right: FieldExpression,
        _ rows: [Int]
    ) -> [Int] {
        if operation.isPattern { return match(operation, left, right, rows) }
        let (a, b) = (column(left, rows), column(right, rows))
        if case .repeated = b { return compare(operation.mirrored, b, a, rows) }
        return compare(operation, a, b, rows)
    }

    private func compare(
        _ operation: BinaryOperator, _ left: Column, _ right: Column, _ rows: [Int]
    ) -> [Int] {
        var kept: [Int] = []
        switch (left, right) {
        case (.constant(let a), .constant(let b)): return holds(operation, a, b) ? rows : []
        case (.coded(let values, let codes), .constant(let b)):
            let passes = values.map { holds(operation, $0, b) }
            guard passes.contains(true) else { return [] }
            for index in rows.indices where passes[Int(codes[index])] { kept.append(rows[index]) }
        case (.single(let cells), .constant(let b)):
            // Texts of one table are equal if their ids are.
            if operation == .equal, b.kind != .null, b.kind != .int, b.kind != .double,
                b.kind != .duration,
                b.payload < TextPool.firstID
            {
                for index in rows.indices
                where cells[index] == b || holds(operation, cells[index], b) {
                    kept.append(rows[index])
                }
                return kept
            }
            for index in rows.indices where holds(operation, cells[index], b) {
                kept.append(rows[index])
            }
        default:
            for index in rows.indices {
                let other = right[index]
                if left.values(at: index).contains(where: { holds(operation, $0, other) }) {
                    kept.append(rows[index])
                }
            }
        }
        return kept
    }

    func holds(_ operation: BinaryOperator, _ a: Cell, _ b: Cell) -> Bool {
        if let x = a.integer, let y = b.integer { return Self.holds(operation, x, y) }
        if let x = a.number, let y = b.number { return Self.holds(operation, x, y) }
        if a.kind == .list { return listHolds(operation, elements(a), b) }
        if b.kind == .list { return listHolds(operation.mirrored, elements(b), a) }
        guard a.kind == b.kind else { return false }
        switch a.kind {
        case .string: return holdsOfTexts(operation, a.payload, b.payload)
        case .bool, .status, .kind:
            if operation == .equal { return a.payload == b.payload }
            return operation == .notEqual && a.payload != b.payload
        default: return false
        }
    }

    private func listHolds(_ operation: BinaryOperator, _ elements: [Cell], _ other: Cell) -> Bool {
        // No list is compared with another one, and a missing value satisfies nothing.
        guard other.kind != .list, other.kind != .null else { return false }
        if operation == .notEqual {
            return elements.allSatisfy { holds(.notEqual, $0, other) }
        }
        return elements.contains { holds(operation, $0, other) }
    }

    @inline(__always)
    private static func holds<Value: Comparable>(
        _ operation: BinaryOperator, _ a: Value, _ b: Value
    ) -> Bool {
        switch operation {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        default: false
        }
    }

    private func holdsOfTexts(_ operation: BinaryOperator, _ a: UInt64, _ b: UInt64) -> Bool {
        switch operation {
        case .equal: areEqual(a, b)
        case .notEqual: !areEqual(a, b)
        default: Self.holds(operation, order(a, b), 0)
        }
    }

    private func areEqual(_ a: UInt64, _ b: UInt64) -> Bool {
        if a == b { return true }
        // Two ids of one table stand for two texts.
        if (a < TextPool.firstID) == (b < TextPool.firstID) { return false }
        return order(a, b) == 0
    }

    /// Below, at or above zero as the bytes of `a` come before, equal or come after those of `b`.
    private func order(_ a: UInt64, _ b: UInt64) -> Int {
        withText(a) { x in
            withText(b) { y in
                for (left, right) in zip(x, y) where left != right {
                    return left < right ? -1 : 1
                }
                return x.count - y.count
            }
        }
    }

    /// `=~` and `!~`: whether the pattern matches a text from end to end.
    private func match(
        _ operation: BinaryOperator, _ left: FieldExpression, _ right: FieldExpression,
        _ rows: [Int]
    ) -> [Int] {
        guard case .literal(.string(let source), _) = right, let pattern = pattern(source) else {
            return []
        }
        let isWanted = operation == .matches
        var known: [UInt64: Bool] = [:]
        func matches(_ cell: Cell) -> Bool {
            if cell.kind == .list {
                let elements = elements(cell)
                return isWanted
                    ? elements.contains(where: matches) : elements.allSatisfy(matches)
            }
            guard cell.kind == .string else { return false }
            if let answer = known[cell.payload] { return answer }
            let answer = withText(cell.payload) { pattern.matchesWhole($0) } == isWanted
            known[cell.payload] = answer
            return answer
        }
        let column = column(left, rows)
        var kept: [Int] = []
        if case .coded(let values, let codes) = column {
            let passes = values.map(matches)
            for index in rows.indices where passes[Int(codes[index])] { kept.append(rows[index]) }
            return kept
        }
        for index in rows.indices where column.values(at: index).contains(where: matches) {
            kept.append(rows[index])
        }
        return kept
    }
}
