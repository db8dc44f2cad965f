import PromQL
import QueryCore
import Store
import Telemetry

/// How a query over a window becomes a number of events.
enum EventUnit: Hashable, Sendable {
    /// The query counts events.
    case count
    /// The query counts events a second.
    case perSecond

    /// `nil` if the query does not count events as far as can be seen: statistics need counts.
    init?(_ query: WindowQuery) {
        let expression: Expression
        do throws(QueryError) {
            expression = try PromQLEngine.parse(query.text(window: 300_000))
        } catch {
            // It was checked when the specification was read.
            return nil
        }
        guard let units = Self.units(of: expression), units.count == 1, let unit = units.first
        else { return nil }
        self = unit
    }

    /// The units of all selectors that sums, differences and renamings keep; `nil` with anything else.
    private static func units(of expression: Expression) -> Set<EventUnit>? {
        switch expression {
        case .parenthesized(let node): return units(of: node.inner)
        case .aggregation(let node) where node.operator == .sum: return units(of: node.operand)
        case .binary(let node):
            guard ["+", "-", "or"].contains(node.operator.rawValue),
                let left = units(of: node.left), let right = units(of: node.right)
            else { return nil }
            return left.union(right)
        case .call(let call):
            switch call.function.rawValue {
            case "rate", "irate": return [.perSecond]
            case "increase", "sum_over_time", "count_over_time": return [.count]
            case "label_replace", "label_join", "histogram_count", "clamp_min":
                return call.arguments.first.flatMap(units)
            // `or vector(0)` counts nothing in any unit.
            case "vector": return []
            default: return nil
            }
        default: return nil
        }
    }

    /// Of a value of the query over `window` milliseconds.
    func events(_ value: Double, window: Int64) -> Double {
        switch self {
        case .count: value
        case .perSecond: value * Double(window) / 1_000
        }
    }
}

/// Queries that count an objective's bad and all events.
package struct EventCounter: Sendable, Hashable {
    let error: WindowQuery
    let total: WindowQuery
    let unit: EventUnit

    /// Bad and all events of one series of the objective.
    package struct Count: Hashable, Sendable {
        package var bad: Double
        package var all: Double

        package init(bad: Double, all: Double) {
            self.bad = bad
            self.all = all
        }

        /// `nil` without events, which is neither good nor bad.
        package var ratio: Double? { all > 0 ? bad / all : nil }
    }

    /// `nil` if the queries do not count events.
    init?(_ objective: ServiceLevelObjective) {
        let error: WindowQuery
        let total: WindowQuery
        switch (objective.counted, objective.indicator) {
        case (let counted?, _): (error, total) = (counted.error, counted.total)
        case (nil, .events(let bad, let all)): (error, total) = (bad, all)
        case (nil, .raw): return nil
        }
        guard let unit = EventUnit(total),
            EventUnit(error) == unit
        else { return nil }
        self.error = error
        self.total = total
        self.unit = unit
    }

    /// The events in the window before `time`, both in milliseconds.
    func counts(
        over window: Int64, at time: Int64, _ engine: PromQLEngine, _ context: QueryContext
    ) throws(QueryError) -> [Labels: Count] {
        let bad = try values(error.text(window: window), at: time, engine, context)
        return try values(total.text(window: window), at: time, engine, context)
            .reduce(into: [:]) { counts, entry in
                guard entry.value > 0 else { return }
                counts[entry.key] = Count(
                    bad: max(0, unit.events(bad[entry.key] ?? 0, window: window)),
                    all: unit.events(entry.value, window: window))
            }
    }

    private func values(
        _ query: String, at time: Int64, _ engine: PromQLEngine, _ context: QueryContext
    ) throws(QueryError) -> [Labels: Double] {
        switch try engine.instant(query, at: time, context: context).value {
        case .vector(_, let elements):
            return Dictionary(
                elements.filter { !$0.value.isNaN }.map { ($0.labels, $0.value) }
            ) { $1 }
        case .scalar(_, let value): return value.isNaN ? [:] : [.empty: value]
        case .string, .matrix, .samples: return [:]
        }
    }
}
