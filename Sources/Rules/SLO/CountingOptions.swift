import PromQL
import QueryCore

/// How events are counted: from the first sample of a counter on, as far as it is known to be new
/// (`PromQLOptions.witnesses`).
extension ServiceLevelObjective {
    func counting(_ options: PromQLOptions) -> PromQLOptions {
        switch (counted, indicator) {
        case (let counted?, _): options.witnessed(by: [counted.error, counted.total])
        case (nil, .events(let error, let total)): options.witnessed(by: [error, total])
        case (nil, .raw(let ratio)): options.witnessed(by: [ratio])
        }
    }
}

extension EventCounter {
    func counting(_ options: PromQLOptions) -> PromQLOptions {
        options.witnessed(by: [error, total])
    }
}

extension PromQLOptions {
    fileprivate func witnessed(by queries: [WindowQuery]) -> PromQLOptions {
        var names: Set<String> = []
        for query in queries {
            do throws(QueryError) {
                names.formUnion(
                    try PromQLEngine.parse(query.text(window: 300_000)).metricNames)
            } catch {
                // It was checked when the specification was read.
                continue
            }
        }
        var options = self
        options.witnesses = names
        return options
    }
}

extension Expression {
    /// Of all selectors that name one.
    fileprivate var metricNames: Set<String> {
        switch self {
        case .vectorSelector(let node): Set([node.name].compactMap { $0 })
        case .rangeSelector(let node): Set([node.selector.name].compactMap { $0 })
        default: children.reduce(into: []) { $0.formUnion($1.metricNames) }
        }
    }
}
