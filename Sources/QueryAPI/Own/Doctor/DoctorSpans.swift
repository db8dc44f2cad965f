import QueryCore
import Store
import Telemetry

/// The spans of a stretch of time in few columns, found by trace and id: what the doctor looks at,
/// bounded whatever the traffic.
struct DoctorSpans: Sendable {
    struct Span: Sendable {
        var trace: TraceID
        var span: SpanID
        var parent: SpanID
        var start: Timestamp
        /// Nanoseconds.
        var duration: Int64
        var service: Int32
        var name: Int32
        var kind: SpanKind
        /// How many spans it stands for where sampling took others out.
        var count: Float

        var end: Timestamp { start.advanced(byNanoseconds: duration) }
        var isServerSide: Bool { kind == .server || kind == .consumer }
        var isClientSide: Bool { kind == .client || kind == .producer }
    }

    /// What is held and read at most.
    struct Limits: Sendable {
        var spansMax: Int
        /// Reading goes on beyond what is held, so that what is held is a fair sample.
        var scannedMax: Int

        init(spansMax: Int) {
            self.spansMax = max(1, spansMax)
            scannedMax = max(1, spansMax) * 20
        }
    }

    /// All spans of a sample of the traces.
    private(set) var spans: [Span] = []
    /// One of so many traces is in `spans`.
    var weight: Int { Int(mask) + 1 }
    /// The newest requests that brought a context and calls, whatever their traces.
    private(set) var recent: [Span] = []
    /// Of spans that start after it all are in `recent`; `nil` if of the whole range.
    private(set) var recentAfter: Timestamp?
    /// Spans that start after it were read; `nil` if those of the whole range were.
    private(set) var readAfter: Timestamp?
    /// Services and operations that the spans refer to.
    private(set) var names: [String] = []
    /// Whether something of the range was left out.
    var isPartial: Bool { mask != 0 || recentAfter != nil || readAfter != nil }

    private let limits: Limits
    /// A trace is in the sample if these bits of its hash are zero.
    private var mask: UInt64 = 0
    private var numberOf: [String: Int32] = [:]
    /// Row + 1 by hash of trace and id; 0 is free.
    private var slots: [Int32] = []

    /// Reads the spans that start in `range`, the newest first. Where there are too many the sample of
    /// traces is halved until it fits.
    init(
        _ store: any SpanStore, in range: TimeRange, limits: Limits, context: QueryContext
    ) throws {
        self.limits = limits
        var failure: QueryError?
        var scanned = 0
        var oldest = range.end
        try store.scanSpans(SpanPredicate(), in: range, fields: [.identity, .core]) {
            batch, bound in
            do throws(QueryError) { try context.check() } catch {
                failure = error
                return false
            }
            add(batch)
            scanned += batch.count
            oldest = min(oldest, batch.starts.min() ?? oldest)
            guard scanned >= limits.scannedMax, bound > range.start else { return true }
            // What is unsealed comes in no order and may say nothing better than now.
            readAfter = bound < range.end ? bound : oldest
            return false
        }
        if let failure { throw failure }
        trimRecent(to: limits.spansMax)
        index()
    }

    private mutating func add(_ batch: SpanBatch) {
        let services = batch.serviceNames().map { number(of: $0) }
        var numbers: [StringID: Int32] = [:]
        let counts = batch.adjustedCounts()
        for row in 0..<batch.count {
            let isSampled = Self.hash(batch.traceIDs[row]) & mask == 0
            let isRecent =
                Self.tellsContext(batch.kinds[row], batch.parentIDs[row])
                && recentAfter.map { batch.starts[row] > $0 } ?? true
            guard isSampled || isRecent else { continue }
            let text = batch.names[row]
            let name = numbers[text] ?? number(of: batch.strings[text])
            numbers[text] = name
            let span = Span(
                trace: batch.traceIDs[row], span: batch.spanIDs[row],
                parent: batch.parentIDs[row], start: batch.starts[row],
                duration: batch.durations[row],
                service: services[Int(batch.resourceIndices[row])], name: name,
                kind: batch.kinds[row], count: Float(counts?[row] ?? 1))
            if isSampled {
                spans.append(span)
                if spans.count > limits.spansMax { thin() }
            }
            if isRecent {
                recent.append(span)
                if recent.count >= limits.spansMax * 2 { trimRecent(to: limits.spansMax) }
            }
        }
    }

    /// Halves the sample, again if needed: a very large trace goes as a whole or not at all.
    private mutating func thin() {
        while spans.count > limits.spansMax, mask < UInt64.max >> 40 {
            mask = mask << 1 | 1
            let mask = mask
            spans.removeAll { Self.hash($0.trace) & mask != 0 }
        }
    }

    private mutating func trimRecent(to count: Int) {
        guard recent.count > count else { return }
        recent.sort { $0.start > $1.start }
        recentAfter = recent[count].start
        recent.removeSubrange(count...)
        // Those of the same instant as the first one left out are not complete.
        while let last = recent.last, last.start == recentAfter { recent.removeLast() }
    }

    /// Whether a span is a request that brought a context, or a call.
    private static func tellsContext(_ kind: SpanKind, _ parent: SpanID) -> Bool {
        switch kind {
        case .server, .consumer: parent.isValid
        case .client, .producer: true
        case .unspecified, .internal: false
        }
    }

    private static func hash(_ trace: TraceID) -> UInt64 {
        ((trace.low ^ trace.high) &* 0x9E37_79B9_7F4A_7C15) >> 32
    }

    private mutating func number(of name: String) -> Int32 {
        if let known = numberOf[name] { return known }
        let number = Int32(clamping: names.count)
        names.append(name)
        numberOf[name] = number
        return number
    }

    // MARK: Looking

    func name(_ number: Int32) -> String { names[Int(number)] }

    /// A span by its id; of a call whose sides share an id the client's.
    func find(_ trace: TraceID, _ span: SpanID) -> Span? {
        let row = slots[slot(trace, span)]
        return row == 0 ? nil : spans[Int(row) - 1]
    }

    private mutating func index() {
        var size = 64
        while size < spans.count * 2 { size *= 2 }
        slots = [Int32](repeating: 0, count: size)
        for (row, span) in spans.enumerated() {
            let slot = slot(span.trace, span.span)
            if slots[slot] == 0 || span.isClientSide { slots[slot] = Int32(clamping: row + 1) }
        }
    }

    private func slot(_ trace: TraceID, _ span: SpanID) -> Int {
        let mask = slots.count - 1
        let mixed = (trace.low ^ span.value &* 0x9E37_79B9_7F4A_7C15) &* 0xC2B2_AE3D_27D4_EB4F
        var slot = Int(truncatingIfNeeded: mixed >> 33) & mask
        while slots[slot] != 0 {
            let other = spans[Int(slots[slot]) - 1]
            if other.trace == trace, other.span == span { return slot }
            slot = (slot + 1) & mask
        }
        return slot
    }
}
