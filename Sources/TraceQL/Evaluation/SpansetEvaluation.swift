import QueryCore
import Telemetry

/// A set of spans of one trace.
struct Spanset {
    /// Ascending, so by start time.
    var rows: [Int]
    /// What `by` and aggregates found, in order.
    var attributes: [Attribute] = []
}

/// Evaluates what yields sets of spans: `sets` on one whole trace, `rows` on many.
struct SpansetEvaluation {
    let table: SpanTable
    let trace: TraceStructure
    let relations: SpansetRelations

    /// - Parameter table: of whole traces.
    init(_ table: SpanTable, _ trace: TraceStructure) {
        self.table = table
        self.trace = trace
        relations = SpansetRelations(table.batch, trace)
    }

    /// The sets that are not empty.
    func sets(_ expression: SpansetExpression) throws(QueryError) -> [Spanset] {
        try evaluate(expression, Spanset(rows: Array(0..<table.batch.count)))
    }

    func evaluate(
        _ expression: SpansetExpression, _ input: Spanset
    ) throws(QueryError) -> [Spanset] {
        switch expression {
        case .filter(let condition, _):
            return nonEmpty(input, table.select(condition, input.rows))
        case .operation(let operation, let left, let right, _):
            return try join(
                operation, try evaluate(left, input), try evaluate(right, input), input)
        case .pipeline(let stages, _): return try evaluate(stages, [input])
        case .comparison(let filter): return try compare(filter, input)
        }
    }

    private func nonEmpty(_ input: Spanset, _ rows: [Int]) -> [Spanset] {
        rows.isEmpty ? [] : [Spanset(rows: rows, attributes: input.attributes)]
    }

    private func join(
        _ operation: SpansetOperator, _ left: [Spanset], _ right: [Spanset], _ input: Spanset
    ) throws(QueryError) -> [Spanset] {
        switch operation {
        case .and:
            guard !left.isEmpty, !right.isEmpty else { return [] }
            return nonEmpty(input, Self.rows(left + right))
        case .or: return nonEmpty(input, Self.rows(left + right))
        default:
            guard left.count <= 1, right.count <= 1 else {
                throw Self.severalSets("spanset operators")
            }
            return nonEmpty(
                input, relations.join(operation, Self.rows(left), Self.rows(right)))
        }
    }

    static func severalSets(_ what: String) -> QueryError {
        .badData(
            "\(what) are not supported for multiple spansets per trace. consider using coalesce()")
    }

    static func rows(_ sets: [Spanset]) -> [Int] {
        sets.reduce([]) { SortedRows.union($0, $1.rows) }
    }

    func evaluate(_ stages: [Stage], _ input: [Spanset]) throws(QueryError) -> [Spanset] {
        var sets = input
        for stage in stages where !sets.isEmpty {
            switch stage {
            case .spansets(let expression):
                var next: [Spanset] = []
                for set in sets { next += try evaluate(expression, set) }
                sets = next
            case .filter(let filter): sets = sets.compactMap { self.filter($0, filter) }
            case .group(let expression, _):
                sets = sets.flatMap { group($0, expression, name: stage.description) }
            case .coalesce: sets = [Spanset(rows: Self.rows(sets))]
            case .select, .aggregate: break
            }
        }
        return sets
    }

    /// Splits a set by a value; the parts in the order of their first spans.
    private func group(
        _ set: Spanset, _ expression: FieldExpression, name: String
    ) -> [Spanset] {
        let column = table.column(expression, set.rows)
        var places: [Cell: Int] = [:]
        var parts: [Spanset] = []
        for (index, row) in set.rows.enumerated() {
            let cell = column[index]
            if let place = places[cell] {
                parts[place].rows.append(row)
                continue
            }
            places[cell] = parts.count
            let attribute = Attribute(name, table.value(cell))
            parts.append(Spanset(rows: [row], attributes: set.attributes + [attribute]))
        }
        return parts
    }
}
