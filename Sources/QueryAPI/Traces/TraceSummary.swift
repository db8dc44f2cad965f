import Telemetry

/// A trace in a few numbers.
struct TraceSummary: Sendable {
    struct Service: Sendable {
        var name: String
        var spanCount = 0
        var errorCount = 0
    }

    var trace: TraceID
    /// "" when the root is not there.
    var rootService = ""
    var rootOperation = ""
    var start: Timestamp
    var end: Timestamp
    var spanCount: Int
    var errorCount = 0
    /// Spans whose parent is not in the trace.
    var orphanCount = 0
    /// By name.
    var services: [Service]

    /// - Parameter spans: all of one trace, by start time, at least one.
    init(_ spans: SpanBatch) {
        trace = spans.traceIDs[0]
        spanCount = spans.count
        start = spans.starts[0]
        end = spans.end(0)
        let ids = Set(spans.spanIDs)
        let names = ServiceNames(spans)
        var services: [String: Service] = [:]
        var sawRoot = false
        for row in 0..<spans.count {
            start = min(start, spans.starts[row])
            end = max(end, spans.end(row))
            let service = names[row]
            let isError = spans.statuses[row] == .error
            services[service, default: Service(name: service)].spanCount += 1
            if isError {
                errorCount += 1
                services[service]?.errorCount += 1
            }
            let parent = spans.parentIDs[row]
            if parent.isValid {
                if !ids.contains(parent) { orphanCount += 1 }
            } else if !sawRoot {
                sawRoot = true
                rootService = service
                rootOperation = spans.strings[spans.names[row]]
            }
        }
        self.services = services.values.sorted { Labels.precedes($0.name.utf8, $1.name.utf8) }
    }
}

extension TraceSummary {
    /// - Parameter tree: of at least one span.
    init(_ id: TraceID, _ tree: TraceTree) {
        trace = id
        spanCount = tree.count
        start = tree.starts[0]
        end = start
        for row in 0..<tree.count {
            end = max(end, tree.starts[row].advanced(byNanoseconds: tree.durations[row]))
            if tree.statuses[row] == .error { errorCount += 1 }
        }
        orphanCount = tree.orphanCount
        services = tree.servicesWithCounts()
        if let root = tree.roots.first(where: { !tree.parentIDs[Int($0)].isValid }) {
            rootService = tree.service(root)
            rootOperation = tree.name(root)
        }
    }
}

/// The service of each span of a batch, looked up once a resource.
struct ServiceNames {
    private let spans: SpanBatch
    private let byResource: [String]

    init(_ spans: SpanBatch) {
        self.spans = spans
        byResource = spans.serviceNames()
    }

    subscript(row: Int) -> String { byResource[Int(spans.resourceIndices[row])] }
}
