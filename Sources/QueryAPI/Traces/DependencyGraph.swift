import QueryCore
import Store
import Telemetry
import WireFormats

/// Which service calls which, counted from spans and their parents.
struct DependencyGraph: Sendable {
    struct Link: Hashable, Sendable {
        var parent: String
        var child: String
    }

    private struct Place: Hashable {
        var trace: TraceID
        var span: SpanID
    }

    private struct Span {
        var place: Place
        var parent: SpanID
        var service: Int32
        var isServer: Bool
        /// How many spans it stands for.
        var count: Float
    }

    /// Calls by link.
    private var calls: [Link: Double] = [:]
    /// Whether older spans of the range were left out.
    private(set) var isPartial = false

    /// Counts over the newest `spansMax` spans that start in `range`.
    ///
    /// A call is a span whose parent belongs to another service. Of two spans with one id (Zipkin's
    /// shared spans) the client's service calls the server's.
    init(
        _ store: any SpanStore, in range: TimeRange, spansMax: Int, context: QueryContext
    ) throws {
        var spans: [Span] = []
        var services = ServiceNumbers()
        var failure: QueryError?
        var isCut = false
        try store.scanSpans(SpanPredicate(), in: range, fields: [.identity, .core]) { batch, _ in
            do throws(QueryError) { try context.check() } catch {
                failure = error
                return false
            }
            let names = services.numbers(batch)
            let counts = batch.adjustedCounts()
            for row in 0..<batch.count {
                guard spans.count < spansMax else {
                    isCut = true
                    return false
                }
                spans.append(
                    Span(
                        place: Place(trace: batch.traceIDs[row], span: batch.spanIDs[row]),
                        parent: batch.parentIDs[row],
                        service: names[Int(batch.resourceIndices[row])],
                        isServer: batch.kinds[row] == .server, count: Float(counts?[row] ?? 1)))
            }
            return true
        }
        if let failure { throw failure }
        isPartial = isCut
        count(spans, services)
    }

    private mutating func count(_ spans: [Span], _ services: ServiceNumbers) {
        var servers: [Place: Int32] = [:]
        var others: [Place: Int32] = [:]
        for span in spans {
            if span.isServer {
                servers[span.place] = span.service
            } else {
                others[span.place] = span.service
            }
        }
        for span in spans {
            let parentPlace = Place(trace: span.place.trace, span: span.parent)
            let parent: Int32? =
                if span.isServer, let client = others[span.place] {
                    client
                } else if span.parent.isValid {
                    servers[parentPlace] ?? others[parentPlace]
                } else {
                    nil
                }
            guard let parent, parent != span.service else { continue }
            let link = Link(parent: services[parent], child: services[span.service])
            calls[link, default: 0] += Double(span.count)
        }
    }

    /// Takes the counters' numbers where they are larger than those of the newest spans. With none the
    /// answer stays partial.
    mutating func complete(_ graph: ServiceGraphLinks) {
        if graph.counts.isEmpty { return }
        isPartial = false
        for (link, count) in graph.counts {
            let link = Link(parent: link.parent, child: link.child)
            calls[link] = max(calls[link, default: 0], Double(count.calls))
        }
    }

    /// By parent and child; those that touch `service` alone unless it is "".
    func links(of service: String = "") -> [(link: Link, calls: Int)] {
        calls.filter { service.isEmpty || $0.key.parent == service || $0.key.child == service }
            .map { (link: $0.key, calls: Int(min($0.value, 0x1p53).rounded())) }
            .sorted { ($0.link.parent, $0.link.child) < ($1.link.parent, $1.link.child) }
    }
}

extension DependencyGraph {
    /// `DependenciesResponse` of `api_v3` and `GetDependenciesResponse` of `api_v2`, which have the same fields.
    var protobuf: [UInt8] {
        var writer = ProtobufWriter()
        for (link, count) in links() {
            writer.message(1) {
                $0.string(1, link.parent)
                $0.string(2, link.child)
                $0.varint(3, UInt64(clamping: count))
            }
        }
        return writer.bytes
    }
}

/// Numbers instead of names, so that a span costs four bytes for its service.
private struct ServiceNumbers {
    private var names: [String] = []
    private var numberOf: [String: Int32] = [:]

    subscript(number: Int32) -> String { names[Int(number)] }

    /// The number of the service of each resource of `batch`.
    mutating func numbers(_ batch: SpanBatch) -> [Int32] {
        batch.serviceNames().map { name in
            if let known = numberOf[name] { return known }
            let number = Int32(clamping: names.count)
            names.append(name)
            numberOf[name] = number
            return number
        }
    }
}
