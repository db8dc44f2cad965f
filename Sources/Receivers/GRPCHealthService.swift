import GRPCCore
import WireFormats

/// `grpc.health.v1.Health` (grpc, `doc/health-checking.md`): tells load balancers and probes that the services
/// of a port answer. Anybody may ask. `Watch` is not there, which its clients take for "ask again".
package struct GRPCHealthService: RegistrableRPCService {
    private let services: Set<String>

    /// - Parameter services: with their packages.
    package init(_ services: [String]) { self.services = Set(services) }

    package func registerMethods<Transport: ServerTransport>(
        with router: inout RPCRouter<Transport>
    ) {
        router.registerHandler(
            forMethod: MethodDescriptor(
                fullyQualifiedService: "grpc.health.v1.Health", method: "Check"),
            deserializer: GRPCRawMessage(), serializer: GRPCRawMessage()
        ) { [services] request, _ in
            // `HealthCheckRequest { service = 1 }`; empty asks about the whole port.
            let service = try GRPCRawMessage.name(
                in: try await ServerRequest(stream: request).message)
            guard service.isEmpty || services.contains(service) else {
                throw RPCError(code: .notFound, message: "there is no service \(service) here")
            }
            // `HealthCheckResponse { status = 1 }`; 1 is serving.
            return StreamingServerResponse(single: ServerResponse(message: [8, 1]))
        }
    }

}

/// Messages that are read and written by hand.
struct GRPCRawMessage: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) -> Bytes { Bytes(message) }

    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) -> [UInt8] {
        bytes.withUnsafeBytes { Array($0) }
    }

    /// The text in field 1 of a message that says no more than a name.
    static func name(in message: [UInt8]) throws(RPCError) -> String {
        var name = ""
        do throws(DecodeError) {
            try message.decoded { (bytes) throws(DecodeError) in
                var reader = ProtobufReader(bytes)
                while true {
                    switch try reader.nextKey() {
                    case 0: return
                    case ProtobufKey.length(1):
                        name = String(decoding: try reader.bytes("name"), as: UTF8.self)
                    case let key: try reader.skip(key)
                    }
                }
            }
        } catch {
            throw RPCError(code: .invalidArgument, message: "\(error)")
        }
        return name
    }
}
