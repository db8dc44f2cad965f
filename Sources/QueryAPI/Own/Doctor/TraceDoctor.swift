import QueryCore
import Store
import Telemetry

/// Finds out where traces break: on which edges parents are missing, and which service got a context with
/// a request and made a call without it.
struct TraceDoctor {
    /// Calls of one service to another, and how many of the callee's spans name a parent that is not there.
    struct Edge: Hashable, Sendable {
        /// "" if nothing tells who calls.
        var client: String
        var server: String
        /// Spans of the callee that name a parent in another service or one that is missing; of spans that
        /// stand for several, so many.
        var calls = 0.0
        var orphans = 0.0
        /// The trace of an orphan.
        var example: TraceID?

        var orphanRate: Double { calls == 0 ? 0 : orphans / calls }
    }

    /// A service that does not hand on the context of its requests.
    struct LostContext: Hashable, Sendable {
        var service: String
        /// The request that brought a context.
        var route: String
        /// The call that began a trace of its own meanwhile.
        var outbound: String
        var lost = 0.0
        /// Of those, the ones made while no other request was being served.
        var certain = 0.0
        /// Calls of that name and service that do have a parent.
        var forwarded = 0.0
        var headers: [String] = []
        /// The trace that the call began, and the one it belongs to.
        var exampleOutbound = TraceID.invalid
        var exampleInbound = TraceID.invalid
    }

    private(set) var edges: [Edge] = []
    private(set) var lost: [LostContext] = []
    /// Spans of `judged`; from the sample if there are many.
    private(set) var spanCount = 0.0
    /// Of those, the ones that were looked at.
    private(set) var examinedCount = 0
    /// Whether there were too many spans to look at each: calls and orphans of edges are then what a
    /// sample of traces stands for, and losses are those of `judgedCalls`.
    let isPartial: Bool
    /// The spans judged start in it.
    let judged: TimeRange
    /// The calls that are judged for their context start in it.
    let judgedCalls: TimeRange

    /// A parent that started longer before its child is looked for by its trace.
    static let marginNanoseconds: Int64 = 60_000_000_000
    /// Requests of one service looked at to find the one that a call was made in.
    private static let candidatesMax = 256

    /// - Parameters:
    ///   - range: spans that start in it are judged; parents are looked for before it, too.
    ///   - spansMax: spans held at once.
    init(
        _ store: any SpanStore, in range: TimeRange, spansMax: Int, context: QueryContext
    ) throws {
        let wide = TimeRange(
            start: range.start.advanced(byNanoseconds: -Self.marginNanoseconds), end: range.end)
        let spans = try DoctorSpans(
            store, in: wide, limits: DoctorSpans.Limits(spansMax: spansMax), context: context)
        isPartial = spans.isPartial
        judged = Self.judged(range, knownAfter: spans.readAfter)
        judgedCalls = Self.judged(judged, knownAfter: spans.recentAfter)
        try context.check()
        try findOrphans(spans, store, context)
        try context.check()
        findLostContext(spans)
    }

    /// What of a range can be judged if only spans after an instant are known: those before the middle
    /// of a short stretch serve as the margin.
    private static func judged(_ range: TimeRange, knownAfter: Timestamp?) -> TimeRange {
        guard let knownAfter, knownAfter < range.end else { return range }
        let known = range.end.nanoseconds(since: knownAfter)
        let start = knownAfter.advanced(byNanoseconds: min(marginNanoseconds, known / 2))
        return TimeRange(start: max(range.start, start), end: range.end)
    }

    /// How many losses of the whole range one that was found stands for.
    var lossWeight: Double {
        let found = Double(judgedCalls.end.nanoseconds(since: judgedCalls.start))
        let asked = Double(judged.end.nanoseconds(since: judged.start))
        return found > 0 ? max(1, asked / found) : 1
    }

    // MARK: Orphans

    private struct Callee: Hashable {
        var service: Int32
        var name: Int32
    }

    private struct Pair: Hashable {
        /// "" if unknown.
        var client: String
        var server: String
    }

    private mutating func findOrphans(
        _ spans: DoctorSpans, _ store: any SpanStore, _ context: QueryContext
    ) throws {
        var callers: [Callee: [Int32: Double]] = [:]
        var orphans: [DoctorSpans.Span] = []
        var found: [Pair: Edge] = [:]
        func edge(_ pair: Pair) -> Edge { Edge(client: pair.client, server: pair.server) }
        for span in spans.spans where judged.contains(span.start) {
            examinedCount += 1
            spanCount += Double(span.count)
            guard span.parent.isValid else { continue }
            guard let parent = spans.find(span.trace, span.parent) else {
                orphans.append(span)
                continue
            }
            guard parent.service != span.service else { continue }
            let pair = Pair(client: spans.name(parent.service), server: spans.name(span.service))
            found[pair, default: edge(pair)].calls += Double(span.count)
            callers[Callee(service: span.service, name: span.name), default: [:]][
                parent.service, default: 0] += Double(span.count)
        }
        let parents = try MissingParents(of: orphans, store, context: context)
        for span in orphans {
            var missing = Double(span.count)
            switch parents.verdict(span) {
            case .found(let service):
                let server = spans.name(span.service)
                guard service != server else { continue }
                let pair = Pair(client: service, server: server)
                found[pair, default: edge(pair)].calls += Double(span.count)
                continue
            case .missing: break
            case .notLookedFor: missing *= parents.share
            }
            // Whoever calls this operation most is who the missing parent most likely belongs to.
            let known = callers[Callee(service: span.service, name: span.name)]
            let caller = known?.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
            let pair = Pair(
                client: caller.map { spans.name($0) } ?? "", server: spans.name(span.service))
            found[pair, default: edge(pair)].calls += Double(span.count)
            found[pair]?.orphans += missing
            if missing > 0 { found[pair]?.example = span.trace }
        }
        let weight = Double(spans.weight)
        spanCount *= weight
        for pair in found.keys {
            found[pair]?.calls *= weight
            found[pair]?.orphans *= weight
        }
        edges = found.values.sorted {
            ($0.orphans, $1.client, $1.server) > ($1.orphans, $0.client, $0.server)
        }
    }

    // MARK: Context that is not handed on

    private struct Loss: Hashable {
        var service: Int32
        var route: Int32
        var outbound: Int32
    }

    private mutating func findLostContext(_ spans: DoctorSpans) {
        // Requests that brought a context, by service, by start.
        var inbound: [Int32: [DoctorSpans.Span]] = [:]
        var forwarded: [Callee: Double] = [:]
        for span in spans.recent {
            if span.isServerSide, span.parent.isValid {
                inbound[span.service, default: []].append(span)
            } else if span.isClientSide, span.parent.isValid, judgedCalls.contains(span.start) {
                forwarded[Callee(service: span.service, name: span.name), default: 0] +=
                    Double(span.count)
            }
        }
        for service in inbound.keys { inbound[service]?.sort { $0.start < $1.start } }
        var found: [Loss: LostContext] = [:]
        for call in spans.recent
        where call.isClientSide && !call.parent.isValid && judgedCalls.contains(call.start) {
            let serving = Self.serving(call, inbound[call.service, default: []])
            guard let request = serving.first else { continue }
            let loss = Loss(service: call.service, route: request.name, outbound: call.name)
            var entry =
                found[loss]
                ?? LostContext(
                    service: spans.name(call.service), route: spans.name(request.name),
                    outbound: spans.name(call.name),
                    forwarded: forwarded[
                        Callee(service: call.service, name: call.name), default: 0],
                    headers: Self.headers(of: request))
            entry.lost += Double(call.count)
            if serving.count == 1 {
                entry.certain += Double(call.count)
                entry.exampleInbound = request.trace
                entry.exampleOutbound = call.trace
            } else if entry.certain == 0 {
                entry.exampleInbound = request.trace
                entry.exampleOutbound = call.trace
            }
            found[loss] = entry
        }
        lost = found.values.sorted {
            ($0.lost, $1.service, $1.route, $1.outbound)
                > ($1.lost, $0.service, $0.route, $0.outbound)
        }
    }

    /// The requests that were being served when the call began, the one that began last first.
    private static func serving(
        _ call: DoctorSpans.Span, _ inbound: [DoctorSpans.Span]
    ) -> [DoctorSpans.Span] {
        var low = 0
        var high = inbound.count
        while low < high {
            let middle = (low + high) / 2
            if inbound[middle].start <= call.start { low = middle + 1 } else { high = middle }
        }
        let before = inbound[max(0, low - candidatesMax)..<low]
        return before.reversed().filter { call.start < $0.end && $0.trace != call.trace }
    }

    /// What the request may have brought its context in: trace ids of 128 bits come in W3C's headers and
    /// in B3's, shorter ones in B3's and Jaeger's.
    private static func headers(of request: DoctorSpans.Span) -> [String] {
        let b3 = ["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled"]
        if request.trace.high == 0 { return b3 + ["uber-trace-id"] }
        // X-Ray's ids begin with the second they were made in.
        let seconds = Int64(request.trace.high >> 32)
        let start = request.start.nanoseconds / 1_000_000_000
        if (start - 86_400...start + 60).contains(seconds) { return ["x-amzn-trace-id"] }
        return ["traceparent", "tracestate"] + b3
    }
}
