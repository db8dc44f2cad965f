import QueryCore
import Store
import Telemetry

/// Which service calls which, as Zipkin's `DependencyLinker` counts it: each call once, at its server if
/// that reported it, else at its client under the name that the client knows; messages at both ends; and
/// how many of the calls failed.
struct ZipkinDependencies: Sendable {
    struct Link: Hashable, Sendable {
        /// In lower case.
        var parent: String
        var child: String
    }

    struct Count: Hashable, Sendable {
        var calls = 0
        var errors = 0

        init(calls: Int = 0, errors: Int = 0) {
            self.calls = calls
            self.errors = errors
        }

        /// Of spans that may stand for several.
        fileprivate init(_ calls: Double, errors: Double) {
            self.init(
                calls: Int(min(calls, 0x1p53).rounded()),
                errors: Int(min(errors, 0x1p53).rounded()))
        }
    }

    /// By parent and child.
    private(set) var links: [(link: Link, count: Count)] = []
    /// Whether older spans of the range were left out.
    private(set) var isPartial = false

    /// Counts over the newest `spansMax` spans that start in `range`.
    init(
        _ store: any SpanStore, in range: TimeRange, spansMax: Int, context: QueryContext
    ) throws {
        var reader = SpanReader()
        var failure: QueryError?
        var isCut = false
        try store.scanSpans(
            SpanPredicate(), in: range, fields: [.identity, .core, .attributes]
        ) { batch, _ in
            do throws(QueryError) { try context.check() } catch {
                failure = error
                return false
            }
            isCut = !reader.read(batch, spansMax: spansMax)
            return !isCut
        }
        if let failure { throw failure }
        isPartial = isCut
        var counter = LinkCounter(reader.spans)
        counter.count()
        links = counter.counts.map { pair, count in
            let link = Link(
                parent: reader.names[Int(pair.parent)], child: reader.names[Int(pair.child)])
            return (link: link, count: Count(count.calls, errors: count.errors))
        }
        .sorted { ($0.link.parent, $0.link.child) < ($1.link.parent, $1.link.child) }
    }

    /// Takes the counters' numbers where they are larger than those of the newest spans. With none the
    /// answer stays partial.
    mutating func complete(_ graph: ServiceGraphLinks) {
        if graph.counts.isEmpty { return }
        var all = Dictionary(links.map { ($0.link, $0.count) }) { first, _ in first }
        for (link, count) in graph.counts {
            let link = Link(parent: link.parent.lowercased(), child: link.child.lowercased())
            let known = all[link, default: Count()]
            all[link] = Count(
                calls: max(known.calls, count.calls), errors: max(known.errors, count.errors))
        }
        isPartial = false
        links = all.map { (link: $0.key, count: $0.value) }
            .sorted { ($0.link.parent, $0.link.child) < ($1.link.parent, $1.link.child) }
    }
}

/// A span as far as links need it. Services are numbers, 0 for none.
private struct LinkedSpan {
    var trace: TraceID
    var id: SpanID
    var parent: SpanID
    var kind: SpanKind
    var service: Int32
    var remoteService: Int32
    var isError: Bool
    /// How many spans it stands for.
    var count: Double
}

/// Gathers spans from batches, with numbers for names.
private struct SpanReader {
    private(set) var spans: [LinkedSpan] = []
    private(set) var names = [""]
    private var numberOf = ["": Int32(0)]

    /// False when there is no room for all.
    mutating func read(_ batch: SpanBatch, spansMax: Int) -> Bool {
        let services = batch.shared.resources.indices.map {
            number(batch.resource(at: UInt32($0)).serviceName)
        }
        let peerKey = batch.strings.id(of: SemanticKey.peerService)
        let errorKey = batch.strings.id(of: "error")
        let counts = batch.adjustedCounts()
        var numberOfText: [UInt64: Int32] = [:]
        for row in 0..<batch.count {
            guard spans.count < spansMax else { return false }
            var span = LinkedSpan(
                trace: batch.traceIDs[row], id: batch.spanIDs[row], parent: batch.parentIDs[row],
                kind: batch.kinds[row], service: services[Int(batch.resourceIndices[row])],
                remoteService: 0, isError: batch.statuses[row] == .error,
                count: counts?[row] ?? 1)
            for cell in batch.attributeRange(row) {
                let key = batch.attributes.keys[cell]
                if key == errorKey { span.isError = true }
                guard key == peerKey, batch.attributes.types[cell] == .string else { continue }
                let text = batch.attributes.payloads[cell]
                if let known = numberOfText[text] {
                    span.remoteService = known
                } else {
                    span.remoteService = number(batch.strings[StringID(truncatingIfNeeded: text)])
                    numberOfText[text] = span.remoteService
                }
            }
            spans.append(span)
        }
        return true
    }

    private mutating func number(_ name: String) -> Int32 {
        let name = name.lowercased()
        if let known = numberOf[name] { return known }
        let number = Int32(clamping: names.count)
        names.append(name)
        numberOf[name] = number
        return number
    }
}

/// Walks from each span towards its root.
private struct LinkCounter {
    struct Pair: Hashable {
        var parent: Int32
        var child: Int32
    }

    private struct Place: Hashable {
        var trace: TraceID
        var span: SpanID
    }

    private(set) var counts: [Pair: (calls: Double, errors: Double)] = [:]
    private let spans: [LinkedSpan]
    /// The span under an id, and the server's half where two processes share one.
    private var owners: [Place: Int32] = [:]
    private var servers: [Place: Int32] = [:]
    /// Ids that are a parent, and clients whose server's half is there.
    private var parents: Set<Place> = []

    /// Ancestors that are looked at; only broken traces are deeper, or go in circles.
    private static let depthMax = 1_000

    init(_ spans: [LinkedSpan]) {
        self.spans = spans
        for (index, span) in spans.enumerated() {
            let place = Place(trace: span.trace, span: span.id)
            if span.kind == .server {
                servers[place] = Int32(truncatingIfNeeded: index)
            } else {
                owners[place] = Int32(truncatingIfNeeded: index)
            }
            if span.parent.isValid {
                parents.insert(Place(trace: span.trace, span: span.parent))
            }
        }
    }

    mutating func count() {
        for (index, span) in spans.enumerated() { count(span, index) }
    }

    private mutating func count(_ span: LinkedSpan, _ index: Int) {
        let place = Place(trace: span.trace, span: span.id)
        let hasServer = span.kind == .client && servers[place] != nil
        // The server's name of a call is better than the one its client uses.
        if span.kind == .client, hasServer || parents.contains(place) { return }
        var kind = span.kind
        if kind == .internal || kind == .unspecified {
            guard span.service != 0, span.remoteService != 0 else { return }
            kind = .client
        }
        let isReceiver = kind == .server || kind == .consumer
        var parent = isReceiver ? span.remoteService : span.service
        let child = isReceiver ? span.service : span.remoteService
        var isError = span.isError
        if kind != .producer, kind != .consumer, let ancestor = ancestor(of: span, index) {
            // A client that names itself by another's name.
            if kind == .client, span.service != 0, ancestor.service != span.service {
                add(ancestor.service, span.service, span.count, isError: false)
            }
            if kind == .server || parent == 0 { parent = ancestor.service }
            let isSplit = span.parent == ancestor.id || span.id == ancestor.id
            if ancestor.kind == .client, isSplit { isError = isError || ancestor.isError }
        }
        add(parent, child, span.count, isError: isError)
    }

    private mutating func add(
        _ parent: Int32, _ child: Int32, _ number: Double, isError: Bool
    ) {
        guard parent != 0, child != 0 else { return }
        let pair = Pair(parent: parent, child: child)
        counts[pair, default: (0, 0)].calls += number
        if isError { counts[pair, default: (0, 0)].errors += number }
    }

    /// The nearest span above that took part in a call and says where it was.
    private func ancestor(of span: LinkedSpan, _ index: Int) -> LinkedSpan? {
        var current = span
        var position = Int32(truncatingIfNeeded: index)
        for _ in 0..<Self.depthMax {
            guard let next = above(current, position), Int(next) != index else { return nil }
            position = next
            current = spans[Int(next)]
            let isRemote = current.kind != .internal && current.kind != .unspecified
            if isRemote, current.service != 0 { return current }
        }
        return nil
    }

    /// Above the server's half of a shared id is the client's, above others the parent: its server's half
    /// where there is one.
    private func above(_ span: LinkedSpan, _ position: Int32) -> Int32? {
        let place = Place(trace: span.trace, span: span.id)
        if span.kind == .server, let client = owners[place], client != position { return client }
        guard span.parent.isValid, span.parent != span.id else { return nil }
        let parent = Place(trace: span.trace, span: span.parent)
        return servers[parent] ?? owners[parent]
    }
}
