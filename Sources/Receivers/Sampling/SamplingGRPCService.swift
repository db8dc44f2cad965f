import GRPCCore
import HTTPServer
import WireFormats

/// What Jaeger's clients ask for how much to trace, over gRPC (jaeger-idl, `proto/api_v2/sampling.proto`,
/// `SamplingManager`). Messages are written and read by hand.
struct SamplingGRPCService: RegistrableRPCService {
    static let name = "jaeger.api_v2.SamplingManager"

    let advice: SamplingAdvice
    let tokens: TokenSet?

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: MethodDescriptor(
                fullyQualifiedService: Self.name, method: "GetSamplingStrategy"),
            deserializer: GRPCRawMessage(), serializer: GRPCRawMessage()
        ) { request, _ in
            if let tokens {
                let shown = request.metadata[stringValues: "authorization"].first { _ in true }
                guard tokens.accepts(authorization: shown) else {
                    throw RPCError(
                        code: .unauthenticated,
                        message: "this server wants a bearer token (authorization: Bearer …)")
                }
            }
            let service = try Self.service(try await ServerRequest(stream: request).message)
            return StreamingServerResponse(
                single: ServerResponse(message: advice.protobuf(of: service)))
        }
    }

    /// `SamplingStrategyParameters`.
    private static func service(_ message: [UInt8]) throws -> String {
        let service = try GRPCRawMessage.name(in: message)
        guard !service.isEmpty else {
            throw RPCError(code: .invalidArgument, message: "service_name is missing")
        }
        return service
    }
}

extension SamplingAdvice {
    /// As Jaeger's clients read it over gRPC.
    package func protobuf(of service: String) -> [UInt8] {
        let (strategies, adapted) = current(service)
        return strategies.protobuf(of: service, adapted: adapted)
    }
}

extension SamplingStrategies {
    /// `SamplingStrategyResponse`: what `json` says.
    func protobuf(of service: String, adapted: [String: Double]) -> [UInt8] {
        let found = strategy(of: service)
        var rates = found.operations
        var probability = operationProbability(of: service)
        var lowerBound = 0.0
        var writer = ProtobufWriter()
        switch found.strategy {
        case .rateLimiting(let perSecond):
            writer.varint(1, 1)
            writer.message(3) { $0.varint(1, UInt64(clamping: perSecond)) }
        case .probabilistic(let rate):
            probability = rate
            writer.message(2) { $0.double(1, rate) }
        case .adaptive:
            probability = AdaptiveSampler.initialProbability
            lowerBound = AdaptiveSampler.lowerBoundPerSecond
            rates.merge(adapted) { own, _ in own }
            writer.message(2) { $0.double(1, probability) }
        }
        guard !rates.isEmpty || lowerBound > 0 else { return writer.bytes }
        writer.message(4) { sampling in
            sampling.double(1, probability)
            sampling.double(2, lowerBound)
            for (operation, rate) in rates.sorted(by: { $0.key < $1.key }) {
                sampling.message(3) { entry in
                    entry.string(1, operation)
                    entry.message(2) { $0.double(1, rate) }
                }
            }
        }
        return writer.bytes
    }
}
