import PromQL
import QueryCore
import Store
import Telemetry

/// Who calls whom, and which of the services that burn together makes the others burn.
package struct BurningServices: Sendable {
    /// Callees by caller.
    private let calls: [String: Set<String>]
    private let burning: Set<String>

    package init(calls: [String: Set<String>], burning: Set<String>) {
        self.calls = calls
        self.burning = burning
    }

    /// Reads the service graph's counters and the alerts that fire.
    /// - Parameter more: services that are known to burn besides.
    init(
        _ store: any MetricStore, at time: Int64, more: Set<String>, context: QueryContext
    ) throws(QueryError) {
        let calls = try Self.calls(store, at: time, context: context)
        var burning = more
        for labels in try Self.series("ALERTS{alertstate=\"firing\"}", store, time, context) {
            if let name = ServiceNames.candidates(labels, []).first(where: calls.services.contains)
            {
                burning.insert(name)
            }
        }
        self.init(calls: calls.callees, burning: burning)
    }

    /// The service graph of the last hour.
    static func calls(
        _ store: any MetricStore, at time: Int64, context: QueryContext
    ) throws(QueryError) -> ServiceCalls {
        var calls: [String: Set<String>] = [:]
        let edges = try series(
            "group by (client, server) (last_over_time(traces_service_graph_request_total[1h]))",
            store, time, context)
        for labels in edges {
            guard let client = labels["client"], let server = labels["server"], client != server
            else { continue }
            calls[client, default: []].insert(server)
        }
        return ServiceCalls(calls)
    }

    private static func series(
        _ query: String, _ store: any MetricStore, _ time: Int64, _ context: QueryContext
    ) throws(QueryError) -> [Labels] {
        let result = try PromQLEngine(store: store).instant(query, at: time, context: context)
        guard case .vector(_, let elements) = result.value else { return [] }
        return elements.map(\.labels)
    }

    /// The service, those that it makes burn and those that make it burn, the culprit first, then by the
    /// number of calls between; only the service itself if it burns alone.
    package func group(of service: String) -> [String] {
        guard burning.contains(service) else { return [service] }
        // Down through what burns to where nothing below burns.
        let below = reach(from: service, over: burningCallees)
        let culprits = below.keys.filter { name in
            burningCallees(name).allSatisfy {
                below[$0] != nil && reach(from: $0, over: burningCallees)[name] != nil
            }
        }
        let culprit =
            culprits.max {
                (below[$0] ?? 0, $1) < (below[$1] ?? 0, $0)
            } ?? service
        let above = reach(from: culprit, over: burningCallers)
        return above.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(\.key)
    }

    private func burningCallees(_ name: String) -> [String] {
        (calls[name] ?? []).filter { burning.contains($0) && $0 != name }.sorted()
    }

    private func burningCallers(_ name: String) -> [String] {
        burning.filter { $0 != name && calls[$0]?.contains(name) == true }.sorted()
    }

    /// The services reached, with the number of calls on the way.
    private func reach(
        from start: String, over next: (String) -> [String]
    ) -> [String: Int] {
        var depth = [start: 0]
        var queue = [start][...]
        while let name = queue.popFirst() {
            for other in next(name) where depth[other] == nil {
                depth[other] = (depth[name] ?? 0) + 1
                queue.append(other)
            }
        }
        return depth
    }
}
