/// Request metrics of one label set, merged over the loops: what is exported and exposed.
package struct RequestSeries: Sendable, Equatable {
    /// In the order of their names.
    package var labels: [Label]
    package var count: UInt64
    package var duration: RequestHistogram
    package var requestBytes: RequestHistogram
    package var responseBytes: RequestHistogram

    package struct Label: Sendable, Hashable {
        package var name: String
        package var value: String
    }

    package func label(_ name: String) -> String? { labels.first { $0.name == name }?.value }
}

/// Turns the rows of the loops into series with Istio's standard labels
/// (istio.io/latest/docs/reference/config/metrics). What the proxy does not know is `unknown`.
struct SeriesMerger {
    let configuration: ProxyConfiguration
    private var merged: [[RequestSeries.Label]: RequestSeries] = [:]

    init(_ configuration: ProxyConfiguration) { self.configuration = configuration }

    mutating func add(_ rows: [RequestMetrics.Row], peers: [PeerTable.Peer]) {
        for row in rows {
            let labels = labels(row.key, peers)
            guard var series = merged[labels] else {
                merged[labels] = RequestSeries(
                    labels: labels, count: row.count, duration: row.duration,
                    requestBytes: row.requestBytes, responseBytes: row.responseBytes)
                continue
            }
            series.count &+= row.count
            series.duration.add(row.duration)
            series.requestBytes.add(row.requestBytes)
            series.responseBytes.add(row.responseBytes)
            merged[labels] = series
        }
    }

    var series: [RequestSeries] {
        merged.values.sorted { a, b in
            a.labels.lexicographicallyPrecedes(b.labels) { $0.value < $1.value }
        }
    }

    private func labels(_ key: RequestMetrics.Key, _ peers: [PeerTable.Peer]) -> [RequestSeries
        .Label]
    {
        let listener = configuration.listeners[Int(key.listener)]
        let cluster =
            Int(key.cluster) < configuration.clusters.count
            ? configuration.clusters[Int(key.cluster)] : nil
        let own = peer(configuration.workload)
        let isInbound = listener.direction == .inbound
        let source = isInbound ? peers[Int(key.sourcePeer)] : own
        let destination = isInbound ? own : self.destination(key, cluster, peers)
        let service =
            isInbound
            ? configuration.workload.name : cluster?.service ?? PeerTable.Peer.unknown.service
        var labels: [RequestSeries.Label] = []
        func add(_ name: String, _ value: String) {
            labels.append(RequestSeries.Label(name: name, value: value))
        }
        add("reporter", isInbound ? "destination" : "source")
        add("request_protocol", "http")
        add("response_code", String(key.status))
        add("response_flags", ResponseFlags(rawValue: key.flags).text)
        // Istio says "unknown" where the source reports: only the destination sees what it accepted.
        add("connection_security_policy", isInbound ? "none" : "unknown")
        add("destination_service", service)
        add("destination_service_name", service)
        add("destination_service_namespace", destination.namespace)
        for (side, peer) in [("source", source), ("destination", destination)] {
            add("\(side)_workload", peer.service)
            add("\(side)_workload_namespace", peer.namespace)
            add("\(side)_app", peer.service)
            add("\(side)_version", peer.version)
            add("\(side)_canonical_service", peer.service)
            add("\(side)_canonical_revision", peer.version)
            add("\(side)_principal", "unknown")
            add("\(side)_cluster", "unknown")
        }
        return labels.sorted { $0.name < $1.name }
    }

    private func destination(
        _ key: RequestMetrics.Key, _ cluster: ProxyConfiguration.Cluster?, _ peers: [PeerTable.Peer]
    ) -> PeerTable.Peer {
        if key.destinationPeer != 0 { return peers[Int(key.destinationPeer)] }
        guard let cluster else { return .unknown }
        return PeerTable.Peer(
            service: cluster.service, version: known(cluster.version),
            namespace: known(cluster.namespace))
    }

    private func peer(_ workload: ProxyConfiguration.Workload) -> PeerTable.Peer {
        PeerTable.Peer(
            service: workload.name, version: known(workload.version),
            namespace: known(workload.namespace))
    }

    private func known(_ text: String) -> String { text.isEmpty ? "unknown" : text }
}
