import QueryCore
import Telemetry

/// The series of a metrics function: which one a span belongs to.
///
/// Values are compared as cells within a batch, and as values across batches.
struct MetricGroups {
    let fields: [Field]
    /// The values of each series, one a field; `.empty` for none.
    private(set) var keys: [[AttributeValue]] = []
    private var numbers: [[AttributeValue]: Int] = [:]
    private let limit: Int

    init(_ fields: [Field], limit: Int) {
        self.fields = fields
        self.limit = limit
    }

    private struct Step: Hashable {
        var prefix: Int
        var cell: Cell
    }

    /// The series of each span at `rows`.
    mutating func assign(_ table: SpanTable, _ rows: [Int]) throws(QueryError) -> [Int] {
        guard !fields.isEmpty else {
            _ = try number([])
            return [Int](repeating: 0, count: rows.count)
        }
        // Combinations get numbers field by field, so that a span costs a look-up a field and no array.
        var combination = [Int](repeating: 0, count: rows.count)
        var paths: [[Cell]] = [[]]
        for field in fields {
            let column = table.column(field, rows)
            var places: [Step: Int] = [:]
            var longer: [[Cell]] = []
            for index in rows.indices {
                let step = Step(prefix: combination[index], cell: column[index])
                if let place = places[step] {
                    combination[index] = place
                    continue
                }
                places[step] = longer.count
                combination[index] = longer.count
                longer.append(paths[step.prefix] + [step.cell])
            }
            paths = longer
        }
        var numbers: [Int] = []
        for path in paths { numbers.append(try number(path.map { table.groupValue($0) })) }
        return combination.map { numbers[$0] }
    }

    private mutating func number(_ key: [AttributeValue]) throws(QueryError) -> Int {
        if let known = numbers[key] { return known }
        guard keys.count < limit else {
            throw .execution(
                "the query yields more than \(limit) series; group by fewer attributes")
        }
        numbers[key] = keys.count
        keys.append(key)
        return keys.count - 1
    }

    /// The labels of a series: those that it has a value of, and one at least.
    func labels(_ series: Int) -> [Attribute] {
        var labels: [Attribute] = []
        for (field, value) in zip(fields, keys[series]) where value != .empty {
            labels.append(Attribute(field.description, value))
        }
        if labels.isEmpty, let first = fields.first {
            labels.append(Attribute(first.description, .string("nil")))
        }
        return labels
    }
}

extension SpanTable {
    /// Bytes, arrays and maps group with what is missing.
    fileprivate func groupValue(_ cell: Cell) -> AttributeValue { value(cell) }
}
