import QueryCore
import Telemetry

/// The series of a metrics function, by the values of the grouping fields.
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

    mutating func number(_ key: [AttributeValue]) throws(QueryError) -> Int {
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
