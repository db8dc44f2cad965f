import QueryCore
import Telemetry

/// Judges one whole trace after the other.
struct TraceMatcher {
    private let expression: SpansetExpression
    private let search: TraceQLSearch
    private let shown: [Field]
    private let patterns = PatternCache()

    init(_ expression: SpansetExpression, _ search: TraceQLSearch) {
        self.expression = expression
        self.search = search
        var shown: [Field] = []
        for field in expression.fields where !shown.contains(field) && !field.isAlwaysShown {
            shown.append(field)
        }
        self.shown = shown
    }

    /// `nil` if the query yields nothing of the trace.
    func match(_ spans: SpanBatch) throws(QueryError) -> TraceMatch? {
        let table = SpanTable(spans, hasWholeTraces: true, patterns: patterns)
        guard let structure = table.trace, let trace = structure.traces.first,
            search.traceDuration.contains(trace.duration)
        else { return nil }
        let sets = try SpansetEvaluation(table, structure).sets(expression)
        guard !sets.isEmpty else { return nil }
        let services = table.column(.serviceName, Array(0..<spans.count))
        func service(_ row: Int) -> String {
            let cell = services[row]
            return cell.kind == .string ? table.text(cell.payload) : table.value(cell).text
        }
        var counts: [String: TraceMatch.Service] = [:]
        for row in 0..<spans.count {
            let isError = spans.statuses[row] == .error
            counts[service(row), default: TraceMatch.Service()].spanCount += 1
            if isError { counts[service(row)]?.errorCount += 1 }
        }
        return TraceMatch(
            id: spans.traceIDs[0], rootService: trace.root.map(service),
            rootName: trace.root.map { spans.strings[spans.names[$0]] }, start: trace.start,
            duration: trace.duration, sets: sets.map { shownSet($0, table) }, services: counts)
    }

    private func shownSet(_ set: Spanset, _ table: SpanTable) -> TraceMatch.SpanSet {
        let rows = Array(set.rows.prefix(max(0, search.spansPerSet)))
        let columns = shown.map { table.column($0, rows) }
        let spans = rows.enumerated().map { index, row in
            var attributes: [Attribute] = []
            for (field, column) in zip(shown, columns) where column[index].kind != .null {
                attributes.append(Attribute(field.shortName, table.value(column[index])))
            }
            return TraceMatch.Span(
                id: table.batch.spanIDs[row], name: table.batch.strings[table.batch.names[row]],
                start: table.batch.starts[row], duration: table.batch.durations[row],
                attributes: attributes)
        }
        return TraceMatch.SpanSet(
            spans: spans, matchedCount: set.rows.count, attributes: set.attributes)
    }
}

extension Field {
    /// Whether every answer has it in a place of its own.
    fileprivate var isAlwaysShown: Bool {
        guard case .intrinsic(let intrinsic) = kind else { return false }
        switch intrinsic {
        case .name, .duration, .traceDuration, .rootName, .rootServiceName, .traceID, .spanID:
            return true
        default: return false
        }
    }
}

extension SpansetExpression {
    /// The fields that it names, in order of appearance.
    var fields: [Field] {
        switch self {
        case .filter(let condition, _): condition.fields
        case .operation(_, let left, let right, _): left.fields + right.fields
        case .pipeline(let stages, _): stages.flatMap(\.fields)
        case .comparison(let filter): filter.left.fields + filter.right.fields
        }
    }
}

extension Stage {
    var fields: [Field] {
        switch self {
        case .spansets(let expression): expression.fields
        case .filter(let filter): filter.left.fields + filter.right.fields
        case .group(let expression, _): expression.fields
        case .select(let fields, _): fields
        case .coalesce: []
        case .aggregate(let aggregate): aggregate.operand?.fields ?? []
        }
    }
}

extension ScalarExpression {
    fileprivate var fields: [Field] {
        switch self {
        case .literal: []
        case .pipeline(let stages, _): stages.flatMap(\.fields)
        case .aggregate(let aggregate): aggregate.operand?.fields ?? []
        case .operation(_, let left, let right, _): left.fields + right.fields
        }
    }
}
