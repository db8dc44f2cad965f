import QueryCore
import Store
import Telemetry

/// The spans of a stretch of time in few columns, found by trace and id: what the doctor looks at.
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

        var end: Timestamp { start.advanced(byNanoseconds: duration) }
        var isServerSide: Bool { kind == .server || kind == .consumer }
        var isClientSide: Bool { kind == .client || kind == .producer }
    }

    private(set) var spans: [Span] = []
    /// Services and operations that the spans refer to.
    private(set) var names: [String] = []
    /// Whether older spans of the range were left out.
    private(set) var isCut = false
    private var numberOf: [String: Int32] = [:]
    /// Row + 1 by hash of trace and id; 0 is free.
    private var slots: [Int32] = []

    /// The newest `spansMax` spans that start in `range`.
    init(
        _ store: any SpanStore, in range: TimeRange, spansMax: Int, context: QueryContext
    ) throws {
        var failure: QueryError?
        try store.scanSpans(SpanPredicate(), in: range, fields: [.identity, .core]) { batch, _ in
            do throws(QueryError) { try context.check() } catch {
                failure = error
                return false
            }
            return add(batch, spansMax)
        }
        if let failure { throw failure }
        index()
    }

    private mutating func add(_ batch: SpanBatch, _ spansMax: Int) -> Bool {
        let services = batch.serviceNames().map { number(of: $0) }
        var numbers: [StringID: Int32] = [:]
        for row in 0..<batch.count {
            guard spans.count < spansMax else {
                isCut = true
                return false
            }
            let text = batch.names[row]
            let name = numbers[text] ?? number(of: batch.strings[text])
            numbers[text] = name
            spans.append(
                Span(
                    trace: batch.traceIDs[row], span: batch.spanIDs[row],
                    parent: batch.parentIDs[row], start: batch.starts[row],
                    duration: batch.durations[row],
                    service: services[Int(batch.resourceIndices[row])], name: name,
                    kind: batch.kinds[row]))
        }
        return true
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
