import Telemetry

/// Turns the running totals into samples, one an interval and series.
///
/// A new series starts with a zero just before what it first counted arrived, so that its first increase
/// is seen. All series are written every time, changed or not: their number is bounded, and a rate over any
/// window finds the total from which it went on.
struct DerivedSamples {
    /// Written together; the longest spans win.
    private static let exemplarsMax = 100
    /// The store reads what is written of exemplars with every query of the same time, so it is not much.
    private static let exemplarPauseNanoseconds: Int64 = 300_000_000_000

    private let naming: SpanMetricNaming
    private var lastTime = Int64.min
    private var isDescribed = false
    private var exemplarsAt: Timestamp?

    init(naming: SpanMetricNaming) { self.naming = naming }

    /// - Returns: the samples, and what has begun once they are stored.
    mutating func batch(
        of state: SpanDeriver.State, at now: Timestamp
    ) -> (samples: MetricBatch, begun: SpanDeriver.Begun) {
        // After the arrival of what is counted, even if the clock was set back a little.
        let arrival = min(state.latestArrival, now.advanced(byNanoseconds: 60_000_000_000))
        let time = max(now.milliseconds, arrival.milliseconds + 1, lastTime &+ 1)
        lastTime = time
        var writer = DerivedSeriesWriter(time: time)
        if !isDescribed { describe(&writer) }
        writeGroups(state, &writer)
        writeEdges(state, &writer)
        writeUnpaired(state, &writer)
        if let begin = state.graph.droppedBegin {
            writer.startItem(labels: [], begin: state.begun.isDroppedBegun ? nil : begin)
            writer.counter(ServiceGraphName.dropped, state.graph.dropped)
        }
        let begun = SpanDeriver.Begun(
            groups: state.spans.groups.count, edges: state.graph.edges.count,
            unpaired: state.graph.unpaired.count, isDroppedBegun: state.graph.droppedBegin != nil)
        return (writer.batch, begun)
    }

    /// Whether exemplars are due; then they count as written.
    mutating func takesExemplars(at now: Timestamp) -> Bool {
        if let exemplarsAt,
            now.nanoseconds(since: exemplarsAt) < Self.exemplarPauseNanoseconds
        {
            return false
        }
        exemplarsAt = now
        return true
    }

    /// The metadata was stored with the first samples.
    mutating func noteStored() { isDescribed = true }

    private func writeGroups(
        _ state: SpanDeriver.State, _ writer: inout DerivedSeriesWriter
    ) {
        let spans = state.spans
        let bounds = naming.bounds.map(DerivedSamples.text)
        let shown = exemplars(of: state)
        for (index, group) in spans.groups.enumerated() {
            writer.startItem(
                labels: [
                    (naming.serviceLabel, group.service), ("span_kind", group.kind.label),
                    ("span_name", group.name), ("status_code", group.status.label),
                ],
                begin: index < state.begun.groups ? nil : group.begin)
            writer.counter(naming.calls, group.count)
            if let size = naming.size { writer.counter(size, group.bytes) }
            let first = index * spans.bucketCount
            let series = writer.histogram(
                naming.latency,
                .init(
                    counts: spans.buckets[first..<(first + spans.bucketCount)],
                    sum: Double(group.nanoseconds) / naming.unitNanoseconds),
                bounds: bounds)
            guard shown.contains(index), let slowest = state.slowest[index] else { continue }
            let value = Double(slowest.duration) / naming.unitNanoseconds
            let bucket = naming.bounds.firstIndex { value <= $0 } ?? naming.bounds.count
            writer.exemplar(
                series[bucket], time: slowest.arrival.milliseconds, value: value,
                trace: slowest.trace, span: slowest.span)
        }
    }

    /// The groups whose longest span is shown.
    private func exemplars(of state: SpanDeriver.State) -> Set<Int> {
        guard state.slowest.count > Self.exemplarsMax else { return Set(state.slowest.keys) }
        let longest = state.slowest.sorted { $0.value.duration > $1.value.duration }
        return Set(longest.prefix(Self.exemplarsMax).map(\.key))
    }

    private func writeEdges(
        _ state: SpanDeriver.State, _ writer: inout DerivedSeriesWriter
    ) {
        let graph = state.graph
        let bounds = ServiceGraphName.bounds.map(DerivedSamples.text)
        for (index, edge) in graph.edges.enumerated() {
            writer.startItem(
                labels: [
                    ("client", graph.services[Int(edge.client)]),
                    ("connection_type", edge.connection.label),
                    ("server", graph.services[Int(edge.server)]),
                ],
                begin: index < state.begun.edges ? nil : edge.begin)
            writer.counter(ServiceGraphName.requests, edge.requests)
            writer.counter(ServiceGraphName.failed, edge.failed)
            for (name, times) in [
                (ServiceGraphName.server, edge.serverTimes),
                (ServiceGraphName.client, edge.clientTimes),
                (ServiceGraphName.messaging, edge.messagingTimes),
            ] {
                if edge.connection != .messaging, name == ServiceGraphName.messaging { continue }
                writer.histogram(
                    name,
                    .init(counts: times.buckets[...], sum: Double(times.nanoseconds) / 1e9),
                    bounds: bounds)
            }
        }
    }

    private func writeUnpaired(
        _ state: SpanDeriver.State, _ writer: inout DerivedSeriesWriter
    ) {
        for (index, entry) in state.graph.unpaired.enumerated() {
            let service = state.graph.services[Int(entry.service)]
            writer.startItem(
                labels: [
                    ("client", entry.isServer ? "" : service),
                    ("server", entry.isServer ? service : ""),
                ],
                begin: index < state.begun.unpaired ? nil : entry.begin)
            writer.counter(ServiceGraphName.unpaired, entry.count)
        }
    }

    private func describe(_ writer: inout DerivedSeriesWriter) {
        writer.describe(naming.calls, .counter, "Spans stored.")
        writer.describe(naming.latency, .histogram, "Durations of spans.")
        if let size = naming.size {
            writer.describe(size, .counter, "Bytes of spans as OTLP protobuf.")
        }
        writer.describe(
            ServiceGraphName.requests, .counter, "Requests between services, from spans.")
        writer.describe(
            ServiceGraphName.failed, .counter, "Requests that failed on either side.")
        writer.describe(ServiceGraphName.server, .histogram, "Durations at the server.")
        writer.describe(ServiceGraphName.client, .histogram, "Durations at the client.")
        writer.describe(
            ServiceGraphName.messaging, .histogram, "From the producer's end to the consumer.")
        writer.describe(
            ServiceGraphName.unpaired, .counter, "Spans whose other side never came.")
        writer.describe(
            ServiceGraphName.dropped, .counter,
            "Spans given up before their time because too many waited for the other side.")
    }

    /// A bound as Prometheus writes it: 4.1, 10.
    static func text(_ bound: Double) -> String {
        bound == bound.rounded() ? String(Int64(bound)) : "\(bound)"
    }
}

extension SpanKind {
    fileprivate var label: String {
        switch self {
        case .unspecified: "SPAN_KIND_UNSPECIFIED"
        case .internal: "SPAN_KIND_INTERNAL"
        case .server: "SPAN_KIND_SERVER"
        case .client: "SPAN_KIND_CLIENT"
        case .producer: "SPAN_KIND_PRODUCER"
        case .consumer: "SPAN_KIND_CONSUMER"
        }
    }
}

extension SpanStatus {
    fileprivate var label: String {
        switch self {
        case .unset: "STATUS_CODE_UNSET"
        case .ok: "STATUS_CODE_OK"
        case .error: "STATUS_CODE_ERROR"
        }
    }
}
