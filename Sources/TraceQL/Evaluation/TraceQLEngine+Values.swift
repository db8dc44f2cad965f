import QueryCore
import Store
import Telemetry

/// The names and values that queries can be made of. Collected from the newest spans of a range, as many
/// as `TraceQLLimits.listedSpansMax` says.
extension TraceQLEngine {
    /// The names of the attributes in a scope that the spans of `range` have, sorted; only of spans of
    /// which `query` holds.
    package func attributeNames(
        _ scopes: [Field.Scope], matching query: String, in range: TimeRange,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> [Field.Scope: [String]] {
        let filter = SpanFilter(query)
        if filter.condition == nil, filter.predicate.conditions.isEmpty {
            return try listedNames(scopes, in: range)
        }
        var found: [Field.Scope: Set<String>] = [:]
        let fields = scopes.reduce(SpanFields.times) { $0.union(Field($1, "x").columns) }
        var wanted = SpanScan(Driver(filter.condition), in: range, reading: [])
        wanted.fields.formUnion(fields)
        wanted.attributeKeys = nil
        try scan(wanted, filter, context: context) { table, rows in
            scopes.map { scope in
                table.batch.attributeKeys(scope, rows).map { table.batch.strings[$0] }
            }
        } take: { names in
            for (scope, names) in zip(scopes, names) {
                found[scope, default: []].formUnion(names)
            }
        }
        return found.mapValues { names in names.filter { !$0.isEmpty }.sorted() }
            .filter { !$0.value.isEmpty }
    }

    /// What the store has lists of.
    private func listedNames(
        _ scopes: [Field.Scope], in range: TimeRange
    ) throws(QueryError) -> [Field.Scope: [String]] {
        var found: [Field.Scope: [String]] = [:]
        do throws(StoreError) {
            for scope in scopes where scope != .any {
                let names = try store.spanValues(
                    of: .attributeKeys(scope.inStore), matching: SpanPredicate(), in: range,
                    limit: limits.listedNamesMax)
                // No query can ask for an attribute without a name.
                let askable = names.filter { !$0.isEmpty }
                if !askable.isEmpty { found[scope] = askable }
            }
        } catch {
            throw QueryError(error)
        }
        return found
    }

    /// The values that `field` has, sorted, at most `limit`; only of spans of which `query` holds.
    package func values(
        of field: Field, matching query: String, in range: TimeRange, limit: Int,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> [AttributeValue] {
        let filter = SpanFilter(query)
        if filter.condition == nil, let listed = try listedValues(of: field, in: range, limit) {
            return listed
        }
        if field.needsTrace {
            guard case .intrinsic(let intrinsic) = field.kind,
                intrinsic == .rootName || intrinsic == .rootServiceName
            else { return [] }
            // A root's own name is its trace's.
            let own = intrinsic == .rootName ? Field(.name) : Field.serviceName
            return try collect(own, filter, roots: true, in: range, limit, context)
        }
        return try collect(field, filter, roots: false, in: range, limit, context)
    }

    /// What the store has a list of.
    private func listedValues(
        of field: Field, in range: TimeRange, _ limit: Int
    ) throws(QueryError) -> [AttributeValue]? {
        let listed: SpanField
        if field == Field(.name) {
            listed = .name
        } else if field == .serviceName || field == Field(.any, SemanticKey.serviceName) {
            listed = .service
        } else {
            return nil
        }
        do throws(StoreError) {
            return try store.spanValues(
                of: listed, matching: SpanPredicate(), in: range, limit: limit
            ).filter { !$0.isEmpty }.map { .string($0) }
        } catch {
            throw QueryError(error)
        }
    }

    private func collect(
        _ field: Field, _ filter: SpanFilter, roots: Bool, in range: TimeRange, _ limit: Int,
        _ context: QueryContext
    ) throws(QueryError) -> [AttributeValue] {
        var found: Set<AttributeValue> = []
        var scan = SpanScan(Driver(filter.condition), in: range, reading: [field])
        if roots { scan.predicate.conditions.append(.root) }
        if case .attribute(let scope, let name) = field.kind {
            scan.predicate.conditions.append(.attribute(scope.inStore, key: name, .exists))
        }
        try self.scan(scan, filter, context: context) { table, rows in
            let column = table.column(field, rows)
            var cells = CellNumbers()
            if case .repeated(let all, _) = column {
                for cell in all { _ = cells.number(0, cell) }
            } else {
                for index in rows.indices { _ = cells.number(0, column[index]) }
            }
            let distinct = cells.pairs.flatMap {
                $0.cell.kind == .list ? table.elements($0.cell) : [$0.cell]
            }
            return distinct.filter { $0.kind != .null && $0.kind != .other }
                .prefix(limit).map { table.value($0) }
        } take: { values in
            for value in values where found.count < limit { found.insert(value) }
        }
        return found.sorted { $0.text < $1.text }
    }

    /// Visits the newest spans of which the filter holds: `read` on several threads.
    private func scan<Part: Sendable>(
        _ scan: SpanScan, _ filter: SpanFilter, context: QueryContext,
        read: @Sendable (SpanTable, [Int]) -> Part, take: (Part) -> Void
    ) throws(QueryError) {
        var left = limits.listedSpansMax
        var failure: QueryError?
        let patterns = PatternCache()
        do throws(StoreError) {
            try store.scanSpans(scan) { found -> (Part, Int) in
                let table = SpanTable(found.batch, hasWholeTraces: false, patterns: patterns)
                let rows = filter.condition.map { table.select($0, found.rows) } ?? found.rows
                return (read(table, rows), found.rows.count)
            } visit: { part, _ in
                do throws(QueryError) { try context.check() } catch {
                    failure = error
                    return false
                }
                take(part.0)
                left -= part.1
                return left > 0
            }
        } catch {
            throw QueryError(error)
        }
        if let failure { throw failure }
    }
}

/// What a list is restricted to. A query that is not finished, as an editor sends it, restricts nothing.
private struct SpanFilter: Sendable {
    var condition: FieldExpression?
    var predicate = SpanPredicate()

    init(_ query: String) {
        guard !query.isEmpty else { return }
        do throws(QueryError) {
            let driver = Driver(try TraceQLEngine.spansets(query))
            condition = driver.condition
            predicate = driver.predicate
        } catch {
            condition = nil
        }
    }
}

extension SpanBatch {
    /// The names of attributes in `scope`, of the spans at `rows`.
    func attributeKeys(_ scope: Field.Scope, _ rows: [Int]) -> Set<StringID> {
        var keys: Set<StringID> = []
        func add(_ columns: AttributeColumns, _ cells: Range<Int>) {
            for cell in cells { keys.insert(columns.keys[cell]) }
        }
        switch scope {
        case .resource:
            for index in Set(rows.map { resourceIndices[$0] }) {
                add(shared.attributes, shared.resources[Int(index)].attributes)
            }
        case .instrumentation:
            for index in Set(rows.map { scopeIndices[$0] }) {
                add(shared.attributes, shared.scopes[Int(index)].attributes)
            }
        case .span: for row in rows { add(attributes, attributeRange(row)) }
        case .event:
            for row in rows {
                for event in eventRange(row) {
                    add(events.attributes, events.attributeRange(event))
                }
            }
        case .link:
            for row in rows {
                for link in linkRange(row) { add(links.attributes, links.attributeRange(link)) }
            }
        case .any: break
        }
        return keys
    }
}
