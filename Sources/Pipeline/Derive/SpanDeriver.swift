import Store
import Synchronization
import Telemetry

/// Span metrics and the service graph, from every span that is stored, before any sampling.
///
/// The state is running totals. They are exact over crashes and over retries of clients: the store shows
/// each batch once, in the order of its journal, and keeps checkpoints.
package final class SpanDeriver: SpanDerivation {
    /// The longest span of a group since exemplars were last taken.
    struct Slowest: Sendable {
        var trace: TraceID
        var span: SpanID
        /// Nanoseconds.
        var duration: Int64
        var arrival: Timestamp
    }

    struct State: Sendable {
        var spans: SpanMetricTotals
        var graph: ServiceGraphTotals
        /// By group of span metrics. Not part of checkpoints: an exemplar may be lost, a count not.
        var slowest: [Int: Slowest] = [:]
        var latestArrival = Timestamp.distantPast
        /// Groups, edges and unpaired services whose zeros have been written.
        var begun = Begun()
    }

    /// How many of each list have series that start with zero.
    struct Begun: Sendable, Hashable {
        var groups = 0
        var edges = 0
        var unpaired = 0
        var isDroppedBegun = false
    }

    package let naming: SpanMetricNaming
    let limits: DerivationLimits
    private let bounds: [Int64]
    private let state: Mutex<State>

    package init(naming: SpanMetricNaming, limits: DerivationLimits = DerivationLimits()) {
        self.naming = naming
        self.limits = limits
        bounds = naming.bounds.map { Int64(($0 * naming.unitNanoseconds).rounded()) }
        state = Mutex(SpanDeriver.empty(bounds.count + 1, limits))
    }

    private static func empty(_ bucketCount: Int, _ limits: DerivationLimits) -> State {
        State(
            spans: SpanMetricTotals(bucketCount: bucketCount, limits: limits),
            graph: ServiceGraphTotals(limits: limits))
    }

    package func prepare(_ batch: SpanBatch) -> @Sendable (_ arrival: Timestamp) -> Void {
        let fold = SpanFold(batch, bounds: bounds)
        let slowest = fold.groups.map { group in
            Slowest(
                trace: batch.traceIDs[group.slowest], span: batch.spanIDs[group.slowest],
                duration: batch.durations[group.slowest], arrival: .zero)
        }
        return { [self] arrival in
            state.withLock { $0.add(fold, slowest, arrival) }
        }
    }

    package func checkpoint() -> [UInt8] {
        let state = state.withLock { $0 }
        return DerivedCheckpoint.encode(state, bounds: bounds)
    }

    package func restore(_ checkpoint: [UInt8]) -> Bool {
        let decoded = checkpoint.withUnsafeBytes { bytes in
            DerivedCheckpoint.decode(
                bytes, into: SpanDeriver.empty(bounds.count + 1, limits), bounds: bounds)
        }
        guard let decoded else { return false }
        state.withLock { $0 = decoded }
        return true
    }

    // MARK: For who writes the samples

    /// The totals as they are, halves that waited too long given up.
    /// - Parameter exemplars: also the longest spans since they were last taken.
    func take(at now: Timestamp, exemplars: Bool) -> State {
        state.withLock { state in
            state.graph.expire(at: now)
            var taken = state
            // Else the next span would have to copy all that wait.
            taken.graph.forgetWaiting()
            if exemplars {
                state.slowest.removeAll(keepingCapacity: true)
            } else {
                taken.slowest = [:]
            }
            return taken
        }
    }

    /// Notes that the zeros of these are stored.
    func noteBegun(_ begun: Begun) { state.withLock { $0.begun = begun } }
}

extension SpanDeriver.State {
    mutating func add(
        _ fold: SpanFold, _ slowest: [SpanDeriver.Slowest], _ arrival: Timestamp
    ) {
        latestArrival = max(latestArrival, arrival)
        let begin = arrival.milliseconds - 1
        for (number, group) in fold.groups.enumerated() {
            let index = spans.add(group, of: fold, number: number, begin: begin)
            var candidate = slowest[number]
            if let known = self.slowest[index], known.duration >= candidate.duration { continue }
            candidate.arrival = arrival
            self.slowest[index] = candidate
        }
        graph.add(fold, arrival: arrival)
    }
}
