import ColumnEncoding
import Store
import Synchronization
import Telemetry

/// The reads of `SpanStore` on a block store of spans.
extension BlockStore where Signal == SpanSignal {
    func trace(_ id: TraceID) throws(StoreError) -> SpanBatch {
        try traces([id], spansEach: .max)[0].spans
    }

    /// Each trace over all its fragments. A block is read once, whichever of them it holds.
    func traces(_ ids: [TraceID], spansEach: Int) throws(StoreError) -> [BoundedTrace] {
        let keys = Set(ids).map { (id: $0, key: SpanSignal.filterKey($0)) }
        return try withSnapshot { (snapshot) throws(StoreError) in
            var possible: [(block: BlockInfo, ids: Set<TraceID>)] = []
            for block in snapshot.blocks {
                let some = keys.filter { block.filter.contains($0.key) }
                if !some.isEmpty { possible.append((block, Set(some.map(\.id)))) }
            }
            let places = possible
            var allowance = TraceAllowance(spansEach: spansEach)
            var fragments: [SpanBatch] = []
            // In steps where traces are bounded: of a large one no more is read than a step too much.
            let atOnce = spansEach == .max ? max(1, places.count) : 8
            for first in stride(from: 0, to: places.count, by: atOnce) {
                let last = min(first + atOnce, places.count)
                let known = allowance
                let found = try Concurrently.map(last - first) {
                    (index) throws(StoreError) -> TraceAllowance.Found? in
                    let place = places[first + index]
                    return try withReader(of: place.block) { reader throws(ColumnDecodeError) in
                        let rows = try reader.rows(of: place.ids)
                        let wanted = known.cut(rows)
                        return TraceAllowance.Found(
                            counts: rows.mapValues(\.count),
                            spans: wanted.isEmpty ? nil : try reader.batch(rows: wanted))
                    }
                }
                for part in found {
                    guard let part else { continue }
                    allowance.take(part.counts)
                    if let spans = part.spans { fragments.append(spans) }
                }
            }
            let inHead = WantedTraces(ids)
            for head in snapshot.head {
                let rows = inHead.rows(of: head.batch.traceIDs)
                guard !rows.isEmpty else { continue }
                let wanted = allowance.cut(rows)
                allowance.take(rows.mapValues(\.count))
                if !wanted.isEmpty { fragments.append(head.batch.rows(wanted)) }
            }
            return ids.map { allowance.bounded($0, Self.gather($0, from: fragments)) }
        }
    }

    /// Reads columns of a block; `nil` (counted and logged) if it is missing or damaged.
    func withReader<T>(
        of block: BlockInfo, _ body: (SpanBlockReader) throws(ColumnDecodeError) -> T
    ) throws(StoreError) -> T? {
        let known = readers.take(block)
        guard let reader = known == nil ? try open(block) : known else { return nil }
        do throws(ColumnDecodeError) {
            let result = try body(reader)
            readers.put(reader, of: block)
            return result
        } catch {
            reportDamage(of: block, error.description)
            return nil
        }
    }

    private func open(_ block: BlockInfo) throws(StoreError) -> SpanBlockReader? {
        try withBody(of: block) { bytes throws(ColumnDecodeError) in
            let isVerified = block.isVerified.load(ordering: .relaxed)
            let reader = try SpanBlockReader(copying: bytes, isVerified: isVerified)
            if !isVerified { block.isVerified.store(true, ordering: .relaxed) }
            return reader
        }
    }

    static func gather(_ id: TraceID, from fragments: [SpanBatch]) -> SpanBatch {
        let fragments = fragments.filter { $0.traceIDs.contains(id) }
        var merger = SpanBatchMerger()
        var rows: [SourceRow] = []
        for (source, batch) in fragments.enumerated() {
            _ = merger.add(batch)
            for row in 0..<batch.count where batch.traceIDs[row] == id {
                rows.append(SourceRow(source: source, row: row))
            }
        }
        rows = SpanDeduplication.kept(rows[...], of: fragments)
        rows.sort { a, b in
            let (first, second) = (
                fragments[a.source].starts[a.row], fragments[b.source].starts[b.row]
            )
            return first != second ? first < second : (a.source, a.row) < (b.source, b.row)
        }
        for row in rows { merger.append(row: row.row, of: row.source) }
        return merger.take()
    }

    func values(
        of field: SpanField, matching predicate: SpanPredicate, in range: TimeRange, limit: Int
    ) throws(StoreError) -> [String] {
        var found = Set<String>()
        if let pick = Self.summaryField(field), try isAnsweredBySummary(field, predicate, range) {
            try withSnapshot { (snapshot) throws(StoreError) in
                let wanted = SpanPruning.admitted(by: predicate, snapshot.summaries)
                var ids = Set<StringID>()
                for block in snapshot.blocks
                where range.overlaps(first: block.bounds.lowerBound, last: block.bounds.upperBound)
                {
                    for id in block.summary where wanted.map({ $0[Int(id)] }) ?? true {
                        ids.insert(id)
                    }
                }
                if ids.remove(BlockInfo.unnamed) != nil { found.insert(Self.unnamed) }
                for id in ids {
                    let summary = snapshot.summaries.withBytes(of: id) { SpanSummary(encoded: $0) }
                    if let summary { found.insert(pick(summary)) }
                }
                let matcher = SpanMatcher(predicate, in: range)
                for head in snapshot.head {
                    guard found.count < SpanSignal.summariesMax else {
                        found.insert(Self.unnamed)
                        break
                    }
                    Self.collect(field, matcher.rows(of: head), of: head.batch, into: &found)
                }
            }
        } else if case .attributeKeys(let scope) = field, predicate.conditions.isEmpty {
            found = try attributeKeys(scope, in: range)
        } else {
            let wanted = SpanScan(
                predicate, in: range, fields: field.fields, attributeKeys: field.attributeKeys)
            try scan(wanted) { spans in
                var found = Set<String>()
                Self.collect(field, spans.rows, of: spans.batch, into: &found)
                return found
            } visit: { some, _ in
                found.formUnion(some)
                return found.count < limit
            }
        }
        return Array(found.sorted().prefix(limit))
    }

    /// The names of attributes, from the dictionaries of blocks that lie in the range as a whole.
    private func attributeKeys(
        _ scope: AttributeScope, in range: TimeRange
    ) throws(StoreError) -> Set<String> {
        var found = Set<String>()
        let scan = SpanScan(in: range, fields: SpanField.attributeKeys(scope).fields)
        try withSnapshot { (snapshot) throws(StoreError) in
            let parts =
                Self.headParts(of: snapshot, in: range) + Self.blockParts(of: snapshot, scan)
            try Self.inWaves(parts) { (part) throws(StoreError) -> Set<String> in
                var keys = Set<String>()
                if case .block(let block) = part, range.contains(block.bounds.lowerBound),
                    range.contains(block.bounds.upperBound)
                {
                    let listed = try withReader(of: block) { reader throws(ColumnDecodeError) in
                        try reader.attributeKeys(scope.places)
                    }
                    return Set(listed ?? [])
                }
                for spans in try matches(scan, of: part) {
                    AttributeListing(spans.batch, spans.rows).keys(scope, &keys)
                }
                return keys
            } visit: { keys, _, _ in
                found.formUnion(keys)
                return true
            }
        }
        return found
    }

    private static func summaryField(_ field: SpanField) -> ((SpanSummary) -> String)? {
        switch field {
        case .service: { $0.service }
        case .name: { $0.name }
        case .kind: { "\($0.kind)" }
        case .attribute, .attributeKeys: nil
        }
    }

    /// Stands in a list for names beyond those that are remembered.
    private static var unnamed: String { "__overflow__" }

    /// Where a block has names that are not remembered, a list of all services or names is short of them,
    /// and any other one is read from the spans.
    private func isAnsweredBySummary(
        _ field: SpanField, _ predicate: SpanPredicate, _ range: TimeRange
    ) throws(StoreError) -> Bool {
        let isNamed = predicate.conditions.allSatisfy {
            switch $0 {
            case .service, .name, .kind: true
            default: false
            }
        }
        guard isNamed else { return false }
        if predicate.conditions.isEmpty, field != .kind { return true }
        return try withSnapshot { (snapshot) throws(StoreError) in
            !snapshot.blocks.contains { block in
                block.summary.first == BlockInfo.unnamed
                    && range.overlaps(first: block.bounds.lowerBound, last: block.bounds.upperBound)
            }
        }
    }

    private static func collect(
        _ field: SpanField, _ rows: [Int], of batch: SpanBatch, into found: inout Set<String>
    ) {
        switch field {
        case .service:
            var isThere = [Bool](repeating: false, count: batch.shared.resources.count)
            for row in rows { isThere[Int(batch.resourceIndices[row])] = true }
            for (service, isThere) in zip(batch.serviceNames(), isThere) where isThere {
                found.insert(service)
            }
        case .name:
            var isThere = [Bool](repeating: false, count: batch.strings.count)
            for row in rows { isThere[Int(batch.names[row])] = true }
            for (name, isThere) in isThere.enumerated() where isThere {
                found.insert(batch.strings[StringID(name)])
            }
        case .kind: for kind in Set(rows.map { batch.kinds[$0] }) { found.insert("\(kind)") }
        case .attribute(let scope, let key): AttributeListing(batch, rows).texts(scope, key, &found)
        case .attributeKeys(let scope): AttributeListing(batch, rows).keys(scope, &found)
        }
    }
}

extension SpanField {
    /// The columns that it is read from.
    fileprivate var fields: SpanFields {
        switch self {
        case .service: .resources
        case .name: .names
        case .kind: .kinds
        case .attribute(let scope, _), .attributeKeys(let scope):
            switch scope {
            case .any: [.attributes, .resources, .scopes, .events, .links]
            case .span: .attributes
            case .resource: .resources
            case .scope: .scopes
            case .event: .events
            case .link: .links
            }
        }
    }

    fileprivate var attributeKeys: Set<String>? {
        switch self {
        case .attribute(_, let key): [key]
        case .attributeKeys: nil
        case .service, .name, .kind: []
        }
    }
}
