import ColumnEncoding
import Store
import Telemetry

/// Scans of spans and of whole traces: newest parts first, a few at once.
extension BlockStore where Signal == SpanSignal {
    func scan<Part: Sendable>(
        _ scan: SpanScan, read: @Sendable (FoundSpans) -> Part,
        visit: (_ part: Part, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        try withSnapshot { (snapshot) throws(StoreError) in
            if case .traces(let spansEach) = scan.unit {
                try scanTraces(
                    try TraceScan(scan, spansEach: spansEach, of: self, snapshot), read, visit)
                return
            }
            var parts = Self.headParts(of: snapshot, in: scan.range)
            parts += Self.blockParts(of: snapshot, scan)
            parts.sort { $0.last > $1.last }
            try Self.inWaves(parts) { (part) throws(StoreError) in
                try matches(scan, of: part).map(read)
            } visit: { found, own, next in
                Self.visit(found, own, next, visit)
            }
        }
    }

    /// Where a scan takes its next rows from.
    enum SpanPart {
        /// Neighbours of the head.
        case head([HeadBatch<SpanBatch>])
        case block(BlockInfo)
    }

    /// A part with the latest start of a span in it.
    typealias DatedPart = (last: Timestamp, part: SpanPart)

    /// Works on parts on several threads and visits the results in order. The newest part alone answers
    /// many searches, so waves start small.
    ///
    /// - Parameter visit: gets what a part gave, the part's own bound and the next one's; false ends.
    static func inWaves<Result: Sendable>(
        _ parts: [DatedPart], _ work: @Sendable (SpanPart) throws(StoreError) -> Result,
        visit: (Result, _ own: Timestamp, _ next: Timestamp) throws(StoreError) -> Bool
    ) throws(StoreError) {
        var first = 0
        var atOnce = 1
        while first < parts.count {
            let wave = parts[first..<min(first + atOnce, parts.count)]
            let found = try Concurrently.map(wave.count) { (index) throws(StoreError) in
                try work(wave[wave.startIndex + index].part)
            }
            for result in found {
                let own = parts[first].last
                first += 1
                let next = first < parts.count ? parts[first].last : .distantPast
                if try !visit(result, own, next) { return }
            }
            atOnce = min(2 * atOnce, 4 * Concurrently.threads)
        }
    }

    /// Only behind the last piece of a part is it certain that what follows is no newer than the next part.
    static func visit<Part>(
        _ pieces: [Part], _ own: Timestamp, _ next: Timestamp,
        _ visit: (_ part: Part, _ bound: Timestamp) -> Bool
    ) -> Bool {
        for (index, piece) in pieces.enumerated() {
            guard visit(piece, index == pieces.count - 1 ? next : own) else { return false }
        }
        return true
    }

    /// The head in parts of about a block's rows each: one request's batch alone is too little work to
    /// hand to a thread.
    static func headParts(of snapshot: Snapshot, in range: TimeRange) -> [DatedPart] {
        var parts: [DatedPart] = []
        var gathered: [HeadBatch<SpanBatch>] = []
        var rows = 0
        var last = Timestamp.distantPast
        func close() {
            if !gathered.isEmpty { parts.append((last, .head(gathered))) }
            (gathered, rows, last) = ([], 0, .distantPast)
        }
        for head in snapshot.head
        where range.overlaps(first: head.bounds.lowerBound, last: head.bounds.upperBound) {
            if rows + head.batch.count > 8_192 { close() }
            gathered.append(head)
            rows += head.batch.count
            last = max(last, head.bounds.upperBound)
        }
        close()
        return parts
    }

    /// The blocks that may hold a span that the scan looks for.
    static func blockParts(of snapshot: Snapshot, _ scan: SpanScan) -> [DatedPart] {
        let pruning = SpanPruning(scan.predicate, in: scan.range, snapshot.summaries)
        return snapshot.blocks.filter { pruning.admits($0) }.map {
            ($0.bounds.upperBound, .block($0))
        }
    }

    func matches(_ scan: SpanScan, of part: SpanPart) throws(StoreError) -> [FoundSpans] {
        switch part {
        case .head(let heads):
            let matcher = SpanMatcher(scan.predicate, in: scan.range)
            return heads.compactMap { head in
                let rows = matcher.rows(of: head)
                return rows.isEmpty ? nil : FoundSpans(head.batch, rows: rows)
            }
        case .block(let block):
            let found = try withReader(of: block) {
                (reader) throws(ColumnDecodeError) -> FoundSpans? in
                let rows = try SpanBlockMatcher.rows(
                    scan.predicate, in: scan.range, of: block, reader)
                if rows.isEmpty { return nil }
                return FoundSpans(try reader.batch(rows, scan.reading(block)))
            }
            return [found ?? nil].compactMap { $0 }
        }
    }
}

extension SpanScan {
    /// What is read of a block: of one whose traces were thinned also how many spans each stands for.
    func reading(_ block: BlockInfo) -> SpanScan {
        block.history.isWeighted ? withAdjustedCounts : self
    }
}

extension SpanBlockReader {
    /// The given rows with what the scan reads of them.
    func batch(_ rows: [Int], _ scan: SpanScan) throws(ColumnDecodeError) -> SpanBatch {
        try batch(rows: rows, columns: scan.fields.columns, attributeKeys: scan.attributeKeys)
    }
}

extension SpanFields {
    var columns: SpanColumns {
        let pairs: [(SpanFields, SpanColumns)] = [
            (.times, .times), (.identity, .identity), (.core, .core), (.names, .names),
            (.kinds, .kinds), (.statuses, .statuses), (.statusMessages, .statusMessages),
            (.resources, .resources), (.scopes, .scopes), (.attributes, .attributes),
            (.events, .events), (.links, .links), (.rest, .rest),
        ]
        var columns: SpanColumns = []
        for (field, column) in pairs where contains(field) { columns.insert(column) }
        return columns
    }
}
