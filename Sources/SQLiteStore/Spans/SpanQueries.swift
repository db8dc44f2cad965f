import ColumnEncoding
import Store
import Telemetry

/// The reads of `SpanStore` on a block store of spans.
extension BlockStore where Signal == SpanSignal {
    func trace(_ id: TraceID) throws(StoreError) -> SpanBatch {
        try withSnapshot { (snapshot) throws(StoreError) in
            var fragments: [SpanBatch] = []
            let key = SpanSignal.filterKey(id)
            for block in snapshot.blocks where block.filter.contains(key) {
                // The ids alone are cheap to decode and refute most false positives.
                let found = try withBody(of: block) { bytes throws(ColumnDecodeError) in
                    let identity = try SpanBatchCodec.decode(bytes, columns: .identity)
                    return identity.traceIDs.contains(id) ? try SpanBatchCodec.decode(bytes) : nil
                }
                if let batch = found ?? nil { fragments.append(batch) }
            }
            fragments += snapshot.head.lazy.map(\.batch).filter { $0.traceIDs.contains(id) }
            return Self.gather(id, from: fragments)
        }
    }

    private static func gather(_ id: TraceID, from fragments: [SpanBatch]) -> SpanBatch {
        var merger = SpanBatchMerger()
        var rows: [SourceRow] = []
        for (source, batch) in fragments.enumerated() {
            _ = merger.add(batch)
            for row in 0..<batch.count where batch.traceIDs[row] == id {
                rows.append(SourceRow(source: source, row: row))
            }
        }
        rows = SpanDeduplication.kept(rows, of: fragments)
        rows.sort { a, b in
            let (first, second) = (
                fragments[a.source].starts[a.row], fragments[b.source].starts[b.row]
            )
            return first != second ? first < second : (a.source, a.row) < (b.source, b.row)
        }
        for row in rows { merger.append(row: row.row, of: row.source) }
        return merger.take()
    }

    func scan(
        _ predicate: SpanPredicate, in range: TimeRange,
        visit: (SpanBatch, Timestamp) -> Bool
    ) throws(StoreError) {
        try withSnapshot { (snapshot) throws(StoreError) in
            let wanted = Self.summaries(admitting: predicate, snapshot.summaries)
            var parts: [(last: Timestamp, part: ScanPart<SpanBatch>)] = []
            for head in snapshot.head
            where range.overlaps(first: head.bounds.lowerBound, last: head.bounds.upperBound) {
                parts.append((head.bounds.upperBound, .head(head.batch)))
            }
            for block in snapshot.blocks
            where range.overlaps(first: block.bounds.lowerBound, last: block.bounds.upperBound)
                && (wanted.map { wanted in block.summary.contains { wanted[Int($0)] } } ?? true)
            {
                parts.append((block.bounds.upperBound, .block(block)))
            }
            parts.sort { $0.last > $1.last }
            for (index, entry) in parts.enumerated() {
                let batch: SpanBatch? =
                    switch entry.part {
                    case .head(let batch): batch
                    case .block(let block): try self.batch(of: block)
                    }
                guard let batch else { continue }
                let rows = SpanMatcher(predicate, in: range, of: batch).matchingRows()
                let bound = index + 1 < parts.count ? parts[index + 1].last : .distantPast
                if !visit(rows.isEmpty ? SpanBatch() : batch.rows(rows), bound) { return }
            }
        }
    }

    /// Which entries of the summary table a matching span may come from; `nil` if all.
    private static func summaries(
        admitting predicate: SpanPredicate, _ table: StringTable
    ) -> [Bool]? {
        var service: String?
        var name: String?
        var kind: SpanKind?
        for condition in predicate.conditions {
            switch condition {
            case .service(let value): service = value
            case .name(let value): name = value
            case .kind(let value): kind = value
            default: break
            }
        }
        if service == nil, name == nil, kind == nil { return nil }
        return (0..<table.count).map { id in
            guard
                let summary = table.withBytes(
                    of: StringID(id), { SpanSummary(encoded: $0) })
            else { return false }
            return (service.map { $0 == summary.service } ?? true)
                && (name.map { $0 == summary.name } ?? true)
                && (kind.map { $0 == summary.kind } ?? true)
        }
    }

    func values(
        of field: SpanField, matching predicate: SpanPredicate, in range: TimeRange, limit: Int
    ) throws(StoreError) -> [String] {
        var found = Set<String>()
        if let pick = Self.summaryField(field), Self.isAnsweredBySummary(predicate) {
            try withSnapshot { (snapshot) throws(StoreError) in
                let wanted = Self.summaries(admitting: predicate, snapshot.summaries)
                var ids = Set<StringID>()
                for block in snapshot.blocks
                where range.overlaps(first: block.bounds.lowerBound, last: block.bounds.upperBound)
                {
                    for id in block.summary where wanted.map({ $0[Int(id)] }) ?? true {
                        ids.insert(id)
                    }
                }
                for id in ids {
                    let summary = snapshot.summaries.withBytes(of: id) { SpanSummary(encoded: $0) }
                    if let summary { found.insert(pick(summary)) }
                }
                for head in snapshot.head {
                    Self.collect(
                        field, SpanMatcher(predicate, in: range, of: head.batch).matchingRows(),
                        of: head.batch, into: &found)
                }
            }
        } else {
            try scan(predicate, in: range) { batch, _ in
                Self.collect(field, Array(0..<batch.count), of: batch, into: &found)
                return found.count < limit
            }
        }
        return Array(found.sorted().prefix(limit))
    }

    private static func summaryField(_ field: SpanField) -> ((SpanSummary) -> String)? {
        switch field {
        case .service: { $0.service }
        case .name: { $0.name }
        case .kind: { "\($0.kind)" }
        case .attribute, .attributeKeys: nil
        }
    }

    private static func isAnsweredBySummary(_ predicate: SpanPredicate) -> Bool {
        predicate.conditions.allSatisfy {
            switch $0 {
            case .service, .name, .kind: true
            default: false
            }
        }
    }

    private static func collect(
        _ field: SpanField, _ rows: [Int], of batch: SpanBatch, into found: inout Set<String>
    ) {
        switch field {
        case .service:
            for index in Set(rows.map { batch.resourceIndices[$0] }) {
                found.insert(batch.resource(at: index).serviceName)
            }
        case .name:
            for name in Set(rows.map { batch.names[$0] }) { found.insert(batch.strings[name]) }
        case .kind: for kind in Set(rows.map { batch.kinds[$0] }) { found.insert("\(kind)") }
        case .attribute(let scope, let key):
            for row in rows {
                for attribute in attributes(of: row, scope, batch) where attribute.key == key {
                    found.insert(attribute.value.text)
                }
            }
        case .attributeKeys(let scope):
            for row in rows {
                for attribute in attributes(of: row, scope, batch) { found.insert(attribute.key) }
            }
        }
    }

    private static func attributes(
        of row: Int, _ scope: AttributeScope, _ batch: SpanBatch
    ) -> [Attribute] {
        let span = batch.span(at: row)
        switch scope {
        case .span: return span.attributes
        case .resource: return batch.resource(at: batch.resourceIndices[row]).attributes
        case .event: return span.events.flatMap(\.attributes)
        case .scope: return batch.scope(at: batch.scopeIndices[row]).attributes
        case .link: return span.links.flatMap(\.attributes)
        case .any:
            return span.attributes + batch.resource(at: batch.resourceIndices[row]).attributes
                + span.events.flatMap(\.attributes)
                + batch.scope(at: batch.scopeIndices[row]).attributes
                + span.links.flatMap(\.attributes)
        }
    }
}
