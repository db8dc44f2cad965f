import Foundation
import HTTPServer
import Logging
import Platform
import Receivers

/// The open ports: the main one, and one for each receiver that has a port of its own.
struct ServeListeners {
    private var main: HTTPListener
    private var others: [(name: String, listener: HTTPListener)] = []
    private var grpc: GRPCListener?

    /// Opens all listeners or none.
    static func open(_ parts: ServeParts) async throws(ListenError) -> ServeListeners {
        let configuration = parts.configuration
        let ingest = parts.ingest
        var router = Router()
        ServeRoutes.register(parts, on: &router)
        var listeners = ServeListeners(
            main: try await HTTPListener.open(
                .init(address: configuration.listen, flag: "--listen", tokens: parts.tokens),
                routes: router.compiled(), events: parts.events))
        do throws(ListenError) {
            if let address = configuration.otlpHTTP {
                var router = Router()
                OTLPHTTPReceiver(ingest).register(on: &router)
                try await listeners.add("OTLP/HTTP", address, "--otlp-http", router, parts)
            }
            if let address = configuration.zipkin {
                var router = Router()
                ZipkinReceiver(ingest).register(on: &router)
                try await listeners.add("Zipkin", address, "--zipkin", router, parts)
            }
            if let address = configuration.otlpGRPC {
                listeners.grpc = try await GRPCListener.open(
                    .init(address: address, flag: "--otlp-grpc", tokens: parts.tokens),
                    ingest: ingest)
            }
        } catch {
            await listeners.close()
            throw error
        }
        return listeners
    }

    private init(main: HTTPListener) { self.main = main }

    private mutating func add(
        _ name: String, _ address: ListenAddress, _ flag: String, _ router: Router,
        _ parts: ServeParts
    ) async throws(ListenError) {
        let listener = try await HTTPListener.open(
            .init(address: address, flag: flag, tokens: parts.tokens), routes: router.compiled(),
            events: parts.events)
        others.append((name, listener))
    }

    /// Says where everything listens; the last line is the one that scripts wait for.
    func announce(_ logger: Logger) {
        for (name, listener) in others { logger.info("\(name) on \(listener.address)") }
        if let grpc { logger.info("OTLP/gRPC on \(grpc.address)") }
        FileHandle.standardError.write(Data("ready http://\(main.address)\n".utf8))
    }

    /// Stops accepting and lets requests in progress finish.
    func close() async {
        await withTaskGroup(of: Void.self) { group in
            for listener in [main] + others.map(\.listener) {
                group.addTask { await listener.shutdown() }
            }
            if let grpc { group.addTask { await grpc.shutdown() } }
        }
    }
}
