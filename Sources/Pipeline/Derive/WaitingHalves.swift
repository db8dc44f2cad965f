import Telemetry

/// Sides of calls that wait for the other side: a ring in the order of arrival with an open-addressed
/// index by trace and span. Nothing is allocated per span.
struct WaitingHalves: Sendable {
    struct Entry: Sendable {
        var half: CallHalf
        var arrival: Timestamp
        var isWaiting: Bool
    }

    private var ring: [Entry?] = Array(repeating: nil, count: 1_024)
    /// Place in the ring + 1; zero is free. Twice as many as the ring has places.
    private var slots = [UInt32](repeating: 0, count: 2_048)
    /// Count up; the place is the rest by the ring's size, a power of two.
    private var first = 0
    private var end = 0
    private let countMax: Int

    init(countMax: Int) {
        var size = 1_024
        while size < countMax { size *= 2 }
        self.countMax = size
    }

    /// Those that wait, oldest first.
    var entries: [Entry] {
        (first..<end).compactMap { ring[$0 & (ring.count - 1)] }.filter(\.isWaiting)
    }

    /// What became of a half.
    enum Outcome {
        /// The other side waited, and waits no longer.
        case partner(CallHalf)
        case waits
        /// It waits, and the oldest was given up because there was no room.
        case pushedOut(CallHalf)
    }

    /// Finds the other side of `half`, or lets it wait. One of the same side that waits already stays
    /// instead.
    mutating func meet(_ half: CallHalf, arrival: Timestamp) -> Outcome {
        var slot = slot(half.trace, half.span)
        if slots[slot] != 0 {
            let place = Int(slots[slot]) - 1
            guard let entry = ring[place], entry.half.isServer != half.isServer else {
                return .waits
            }
            ring[place]?.isWaiting = false
            free(slot)
            return .partner(entry.half)
        }
        var given: CallHalf?
        if end - first == ring.count {
            if ring.count < countMax { grow() } else { given = takeFirst() }
            slot = self.slot(half.trace, half.span)
        }
        let place = end & (ring.count - 1)
        ring[place] = Entry(half: half, arrival: arrival, isWaiting: true)
        slots[slot] = UInt32(place + 1)
        end += 1
        return given.map { .pushedOut($0) } ?? .waits
    }

    /// Takes out the oldest if it arrived before `horizon`.
    mutating func takeExpired(before horizon: Timestamp) -> Entry? {
        while first < end, let entry = ring[first & (ring.count - 1)] {
            guard !entry.isWaiting || entry.arrival < horizon else { return nil }
            if takeFirst() != nil { return entry }
        }
        return nil
    }

    /// The oldest, or `nil` if it was taken before.
    private mutating func takeFirst() -> CallHalf? {
        let place = first & (ring.count - 1)
        first += 1
        guard let entry = ring[place], entry.isWaiting else { return nil }
        free(slot(entry.half.trace, entry.half.span))
        ring[place]?.isWaiting = false
        return entry.half
    }

    private mutating func grow() {
        let old = (first..<end).compactMap { ring[$0 & (ring.count - 1)] }.filter(\.isWaiting)
        ring = Array(repeating: nil, count: ring.count * 2)
        slots = [UInt32](repeating: 0, count: ring.count * 2)
        first = 0
        end = 0
        for entry in old {
            ring[end] = entry
            slots[slot(entry.half.trace, entry.half.span)] = UInt32(end + 1)
            end += 1
        }
    }

    // MARK: The index

    /// Where a half is, or else the free slot where it would be.
    private func slot(_ trace: TraceID, _ span: SpanID) -> Int {
        let mask = slots.count - 1
        var position = Self.hash(trace, span) & mask
        while slots[position] != 0 {
            if let half = ring[Int(slots[position]) - 1]?.half, half.span.value == span.value,
                half.trace.low == trace.low, half.trace.high == trace.high
            {
                return position
            }
            position = (position + 1) & mask
        }
        return position
    }

    /// Frees a slot and moves up what was pushed on by it (Knuth, TAOCP 3, 6.4, algorithm R).
    private mutating func free(_ slot: Int) {
        let mask = slots.count - 1
        var hole = slot
        var position = slot
        while true {
            position = (position + 1) & mask
            guard slots[position] != 0, let half = ring[Int(slots[position]) - 1]?.half else {
                break
            }
            let home = Self.hash(half.trace, half.span) & mask
            if ((position - home) & mask) >= ((position - hole) & mask) {
                slots[hole] = slots[position]
                hole = position
            }
        }
        slots[hole] = 0
    }

    private static func hash(_ trace: TraceID, _ span: SpanID) -> Int {
        let mixed = (trace.low ^ span.value &* 0x9E37_79B9_7F4A_7C15) &* 0xC2B2_AE3D_27D4_EB4F
        return Int(truncatingIfNeeded: mixed >> 33)
    }
}
