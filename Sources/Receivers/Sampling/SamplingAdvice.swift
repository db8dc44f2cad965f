import Platform
import Store
import Synchronization
import Telemetry

/// What clients are told how much to trace: the operator's strategies, and for adaptive ones what the
/// traces that arrive make of them.
package final class SamplingAdvice: Sendable {
    private struct State {
        var strategies: SamplingStrategies
        var isAdaptive: Bool
        var sampler: AdaptiveSampler
        /// Monotonic nanoseconds at which the present interval began.
        var intervalStart: Int64

        init(_ strategies: SamplingStrategies, _ sampler: AdaptiveSampler, intervalStart: Int64) {
            self.sampler = sampler
            self.strategies = strategies
            isAdaptive = strategies.isAdaptive
            self.intervalStart = intervalStart
        }
    }

    private let clock: any Clock
    private let state: Mutex<State>

    /// - Parameter learnt: what `learnt` said when it was asked last.
    package init(
        strategies: SamplingStrategies, clock: any Clock,
        learnt: [String: [String: Double]] = [:]
    ) {
        self.clock = clock
        state = Mutex(
            State(
                strategies, AdaptiveSampler(learnt: learnt),
                intervalStart: clock.monotonicNanoseconds))
    }

    /// The probabilities that follow the traffic, by service and operation: what should outlive a restart.
    package var learnt: [String: [String: Double]] {
        state.withLock { state in
            endInterval(&state)
            return state.sampler.learnt
        }
    }

    package var strategies: SamplingStrategies { state.withLock { $0.strategies } }

    /// Takes strategies in place of the present ones. What has been learnt of the traffic stays.
    package func replace(_ strategies: SamplingStrategies) {
        state.withLock { state in
            state.strategies = strategies
            state.isAdaptive = strategies.isAdaptive
        }
    }

    /// Counts the traces that begin in a batch that has been stored.
    package func observe(_ spans: SpanBatch) {
        guard state.withLock({ $0.isAdaptive }) else { return }
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
            for (service, operation, count) in named
            where state.strategies.adaptiveTarget(of: service) != nil {
                state.sampler.count(count, service: service, operation: operation)
            }
        }
    }

    /// As Jaeger's clients read it.
    package func json(of service: String) -> [UInt8] {
        let (strategies, adapted) = current(service)
        return strategies.json(of: service, adapted: adapted)
    }

    /// The strategies, and the probabilities of a service's operations that follow the traffic.
    func current(_ service: String) -> (SamplingStrategies, adapted: [String: Double]) {
        state.withLock { state in
            endInterval(&state)
            return (state.strategies, state.sampler.probabilities(of: service))
        }
    }

    private struct Begin: Hashable {
        var resource: UInt32
        var name: StringID
    }

    private func endInterval(_ state: inout State) {
        let now = clock.monotonicNanoseconds
        let elapsed = now - state.intervalStart
        guard elapsed >= AdaptiveSampler.intervalNanoseconds else { return }
        state.intervalStart = now
        let strategies = state.strategies
        state.sampler.update(elapsedNanoseconds: elapsed) { strategies.adaptiveTarget(of: $0) }
    }
}
