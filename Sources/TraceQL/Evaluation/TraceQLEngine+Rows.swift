import QueryCore
import Store
import Telemetry

/// The spans that a query yields, as rows of batches: for callers that count or weigh them themselves.
package struct TraceQLRows: Sendable {
    package var query: String
    /// Starts of spans that count.
    package var range: TimeRange
    /// Columns that the caller reads, besides those that the query needs.
    package var fields: SpanFields
    /// Names of span attributes that the caller reads; `nil` for all.
    package var attributeKeys: Set<String>?

    package init(
        _ query: String, in range: TimeRange, fields: SpanFields = .all,
        attributeKeys: Set<String>? = nil
    ) {
        self.query = query
        self.range = range
        self.fields = fields
        self.attributeKeys = attributeKeys
    }
}

extension TraceQLEngine {
    /// Hands what a query of spans yields to `read`, part by part and on several threads, and what that
    /// makes of it to `visit`, on the caller's and roughly newest first, until `visit` returns false.
    /// - Parameter read: gets a batch and the rows that count, ascending.
    /// - Throws: `bad_data` for a query that is wrong or yields series; what the store and `context` throw.
    package func visitRows<Part: Sendable>(
        _ wanted: TraceQLRows, context: QueryContext,
        read: @Sendable (SpanBatch, [Int]) -> Part, visit: (Part) -> Bool
    ) throws(QueryError) {
        let expression = try Self.spansets(wanted.query)
        let judge = RowJudge(expression, wanted.range)
        let scan = scan(expression, wanted, isAlone: judge.isAlone)
        var failure: QueryError?
        do throws(StoreError) {
            try store.scanSpans(scan) { found -> Result<Part, QueryError> in
                Result { () throws(QueryError) in
                    try context.check()
                    return read(found.batch, try judge.rows(found))
                }
            } visit: { result, _ in
                do throws(QueryError) {
                    return visit(try result.get())
                } catch {
                    failure = error
                    return false
                }
            }
        } catch {
            throw QueryError(error)
        }
        if let failure { throw failure }
    }

    private func scan(
        _ expression: SpansetExpression, _ wanted: TraceQLRows, isAlone: Bool
    ) -> SpanScan {
        var scan = SpanScan(
            Driver(expression), in: wanted.range, reading: isAlone ? expression.ownFields : [],
            unit: isAlone ? .spans : .traces(spansEach: limits.traceSpansMax))
        scan.fields.formUnion(wanted.fields)
        if isAlone, let keys = wanted.attributeKeys {
            scan.attributeKeys?.formUnion(keys)
        } else {
            scan.attributeKeys = nil
            if !isAlone { scan.fields = .all }
        }
        return scan
    }
}

/// Which of the spans that the store finds a query yields.
private struct RowJudge: Sendable {
    /// Of queries that judge each span by itself.
    private let conditions: [FieldExpression]?
    private let expression: SpansetExpression
    private let range: TimeRange
    private let patterns = PatternCache()

    var isAlone: Bool { conditions != nil }

    init(_ expression: SpansetExpression, _ range: TimeRange) {
        conditions = expression.ownConditions
        self.expression = expression
        self.range = range
    }

    func rows(_ found: FoundSpans) throws(QueryError) -> [Int] {
        let table = SpanTable(
            found.batch, hasWholeTraces: conditions == nil, patterns: patterns)
        if let conditions {
            return conditions.reduce(found.rows) { table.select($1, $0) }
        }
        guard let structure = table.trace else { return [] }
        let rows = try SpansetEvaluation(table, structure).rows(expression)
        return rows.filter { range.contains(found.batch.starts[$0]) }
    }
}

extension SpansetExpression {
    /// The conditions that a span has to satisfy, if each is judged by itself.
    fileprivate var ownConditions: [FieldExpression]? {
        switch self {
        case .filter(let condition, _):
            guard condition.fields.allSatisfy({ !$0.needsTrace }) else { return nil }
            return condition.isTrue ? [] : [condition]
        case .pipeline(let stages, _): return stages.spanConditions
        case .operation, .comparison: return nil
        }
    }

    fileprivate var ownFields: [Field] { (ownConditions ?? []).flatMap(\.fields) }
}
