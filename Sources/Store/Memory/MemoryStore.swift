import Synchronization
import Telemetry

/// Keeps everything in arrays and answers by looking at all of it: slow and obviously right. It is the
/// model that other stores are compared with, and the store of tests.
///
/// Whether a pattern matches a value is the caller's to say, so that this target needs no regular
/// expressions of its own.
package final class MemoryStore: Sendable {
    package typealias PatternMatch =
        @Sendable (_ pattern: String, _ value: String) throws(StoreError)
        -> Bool

    struct State: Sendable {
        var spans = MemorySpans()
        var logs: [LogBatch] = []
        var series: [Labels: MemorySeries] = [:]
        var metadata: [String: MetricMetadata] = [:]
        var exemplars: [Labels: Set<Exemplar>] = [:]
        /// By series: starts by the time of the first sample that named them.
        var starts: [Labels: [Int64: Int64]] = [:]
        var digests: Set<ContentHash> = []
        var catalog = MemoryCatalog()
    }

    let state = Mutex(State())
    let matches: PatternMatch

    package init(matches: @escaping PatternMatch) { self.matches = matches }

    /// Applies `change` unless a batch with the same digest came before. Digests are kept for ever;
    /// other stores forget them after about ten minutes.
    func append(
        _ digest: ContentHash?, _ completion: AppendCompletion, _ change: (inout State) -> Void
    ) {
        let outcome: AppendOutcome = state.withLock { state in
            if let digest, !state.digests.insert(digest).inserted { return .duplicate }
            change(&state)
            return .stored
        }
        completion(.success(outcome))
    }
}
