import Telemetry

/// Decides which traces stay when a store thins what it has kept for a while.
///
/// A store judges a trace over all its fragments once nothing has arrived of it for `after`, keeps it if
/// its `samplingUnit` lies below the probability of the verdict, and notes the inverse of that probability
/// on its spans (`SpanBatch.adjustedCountKey`). The unit depends on the trace id alone, so judging twice
/// changes nothing, and fragments that come later share the fate of the others.
package protocol TraceSampling: Sendable {
    /// Changes whenever verdicts may; never 0.
    var fingerprint: UInt64 { get }
    /// Nanoseconds from the arrival of a trace's last span.
    var after: Int64 { get }
    /// - Parameter seconds: how long the traffic took of which these are the traces, for bounds on rates.
    /// - Returns: a verdict for each trace.
    func judge(_ traces: [WholeTrace], seconds: Double) -> [TraceVerdict]
}

/// All spans of one trace, as rows of a batch by start time.
package struct WholeTrace: Sendable {
    package var batch: SpanBatch
    package var rows: Range<Int>

    package init(_ batch: SpanBatch, rows: Range<Int>) {
        self.batch = batch
        self.rows = rows
    }

    package init(_ batch: SpanBatch) { self.init(batch, rows: 0..<batch.count) }

    /// How many traces this one stands for: what its least thinned span says, because a span that came
    /// after its trace was judged stands for itself.
    package var adjustedCount: Double {
        guard let counts = batch.adjustedCounts() else { return 1 }
        return rows.reduce(.infinity) { min($0, counts[$1]) }
    }
}

/// What becomes of a trace.
package struct TraceVerdict: Sendable, Hashable {
    /// 0: goes, 1: stays.
    package var probability: Double
    /// Which policy says so.
    package var policy: String

    package init(probability: Double, policy: String) {
        self.probability = probability
        self.policy = policy
    }

    package func keeps(_ id: TraceID) -> Bool { id.samplingUnit < probability }
}

extension TraceID {
    /// A number from 0 up to 1 that depends on the id alone, evenly spread whatever the ids look like and
    /// independent of what samplers of clients make of the id's own bits (Steele, Lea & Flood, OOPSLA 2014:
    /// the finaliser of SplitMix64). What was kept in a file depends on it: it never changes.
    package var samplingUnit: Double {
        let bits = Self.mixed(Self.mixed(low &+ 0x9E37_79B9_7F4A_7C15) ^ high)
        return Double(bits >> 11) * 0x1p-53
    }

    private static func mixed(_ word: UInt64) -> UInt64 {
        var bits = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}
