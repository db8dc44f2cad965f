import Telemetry

/// What a scan of spans looks for, and what the caller reads of it.
package struct SpanScan: Sendable {
    /// What is handed out together.
    package enum Unit: Sendable, Hashable {
        /// Spans that satisfy the predicate.
        case spans
        /// All spans of each trace that has a span satisfying the predicate, those of a trace one after
        /// the other by start time; of a trace of more than `spansEach` only about that many.
        case traces(spansEach: Int)
    }

    package var predicate: SpanPredicate
    /// Starts of the spans that must satisfy the predicate.
    package var range: TimeRange
    /// Columns that are not asked for may hold zeros and empty runs.
    package var fields: SpanFields
    /// Names of the attributes of spans, events and links that are read; others may be missing. `nil`: all
    /// are. It does not concern resources and scopes.
    package var attributeKeys: Set<String>?
    package var unit: Unit

    package init(
        _ predicate: SpanPredicate = SpanPredicate(), in range: TimeRange,
        fields: SpanFields = .all, attributeKeys: Set<String>? = nil, unit: Unit = .spans
    ) {
        self.predicate = predicate
        self.range = range
        self.fields = fields
        self.attributeKeys = attributeKeys
        self.unit = unit
    }

    /// The same, reading also how many spans each stands for.
    package var withAdjustedCounts: SpanScan {
        var scan = self
        if fields.isDisjoint(with: [.attributes, .events, .links]) { scan.attributeKeys = [] }
        scan.fields.insert(.attributes)
        scan.attributeKeys?.insert(SpanBatch.adjustedCountKey)
        return scan
    }
}

/// Spans that a scan has found: rows of a batch that may hold others.
package struct FoundSpans: Sendable {
    package var batch: SpanBatch
    /// Ascending.
    package var rows: [Int]
    /// Whether a trace was cut because it is too large.
    package var isCut: Bool

    package init(_ batch: SpanBatch, rows: [Int], isCut: Bool = false) {
        self.batch = batch
        self.rows = rows
        self.isCut = isCut
    }

    package init(_ batch: SpanBatch, isCut: Bool = false) {
        self.init(batch, rows: Array(0..<batch.count), isCut: isCut)
    }

    /// As a batch of their own, of which columns that are not in `fields` may hold zeros.
    package func batch(_ fields: SpanFields) -> SpanBatch {
        if rows.count == batch.count { return batch }
        guard fields.isSubset(of: .times), batch.attributes.count == 0 else {
            return batch.rows(rows)
        }
        return batch.times(rows)
    }
}

extension SpanBatch {
    /// Trace ids, starts and durations of some rows.
    fileprivate func times(_ rows: [Int]) -> SpanBatch {
        var times = SpanBatch()
        let zeros = [UInt32](repeating: 0, count: rows.count)
        times.traceIDs = rows.map { traceIDs[$0] }
        times.starts = rows.map { starts[$0] }
        times.durations = rows.map { durations[$0] }
        times.spanIDs = [SpanID](repeating: .invalid, count: rows.count)
        times.parentIDs = times.spanIDs
        times.kinds = [SpanKind](repeating: .unspecified, count: rows.count)
        times.statuses = [SpanStatus](repeating: .unset, count: rows.count)
        _ = times.append(Resource())
        _ = times.append(Scope())
        times.names = zeros
        times.statusMessages = zeros
        times.traceStates = zeros
        times.flags = zeros
        times.resourceIndices = zeros
        times.scopeIndices = zeros
        times.attributeEnds = zeros
        times.eventEnds = zeros
        times.linkEnds = zeros
        times.droppedAttributeCounts = zeros
        times.droppedEventCounts = zeros
        times.droppedLinkCounts = zeros
        return times
    }
}

/// The columns that the caller of a scan reads.
package struct SpanFields: OptionSet, Sendable, Hashable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Trace ids, starts, durations.
    package static let times = SpanFields(rawValue: 1 << 0)
    /// Trace, span and parent ids, starts, durations.
    package static let identity: SpanFields = [.times, SpanFields(rawValue: 1 << 1)]
    package static let names = SpanFields(rawValue: 1 << 2)
    package static let kinds = SpanFields(rawValue: 1 << 3)
    package static let statuses = SpanFields(rawValue: 1 << 4)
    package static let statusMessages = SpanFields(rawValue: 1 << 5)
    package static let resources = SpanFields(rawValue: 1 << 6)
    package static let scopes = SpanFields(rawValue: 1 << 7)
    /// Names, kinds, statuses, status messages, resources and scopes.
    package static let core: SpanFields = [
        .names, .kinds, .statuses, .statusMessages, .resources, .scopes,
    ]
    /// Span attributes.
    package static let attributes = SpanFields(rawValue: 1 << 8)
    package static let events = SpanFields(rawValue: 1 << 9)
    package static let links = SpanFields(rawValue: 1 << 10)
    /// Trace states, flags, dropped counts.
    package static let rest = SpanFields(rawValue: 1 << 11)
    package static let all: SpanFields = [
        .identity, .core, .attributes, .events, .links, .rest,
    ]
}

extension SpanStore {
    /// Visits the spans that satisfy `predicate` and start in `range`; columns that are not asked for may
    /// hold zeros and empty runs.
    package func scanSpans(
        _ predicate: SpanPredicate, in range: TimeRange, fields: SpanFields,
        visit: (_ matches: SpanBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        let scan = SpanScan(predicate, in: range, fields: fields)
        try scanSpans(scan, read: { $0.batch(fields) }, visit: visit)
    }

    /// On the caller's thread.
    package func scanSpans<Part: Sendable>(
        _ scan: SpanScan, read: @Sendable (FoundSpans) -> Part,
        visit: (_ part: Part, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        switch scan.unit {
        case .spans:
            try scanSpans(scan.predicate, in: scan.range) { matches, bound in
                visit(read(FoundSpans(matches)), bound)
            }
        case .traces(let spansEach):
            try scanTraces(scan, spansEach: spansEach) { visit(read($0), $1) }
        }
    }

    private func scanTraces(
        _ scan: SpanScan, spansEach: Int, visit: (FoundSpans, Timestamp) -> Bool
    ) throws(StoreError) {
        var seen = Set<TraceID>()
        var failure: StoreError?
        try scanSpans(scan.predicate, in: scan.range) { matches, bound in
            let fresh = Set(matches.traceIDs).subtracting(seen)
            seen.formUnion(fresh)
            do throws(StoreError) {
                let found = try traces(fresh.sorted(), spansEach: spansEach)
                return visit(FoundSpans(found), bound)
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
    }
}

extension FoundSpans {
    /// Whole traces, one after the other.
    package init(_ traces: [BoundedTrace]) {
        var merger = SpanBatchMerger()
        for trace in traces {
            let source = merger.add(trace.spans)
            for row in 0..<trace.spans.count { merger.append(row: row, of: source) }
        }
        self.init(merger.take(), isCut: traces.contains { $0.cutFrom != nil })
    }
}
