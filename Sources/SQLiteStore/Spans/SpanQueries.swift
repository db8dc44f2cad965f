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
        _ predicate: SpanPredicate, in range: TimeRange, fields: SpanFields,
        visit: (SpanBatch, Timestamp) -> Bool
    ) throws(StoreError) {
        try withSnapshot { (snapshot) throws(StoreError) in
            let pruning = SpanPruning(predicate, in: range, snapshot.summaries)
            var parts = Self.headParts(of: snapshot, in: range)
            for block in snapshot.blocks where pruning.admits(block) {
                parts.append((block.bounds.upperBound, .block(block)))
            }
            parts.sort { $0.last > $1.last }
            // The newest part alone answers many searches; after it, as many at once as there are threads.
            var first = 0
            while first < parts.count {
                let wave = parts[first..<min(first + (first == 0 ? 1 : 2), parts.count)]
                let found = try Concurrently.map(wave.count) { (index) throws(StoreError) in
                    try matches(
                        predicate, in: range, of: wave[wave.startIndex + index].part, fields)
                }
                for matches in found {
                    first += 1
                    let bound = first < parts.count ? parts[first].last : .distantPast
                    if !visit(matches, bound) { return }
                }
            }
        }
    }

    /// Where a scan takes its next rows from.
    private enum Part {
        /// Neighbours of the head.
        case head([SpanBatch])
        case block(BlockInfo)
    }

    /// The head in parts of about a block's rows each: one request's batch alone is too little work to
    /// hand to a thread.
    private static func headParts(
        of snapshot: Snapshot, in range: TimeRange
    ) -> [(last: Timestamp, part: Part)] {
        var parts: [(last: Timestamp, part: Part)] = []
        var gathered: [SpanBatch] = []
        var rows = 0
        var last = Timestamp.distantPast
        func close() {
            if !gathered.isEmpty { parts.append((last, .head(gathered))) }
            (gathered, rows, last) = ([], 0, .distantPast)
        }
        for head in snapshot.head
        where range.overlaps(first: head.bounds.lowerBound, last: head.bounds.upperBound) {
            if rows + head.batch.count > 8_192 { close() }
            gathered.append(head.batch)
            rows += head.batch.count
            last = max(last, head.bounds.upperBound)
        }
        close()
        return parts
    }

    private func matches(
        _ predicate: SpanPredicate, in range: TimeRange, of part: Part, _ fields: SpanFields
    ) throws(StoreError) -> SpanBatch {
        switch part {
        case .head(let batches):
            var merger = SpanBatchMerger()
            for batch in batches {
                let rows = SpanMatcher(predicate, in: range, of: batch).matchingRows()
                guard !rows.isEmpty else { continue }
                let source = merger.add(batch)
                for row in rows { merger.append(row: row, of: source) }
            }
            return merger.take()
        case .block(let block): return try matches(predicate, in: range, of: block, fields)
        }
    }

    private func matches(
        _ predicate: SpanPredicate, in range: TimeRange, of block: BlockInfo, _ fields: SpanFields
    ) throws(StoreError) -> SpanBatch {
        let found = try withReader(of: block) { (reader) throws(ColumnDecodeError) in
            let rows = try SpanBlockMatcher.rows(predicate, in: range, of: block, reader)
            return rows.isEmpty
                ? SpanBatch() : try reader.batch(rows: rows, columns: fields.columns)
        }
        return found ?? SpanBatch()
    }

    func values(
        of field: SpanField, matching predicate: SpanPredicate, in range: TimeRange, limit: Int
    ) throws(StoreError) -> [String] {
        var found = Set<String>()
        if let pick = Self.summaryField(field), Self.isAnsweredBySummary(predicate) {
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
            try scan(predicate, in: range, fields: .all) { batch, _ in
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

extension SpanFields {
    var columns: SpanColumns {
        var columns: SpanColumns = []
        if contains(.times) { columns.insert(.times) }
        if contains(.identity) { columns.insert(.identity) }
        if contains(.core) { columns.insert(.core) }
        if contains(.attributes) { columns.insert(.attributes) }
        if contains(.events) { columns.insert(.events) }
        if contains(.links) { columns.insert(.links) }
        if contains(.rest) { columns.insert(.rest) }
        return columns
    }
}
