import Telemetry

/// Numbers the distinct trace ids of a batch in order of first appearance.
///
/// Open addressing at a load factor of at most 1/2; a row of the same trace as its predecessor, the
/// usual case, is answered without a look-up.
package struct TraceIndex {
    package private(set) var distinct: [TraceID] = []
    /// The trace number of each row.
    package private(set) var ofRow: [UInt32] = []

    package init(_ ids: [TraceID]) {
        var size = 64
        while size < ids.count * 2 { size *= 2 }
        let mask = size - 1
        var distinct: [TraceID] = []
        ofRow = [UInt32](unsafeUninitializedCapacity: ids.count) { out, initialized in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: size) { slots in
                slots.initialize(repeating: 0)
                for (row, id) in ids.enumerated() {
                    if row > 0, ids[row - 1] == id {
                        out[row] = out[row - 1]
                        continue
                    }
                    var slot = Int(truncatingIfNeeded: Self.hash(id)) & mask
                    while slots[slot] != 0, distinct[Int(slots[slot] &- 1)] != id {
                        slot = (slot &+ 1) & mask
                    }
                    if slots[slot] == 0 {
                        distinct.append(id)
                        slots[slot] = UInt32(truncatingIfNeeded: distinct.count)
                    }
                    out[row] = slots[slot] &- 1
                }
            }
            initialized = ids.count
        }
        self.distinct = distinct
    }

    @inline(__always)
    static func hash(_ id: TraceID) -> UInt64 {
        let (high, low) = (id.high ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
            by: id.low ^ 0xA076_1D64_78BD_642F)
        return high ^ low ^ id.low
    }
}

extension BatchEncoder {
    /// Distinct trace ids, as high and low words, and the number of each row's.
    mutating func add(_ traces: TraceIndex, ids: TraceColumnIDs) {
        addRandom(ids.high, traces.distinct.map(\.high))
        addRandom(ids.low, traces.distinct.map(\.low))
        add(ids.count, [UInt32(truncatingIfNeeded: traces.distinct.count)])
        add(ids.ofRow, traces.ofRow)
    }
}

extension BatchDecoder {
    func traceIDs(
        _ ids: TraceColumnIDs
    ) throws(ColumnDecodeError) -> (distinct: [TraceID], ofRow: [UInt32]) {
        let count = try traceCount(ids)
        let highs = try unsignedLongs(ids.high, "trace ids, high", count: count)
        let lows = try unsignedLongs(ids.low, "trace ids, low", count: count)
        let ofRow = try indices(ids.ofRow, "trace numbers", count: rows, below: max(1, count))
        let distinct = zip(highs, lows).map { TraceID(high: $0, low: $1) }
        return (distinct, ofRow)
    }

    /// The trace ids of some rows, ascending.
    func traceIDs(
        _ ids: TraceColumnIDs, at wanted: [Int]
    ) throws(ColumnDecodeError) -> [TraceID] {
        let count = try traceCount(ids)
        let numbers = try picked(ids.ofRow, "trace numbers", count: rows, at: wanted)
        guard numbers.allSatisfy({ $0 < UInt64(max(1, count)) }) else {
            throw .corrupt(
                column: "trace numbers", offset: 0, reason: "index beyond \(count) entries")
        }
        let used = Set(numbers).sorted()
        let places = used.map { Int($0) }
        let highs = try picked(ids.high, "trace ids, high", count: count, at: places)
        let lows = try picked(ids.low, "trace ids, low", count: count, at: places)
        var found: [UInt64: TraceID] = [:]
        for (place, number) in used.enumerated() {
            found[number] = TraceID(high: highs[place], low: lows[place])
        }
        return numbers.map { found[$0, default: .invalid] }
    }

    private func traceCount(_ ids: TraceColumnIDs) throws(ColumnDecodeError) -> Int {
        let count = Int(try words(ids.count, "trace count", count: 1)[0])
        guard count <= rows, count > 0 || rows == 0 else {
            throw .corrupt(column: "trace count", offset: 0, reason: "\(count) in \(rows) rows")
        }
        return count
    }
}

/// The columns that trace ids take.
struct TraceColumnIDs {
    var count: UInt32
    var high: UInt32
    var low: UInt32
    var ofRow: UInt32
}
