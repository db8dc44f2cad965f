import Platform
import Store
import Synchronization
import Telemetry

/// The policies in force, which may change while the store runs.
final class SamplingSwitch: Sendable {
    private let state = Mutex<(any TraceSampling)?>(nil)

    /// `nil`: nothing is thinned.
    var policies: (any TraceSampling)? { state.withLock { $0 } }

    func replace(_ policies: (any TraceSampling)?) { state.withLock { $0 = policies } }
}

extension SQLiteTelemetryStore {
    /// Thins stored traces by these policies from now on; `nil` ends it. What was thinned stays so.
    package func sample(by policies: (any TraceSampling)?) { spans.sampling.replace(policies) }

    /// Blocks whose traces are due to be judged and have not been yet.
    package var blocksToJudge: Int {
        guard let policies = spans.sampling.policies else { return 0 }
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        return spans.blockCount { SamplingRound.isDue($0, policies, now) }
    }
}
