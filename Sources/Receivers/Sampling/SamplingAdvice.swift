import Platform
import Store
import Synchronization
import Telemetry

/// What clients are told how much to trace: the operator's strategies, and for adaptive ones what the
/// traces that arrive make of them.
package final class SamplingAdvice: Sendable {
    private struct State {
        var sampler = AdaptiveSampler()
        /// Monotonic nanoseconds at which the present interval began.
        var intervalStart: Int64
    }

    package let strategies: SamplingStrategies
    private let clock: any Clock
    private let state: Mutex<State>

    package init(strategies: SamplingStrategies, clock: any Clock) {
        self.strategies = strategies
        self.clock = clock
        state = Mutex(State(intervalStart: clock.monotonicNanoseconds))
    }

    /// Counts the traces that begin in a batch that has been stored.
    package func observe(_ spans: SpanBatch) {
        guard strategies.isAdaptive else { return }
        var begun: [Begin: Int] = [:]
        for row in 0..<spans.count where !spans.parentIDs[row].isValid {
            begun[
                Begin(resource: spans.resourceIndices[row], name: spans.names[row]), default: 0] +=
                1
        }
        guard !begun.isEmpty else { return }
        let named = begun.map { begin, count in
            (spans.resource(at: begin.resource).serviceName, spans.strings[begin.name], count)
        }
        state.withLock { state in
            endInterval(&state)
            for (service, operation, count) in named where target(of: service) != nil {
                state.sampler.count(count, service: service, operation: operation)
            }
        }
    }

    /// As Jaeger's clients read it.
    package func json(of service: String) -> [UInt8] {
        let probabilities = state.withLock { state in
            endInterval(&state)
            return state.sampler.probabilities(of: service)
        }
        return strategies.json(of: service, adapted: probabilities)
    }

    private struct Begin: Hashable {
        var resource: UInt32
        var name: StringID
    }

    private func target(of service: String) -> Double? {
        guard case .adaptive(let perSecond) = strategies.strategy(of: service).strategy else {
            return nil
        }
        return perSecond
    }

    private func endInterval(_ state: inout State) {
        let now = clock.monotonicNanoseconds
        let elapsed = now - state.intervalStart
        guard elapsed >= AdaptiveSampler.intervalNanoseconds else { return }
        state.intervalStart = now
        state.sampler.update(elapsedNanoseconds: elapsed) { target(of: $0) }
    }
}
