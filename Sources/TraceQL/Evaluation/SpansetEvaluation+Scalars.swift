import Telemetry

/// Aggregates of sets, and comparisons of them.
extension SpansetEvaluation {
    /// The set with what its aggregates come to, if the comparison holds of it.
    func filter(_ set: Spanset, _ filter: ScalarFilter) -> Spanset? {
        var set = set
        guard let left = scalar(filter.left, &set), let right = scalar(filter.right, &set),
            table.holds(filter.comparison, left, right)
        else { return nil }
        return set
    }

    private func scalar(_ expression: ScalarExpression, _ set: inout Spanset) -> Cell? {
        switch expression {
        case .literal(let literal, _): return table.cell(literal)
        case .aggregate(let aggregate):
            guard let cell = value(aggregate, set.rows) else { return nil }
            set.attributes.append(Attribute(aggregate.description, table.value(cell)))
            return cell
        case .operation(let operation, let left, let right, _):
            guard let a = scalar(left, &set), let b = scalar(right, &set) else { return nil }
            let result = SpanTable.apply(operation, a, b)
            return result.kind == .null ? nil : result
        case .pipeline: return nil
        }
    }

    /// `nil` if no span has a number.
    func value(_ aggregate: Aggregate, _ rows: [Int]) -> Cell? {
        guard let operand = aggregate.operand else { return .int(Int64(rows.count)) }
        let column = table.column(operand, rows)
        let cells = rows.indices.map { column[$0] }.filter { $0.number != nil }
        guard let first = cells.first else { return nil }
        switch aggregate.function {
        case .count: return .int(Int64(rows.count))
        case .sum: return Self.sum(cells)
        case .min: return cells.dropFirst().reduce(first) { precedes($1, $0) ? $1 : $0 }
        case .max: return cells.dropFirst().reduce(first) { precedes($0, $1) ? $1 : $0 }
        case .avg:
            guard let sum = Self.sum(cells).number else { return nil }
            let mean = sum / Double(cells.count)
            let isDuration = cells.allSatisfy { $0.kind == .duration }
            guard isDuration, mean.magnitude < 0x1p63 else { return .double(mean) }
            return .duration(Int64(mean))
        }
    }

    private func precedes(_ a: Cell, _ b: Cell) -> Bool { table.holds(.less, a, b) }

    /// Integers and durations stay what they are as long as they fit.
    private static func sum(_ cells: [Cell]) -> Cell {
        let kind = cells[0].kind
        if kind != .double, cells.allSatisfy({ $0.kind == kind }) {
            var (total, didOverflow): (Int64, Bool) = (0, false)
            for cell in cells {
                let (sum, overflow) = total.addingReportingOverflow(cell.integer ?? 0)
                total = sum
                didOverflow = didOverflow || overflow
            }
            if !didOverflow { return Cell(kind: kind, payload: UInt64(bitPattern: total)) }
        }
        return .double(cells.reduce(0) { $0 + ($1.number ?? 0) })
    }
}
