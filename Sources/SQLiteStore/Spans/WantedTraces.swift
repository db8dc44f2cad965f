import Telemetry

/// The traces that are looked for among many rows: a row of another trace costs one bit.
struct WantedTraces: Sendable {
    private let ids: Set<TraceID>
    /// 4,096 bits; that of an id is the one of its low 12 bits, which senders choose at random.
    private let bits: [UInt64]

    init(_ ids: some Sequence<TraceID>) {
        self.ids = Set(ids)
        var bits = [UInt64](repeating: 0, count: 64)
        for id in self.ids { bits[Int(id.low >> 6 & 63)] |= 1 << (id.low & 63) }
        self.bits = bits
    }

    /// The rows of each wanted trace, ascending.
    func rows(of traceIDs: [TraceID]) -> [TraceID: [Int]] {
        var rows: [TraceID: [Int]] = [:]
        bits.withUnsafeBufferPointer { bits in
            for row in 0..<traceIDs.count {
                let low = traceIDs[row].low
                guard bits[Int(low >> 6 & 63)] >> (low & 63) & 1 == 1 else { continue }
                if ids.contains(traceIDs[row]) { rows[traceIDs[row], default: []].append(row) }
            }
        }
        return rows
    }
}
