import WireFormats

/// How many requests the clients of each service are told to trace (jaegertracing.io/docs, "Sampling",
/// "File-based Sampling Configuration").
package struct SamplingStrategies: Sendable, Hashable {
    package enum Strategy: Sendable, Hashable {
        /// Of all requests, 0 to 1.
        case probabilistic(Double)
        /// Traces a second that each process begins.
        case rateLimiting(perSecond: Int)
        /// Probabilities that follow the traffic, to so many traces a second of each operation.
        case adaptive(perSecond: Double)
    }

    package struct Service: Sendable, Hashable {
        package var strategy: Strategy
        /// Probabilities of single operations, which win over that of the service.
        package var operations: [String: Double]

        package init(strategy: Strategy, operations: [String: Double] = [:]) {
            self.strategy = strategy
            self.operations = operations
        }
    }

    package var services: [String: Service]
    /// Of services without a strategy of their own; its operations hold for all services.
    package var standard: Service
    /// What of the operator's file holds for nobody, and why.
    package var warnings: [String] = []

    /// Jaeger's: one request of a thousand.
    package static let standardProbability = 0.001

    package init(
        services: [String: Service] = [:],
        standard: Service = Service(strategy: .probabilistic(Self.standardProbability))
    ) {
        self.services = services
        self.standard = standard
    }

    /// Whether any service's probabilities follow its traffic.
    package var isAdaptive: Bool {
        ([standard] + services.values).contains {
            if case .adaptive = $0.strategy { true } else { false }
        }
    }

    /// What holds for a service.
    package func strategy(of service: String) -> Service {
        guard var own = services[service] else { return standard }
        own.operations.merge(standard.operations) { own, _ in own }
        return own
    }

    /// What holds for operations that are not named, where the service is not sampled by chance: the default
    /// strategy's if the named ones are (Jaeger, `samplingstrategy/file`).
    func operationProbability(of service: String) -> Double {
        guard services[service]?.operations.isEmpty ?? true,
            case .probabilistic(let rate) = standard.strategy
        else { return Self.standardProbability }
        return rate
    }

    /// The wanted traces a second of each operation of a service that is sampled adaptively.
    func adaptiveTarget(of service: String) -> Double? {
        guard case .adaptive(let perSecond) = (services[service] ?? standard).strategy else {
            return nil
        }
        return perSecond
    }

    /// As Jaeger's clients read it.
    /// - Parameter adapted: probabilities by operation where they follow the traffic.
    package func json(of service: String, adapted: [String: Double] = [:]) -> [UInt8] {
        let found = strategy(of: service)
        var rates = found.operations
        var probability = operationProbability(of: service)
        var lowerBound = 0.0
        var writer = JSONWriter()
        writer.object { answer in
            switch found.strategy {
            case .rateLimiting(let perSecond):
                answer.field("strategyType", "RATE_LIMITING")
                answer.objectField("rateLimitingSampling") {
                    $0.field("maxTracesPerSecond", perSecond)
                }
            case .probabilistic(let rate):
                probability = rate
                Self.write(probabilistic: rate, to: &answer)
            case .adaptive:
                probability = AdaptiveSampler.initialProbability
                lowerBound = AdaptiveSampler.lowerBoundPerSecond
                rates.merge(adapted) { own, _ in own }
                Self.write(probabilistic: probability, to: &answer)
            }
            guard !rates.isEmpty || lowerBound > 0 else { return }
            answer.objectField("operationSampling") { sampling in
                sampling.field("defaultSamplingProbability", probability)
                sampling.field("defaultLowerBoundTracesPerSecond", lowerBound)
                sampling.arrayField("perOperationStrategies") { array in
                    for (operation, rate) in rates.sorted(by: { $0.key < $1.key }) {
                        array.object {
                            $0.field("operation", operation)
                            Self.write(sampling: rate, to: &$0)
                        }
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func write(probabilistic rate: Double, to object: inout JSONWriter) {
        object.field("strategyType", "PROBABILISTIC")
        write(sampling: rate, to: &object)
    }

    private static func write(sampling rate: Double, to object: inout JSONWriter) {
        object.objectField("probabilisticSampling") { $0.field("samplingRate", rate) }
    }
}
