import QueryCore
import Store
import Telemetry

/// Which of the parents that are not among the spans of a stretch of time are stored all the same: that of a batch job
/// or a long poll began long before its children.
struct MissingParents {
    /// Traces that are read whole, some 2 ms each; what holds for their spans is taken to hold for others'.
    private static let tracesMax = 200
    /// Of each trace.
    private static let spansMax = 10_000

    private struct Place: Hashable {
        var trace: TraceID
        var span: SpanID
    }

    private let wanted: Set<Place>
    /// The services of the parents that were found.
    private var services: [Place: String] = [:]
    private var looked: Set<TraceID> = []
    /// Traces too large to be looked through: nothing is said of them.
    private var unknown: Set<TraceID> = []
    /// The share of spans in the traces that were looked at whose parents are missing indeed.
    private(set) var share = 1.0

    enum Verdict: Equatable {
        case found(service: String)
        case missing
        /// As likely missing as `share` says.
        case notLookedFor
    }

    init(
        of spans: [DoctorSpans.Span], _ store: any SpanStore, context: QueryContext
    ) throws {
        wanted = Set(spans.map { Place(trace: $0.trace, span: $0.parent) })
        var traces: [TraceID] = []
        for span in spans where traces.count < Self.tracesMax && looked.insert(span.trace).inserted
        {
            traces.append(span.trace)
        }
        for start in stride(from: 0, to: traces.count, by: 20) {
            try context.check()
            let ids = Array(traces[start..<min(start + 20, traces.count)])
            for (id, trace) in zip(ids, try store.traces(ids, spansEach: Self.spansMax)) {
                note(trace, id)
            }
        }
        let verdicts = spans.map { verdict($0) }.filter { $0 != .notLookedFor }
        let missing = verdicts.count { $0 == .missing }
        if !verdicts.isEmpty { share = Double(missing) / Double(verdicts.count) }
    }

    private mutating func note(_ trace: BoundedTrace, _ id: TraceID) {
        if trace.cutFrom != nil { unknown.insert(id) }
        let names = trace.spans.serviceNames()
        for row in 0..<trace.spans.count {
            let place = Place(trace: id, span: trace.spans.spanIDs[row])
            guard wanted.contains(place) else { continue }
            services[place] = names[Int(trace.spans.resourceIndices[row])]
        }
    }

    func verdict(_ span: DoctorSpans.Span) -> Verdict {
        if let service = services[Place(trace: span.trace, span: span.parent)] {
            return .found(service: service)
        }
        guard looked.contains(span.trace), !unknown.contains(span.trace) else {
            return .notLookedFor
        }
        return .missing
    }
}
