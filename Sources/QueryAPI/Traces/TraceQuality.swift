import QueryCore
import Store
import Telemetry

/// How well the spans of a service are made: checks of each span within its whole trace, counted.
struct TraceQuality: Sendable {
    enum Category: String, CaseIterable, Sendable {
        case connection, timing, description

        var label: String {
            switch self {
            case .connection: "Connected traces"
            case .timing: "Plausible times"
            case .description: "Telling spans"
            }
        }
    }

    /// What is looked at of a span.
    enum Check: Int, CaseIterable, Sendable {
        case parentReceived, callAnswered, idUnique, startsAfterParent, errorExplained
        case versionKnown

        var name: String {
            switch self {
            case .parentReceived: "Parent received"
            case .callAnswered: "Call answered by a span"
            case .idUnique: "Unique span id"
            case .startsAfterParent: "Starts after its parent"
            case .errorExplained: "Error explained"
            case .versionKnown: "Service version known"
            }
        }

        var description: String {
            switch self {
            case .parentReceived:
                "Spans that name a parent which is in the trace. Failures: the context was passed on, but "
                    + "the parent was not sent, was sampled away or has another trace id."
            case .callAnswered:
                "Client and producer spans with a child. Failures: the called service sends no spans, or "
                    + "the context did not reach it. Calls of databases are exempt."
            case .idUnique:
                "Spans whose id no other span of the trace has, but the other side of a call."
            case .startsAfterParent:
                "Spans that start no earlier than their parent. Failures: the clocks of two hosts differ."
            case .errorExplained: "Failed spans that have a status message or an exception event."
            case .versionKnown: "Spans whose resource has service.version."
            }
        }

        var category: Category {
            switch self {
            case .parentReceived, .callAnswered, .idUnique: .connection
            case .startsAfterParent: .timing
            case .errorExplained, .versionKnown: .description
            }
        }

        /// Its part in the score of the category.
        var weight: Double {
            switch self {
            case .parentReceived: 0.5
            case .callAnswered: 0.3
            case .idUnique: 0.2
            case .startsAfterParent: 1
            case .errorExplained, .versionKnown: 0.5
            }
        }
    }

    struct Example: Sendable {
        var trace: TraceID
        var span: SpanID
    }

    /// Of spans that stand for several, so many.
    struct Tally: Sendable {
        var passed = 0.0
        var failed = 0.0
        var exempt = 0.0
        var passedExamples: [Example] = []
        var failedExamples: [Example] = []

        private static let examplesMax = 5

        mutating func add(
            _ verdict: Bool?, count: Double, _ example: @autoclosure () -> Example
        ) {
            switch verdict {
            case nil: exempt += count
            case true?:
                passed += count
                if passedExamples.count < Self.examplesMax { passedExamples.append(example()) }
            case false?:
                failed += count
                if failedExamples.count < Self.examplesMax { failedExamples.append(example()) }
            }
        }

        mutating func add(_ other: Tally) {
            passed += other.passed
            failed += other.failed
            exempt += other.exempt
            passedExamples = Array((passedExamples + other.passedExamples).prefix(Self.examplesMax))
            failedExamples = Array((failedExamples + other.failedExamples).prefix(Self.examplesMax))
        }

        /// `nil` if nothing was judged.
        var share: Double? {
            passed + failed == 0 ? nil : passed / (passed + failed)
        }
    }

    /// By `Check.rawValue`.
    private(set) var tallies = [Tally](repeating: Tally(), count: Check.allCases.count)
    /// Spans that were looked at.
    private(set) var spanCount = 0
    /// Whether older spans of the range were not looked at.
    private(set) var isPartial = false

    subscript(check: Check) -> Tally { tallies[check.rawValue] }

    /// From 0 to 100; `nil` if nothing was judged.
    func score(_ category: Category) -> Double? {
        var (sum, weights) = (0.0, 0.0)
        for check in Check.allCases where check.category == category {
            guard let share = self[check].share else { continue }
            sum += check.weight * share
            weights += check.weight
        }
        return weights > 0 ? 100 * sum / weights : nil
    }

    /// - Parameter spansMax: the newest spans of the service are looked at, about as many.
    init(
        of service: String, _ store: any SpanStore, in range: TimeRange, spansMax: Int,
        traceSpansMax: Int, context: QueryContext
    ) throws {
        let scan = SpanScan(
            SpanPredicate([.service(service)]), in: range,
            fields: [.identity, .core, .attributes, .events],
            attributeKeys: ["db.system", "db.system.name"],
            unit: .traces(spansEach: traceSpansMax))
        var failure: QueryError?
        try store.scanSpans(scan) { found in
            QualityChecks(found.batch, service).tallies()
        } visit: { found, _ in
            do throws(QueryError) { try context.check() } catch {
                failure = error
                return false
            }
            for (index, tally) in found.tallies.enumerated() { tallies[index].add(tally) }
            spanCount += found.spanCount
            isPartial = spanCount >= spansMax
            return !isPartial
        }
        if let failure { throw failure }
    }
}

/// The checks on the spans of a service in some whole traces.
private struct QualityChecks {
    private struct Identity: Hashable {
        var trace: TraceID
        var span: SpanID
    }

    private let spans: SpanBatch
    private let isOfService: [Bool]
    private let hasVersion: [Bool]
    private var rows: [Identity: [Int]] = [:]
    private var parents: Set<Identity> = []

    init(_ spans: SpanBatch, _ service: String) {
        self.spans = spans
        isOfService = spans.serviceNames().map { $0 == service }
        let version = spans.strings.id(of: SemanticKey.serviceVersion)
        let attributes = spans.shared.attributes
        hasVersion = spans.shared.resources.map { resource in
            resource.attributes.contains { attributes.keys[$0] == version }
        }
        for row in 0..<spans.count {
            let trace = spans.traceIDs[row]
            rows[Identity(trace: trace, span: spans.spanIDs[row]), default: []].append(row)
            let parent = spans.parentIDs[row]
            if parent.isValid { parents.insert(Identity(trace: trace, span: parent)) }
        }
    }

    func tallies() -> (tallies: [TraceQuality.Tally], spanCount: Int) {
        var tallies = [TraceQuality.Tally](
            repeating: .init(), count: TraceQuality.Check.allCases.count)
        let counts = spans.adjustedCounts()
        var spanCount = 0
        for row in 0..<spans.count where isOfService[Int(spans.resourceIndices[row])] {
            spanCount += 1
            for check in TraceQuality.Check.allCases {
                tallies[check.rawValue].add(
                    verdict(check, row), count: counts?[row] ?? 1,
                    .init(trace: spans.traceIDs[row], span: spans.spanIDs[row]))
            }
        }
        return (tallies, spanCount)
    }

    /// `nil` where the check does not concern the span.
    private func verdict(_ check: TraceQuality.Check, _ row: Int) -> Bool? {
        let trace = spans.traceIDs[row]
        let own = Identity(trace: trace, span: spans.spanIDs[row])
        let parent = Identity(trace: trace, span: spans.parentIDs[row])
        switch check {
        case .parentReceived: return parent.span.isValid ? rows[parent] != nil : nil
        case .callAnswered:
            let kind = spans.kinds[row]
            guard kind == .client || kind == .producer, !isDatabaseCall(row) else { return nil }
            // A shared span (Zipkin) is answered by the other one of its id.
            return parents.contains(own) || (rows[own]?.count ?? 0) > 1
        case .idUnique:
            let kinds = (rows[own] ?? []).map { spans.kinds[$0] }
            return Set(kinds).count == kinds.count && kinds.count <= 2
        case .startsAfterParent:
            guard parent.span.isValid, let found = rows[parent]?.first, found != row else {
                return nil
            }
            return spans.starts[row] >= spans.starts[found]
        case .errorExplained:
            guard spans.statuses[row] == .error else { return nil }
            return spans.statusMessages[row] != 0
                || spans.eventRange(row).contains {
                    spans.strings[spans.events.names[$0]] == "exception"
                }
        case .versionKnown: return hasVersion[Int(spans.resourceIndices[row])]
        }
    }

    private func isDatabaseCall(_ row: Int) -> Bool {
        let keys = ["db.system", "db.system.name"].compactMap { spans.strings.id(of: $0) }
        return spans.attributeRange(row).contains { keys.contains(spans.attributes.keys[$0]) }
    }
}
