import QueryCore
import Store
import Telemetry

/// Finds the newest traces with a span that satisfies a Zipkin query.
struct ZipkinSearch {
    let store: any SpanStore
    let names: ZipkinNames
    let query: ZipkinQuery

    /// Newest matching span first, traces of equal times by id.
    func newest(_ context: QueryContext) throws -> TraceSearch.Page {
        var ranking = TraceRanking(
            limit: query.limit, page: try query.paging.page(of: query.identity))
        var isExhausted = true
        let checked = query.terms.filter { !Self.isPushed($0) }
        var fields: SpanFields = .times
        if !checked.isEmpty { fields.formUnion([.core, .attributes, .events, .rest]) }
        var failure: QueryError?
        let predicates = try predicates()
        for (number, predicate) in predicates.enumerated() {
            try store.scanSpans(predicate, in: query.range, fields: fields) { spans, bound in
                do throws(QueryError) { try context.check() } catch {
                    failure = error
                    return false
                }
                let tests = checked.map { TermTest($0, spans) }
                for row in 0..<spans.count where tests.allSatisfy({ $0.passes(row, of: spans) }) {
                    ranking.add(spans.traceIDs[row], start: spans.starts[row])
                }
                // Each predicate is scanned from the newest span on.
                if number == predicates.count - 1 { ranking.settle(below: bound) }
                guard ranking.isSettled(below: bound) else { return true }
                isExhausted = false
                return false
            }
            if let failure { throw failure }
        }
        return ranking.page(isExhausted: isExhausted)
    }

    /// A span that satisfies any of these, and the terms that are checked here, is asked for: one for
    /// each spelling in which the names are stored.
    private func predicates() throws -> [SpanPredicate] {
        var conditions: [SpanCondition] = []
        if let shortest = query.durationMin { conditions.append(.durationAtLeast(shortest)) }
        if let longest = query.durationMax { conditions.append(.durationAtMost(longest)) }
        for term in query.terms where Self.isPushed(term) {
            conditions.append(.attribute(.any, key: term.key, .text(term.value)))
        }
        var services: [String] = []
        var found = [SpanPredicate(conditions)]
        if !query.service.isEmpty {
            services = try names.services(like: query.service)
            found = Self.each(found, services.map { .service($0) })
        }
        if !query.spanName.isEmpty, !found.isEmpty {
            let spellings = try names.spanNames(like: query.spanName, of: services)
            found = Self.each(found, Set(spellings).sorted().map { .name($0) })
        }
        if !query.remoteService.isEmpty, !found.isEmpty {
            let spellings = try names.remoteServices(like: query.remoteService, of: services)
            found = Self.each(
                found,
                Set(spellings).sorted().map {
                    .attribute(.span, key: SemanticKey.peerService, .text($0))
                })
        }
        return found
    }

    private static func each(
        _ predicates: [SpanPredicate], _ alternatives: [SpanCondition]
    ) -> [SpanPredicate] {
        predicates.flatMap { predicate in
            alternatives.map { SpanPredicate(predicate.conditions + [$0]) }
        }
    }

    /// Tags that are shown but are no attributes.
    private static let derivedTags: Set<String> = [
        "error", "otel.status_code", "otel.scope.name", "otel.scope.version", "w3c.tracestate",
    ]

    /// Whether the store can answer it: a value of an attribute.
    private static func isPushed(_ term: ZipkinQuery.Term) -> Bool {
        !term.value.isEmpty && !derivedTags.contains(term.key)
    }
}

/// A term of `annotationQuery`, looked up in the words of one batch.
private struct TermTest {
    private let term: ZipkinQuery.Term
    /// `nil` if no span of the batch has the word.
    private let key: StringID?

    init(_ term: ZipkinQuery.Term, _ spans: SpanBatch) {
        self.term = term
        key = spans.strings.id(of: term.key)
    }

    func passes(_ row: Int, of spans: SpanBatch) -> Bool {
        if passesDerived(row, of: spans) { return true }
        guard let key else { return false }
        if term.value.isEmpty,
            spans.eventRange(row).contains(where: { spans.events.names[$0] == key })
        {
            return true
        }
        let resource = spans.shared.resources[Int(spans.resourceIndices[row])]
        return has(key, spans.attributes, spans.attributeRange(row), spans)
            || has(key, spans.shared.attributes, resource.attributes, spans)
    }

    private func has(
        _ key: StringID, _ columns: AttributeColumns, _ cells: Range<Int>, _ spans: SpanBatch
    ) -> Bool {
        cells.contains { cell in
            columns.keys[cell] == key
                && (term.value.isEmpty
                    || columns.value(at: cell, strings: spans.strings).text == term.value)
        }
    }

    /// By the tag that a column is shown as.
    private func passesDerived(_ row: Int, of spans: SpanBatch) -> Bool {
        let shown: String
        switch term.key {
        case "error":
            guard spans.statuses[row] == .error else { return false }
            let message = spans.strings[spans.statusMessages[row]]
            shown = message.isEmpty ? "true" : message
        case "otel.status_code":
            shown =
                switch spans.statuses[row] {
                case .unset: ""
                case .ok: "OK"
                case .error: "ERROR"
                }
        case "otel.scope.name": shown = spans.scope(at: spans.scopeIndices[row]).name
        case "otel.scope.version": shown = spans.scope(at: spans.scopeIndices[row]).version
        case "w3c.tracestate": shown = spans.strings[spans.traceStates[row]]
        default: return false
        }
        guard !shown.isEmpty else { return false }
        return term.value.isEmpty || shown == term.value
    }
}
