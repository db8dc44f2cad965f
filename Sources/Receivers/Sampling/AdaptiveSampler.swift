/// Probabilities that follow the traffic: for each operation of a service such that about as many traces a
/// second begin as are wanted (jaegertracing.io/docs, "Adaptive sampling").
///
/// It sees the traces that arrive, so the probability times what the clients do. Once a minute each
/// probability is multiplied by wanted over seen; it grows by half at most at a time, so that a lull
/// does not end in a flood. Operations that are not heard of for an hour are forgotten.
package struct AdaptiveSampler: Sendable {
    /// Of operations not seen before, Jaeger's.
    package static let initialProbability = 0.001
    /// Jaeger's: a rare trace of the busiest operation still comes.
    static let probabilityMin = 0.00001
    /// Traces a second that clients begin of each operation whatever its probability: one a minute.
    package static let lowerBoundPerSecond = 1.0 / 60
    package static let intervalNanoseconds: Int64 = 60_000_000_000
    /// As near to what is wanted as this, nothing changes.
    private static let tolerance = 0.3
    private static let growthMax = 1.5
    /// Names come from input: services and operations beyond these keep the initial probability.
    static let servicesMax = 1_000
    static let operationsMax = 1_000
    private static let silentIntervalsMax = 60

    fileprivate struct Operation {
        var probability = AdaptiveSampler.initialProbability
        var seen = 0
        var silentIntervals = 0
    }

    private var services: [String: [String: Operation]] = [:]

    package init() {}

    /// - Parameter learnt: probabilities by service and operation, as an earlier one learnt them.
    package init(learnt: [String: [String: Double]]) {
        for (service, operations) in learnt.prefix(Self.servicesMax) {
            var known: [String: Operation] = [:]
            for (name, probability) in operations.prefix(Self.operationsMax)
            where Self.probabilityMin...1 ~= probability {
                known[name] = Operation(probability: probability)
            }
            if !known.isEmpty { services[service] = known }
        }
    }

    /// The probabilities of all services by operation.
    package var learnt: [String: [String: Double]] {
        services.mapValues { $0.mapValues(\.probability) }
    }

    /// Adds traces that began.
    package mutating func count(_ traces: Int = 1, service: String, operation: String) {
        if services[service] == nil {
            guard services.count < Self.servicesMax else { return }
            services[service] = [:]
        }
        services[service]?.count(traces, operation, max: Self.operationsMax)
    }

    /// Ends an interval.
    /// - Parameter wanted: traces a second of each operation of a service; `nil` for services that are
    ///   not sampled adaptively.
    package mutating func update(
        elapsedNanoseconds: Int64, wanted: (_ service: String) -> Double?
    ) {
        guard elapsedNanoseconds > 0 else { return }
        let seconds = Double(elapsedNanoseconds) / 1e9
        for (service, operations) in services {
            guard let target = wanted(service) else {
                services[service] = nil
                continue
            }
            var kept = operations
            for (name, operation) in operations {
                kept[name] = Self.updated(operation, perSecond: target, seconds: seconds)
            }
            services[service] = kept.isEmpty ? nil : kept
        }
    }

    /// The probabilities of a service by operation.
    package func probabilities(of service: String) -> [String: Double] {
        services[service]?.mapValues(\.probability) ?? [:]
    }

    private static func updated(
        _ operation: Operation, perSecond target: Double, seconds: Double
    ) -> Operation? {
        var next = operation
        next.seen = 0
        next.silentIntervals = operation.seen == 0 ? operation.silentIntervals + 1 : 0
        guard next.silentIntervals < silentIntervalsMax else { return nil }
        let rate = Double(operation.seen) / seconds
        guard abs(rate - target) > target * tolerance else { return next }
        let factor = rate > 0 ? min(target / rate, growthMax) : growthMax
        next.probability = min(1, max(probabilityMin, operation.probability * factor))
        return next
    }
}

extension [String: AdaptiveSampler.Operation] {
    fileprivate mutating func count(_ traces: Int, _ name: String, max: Int) {
        guard self[name] != nil || count < max else { return }
        self[name, default: .init()].seen += traces
    }
}
