import AsyncHTTPClient
import Foundation
import NIOHTTP1
import Synchronization

/// Clients for `tls_config.server_name`: the connection goes to the host of the address, while the certificate
/// is checked against another name, which is what is asked for by SNI.
final class RenamedClients: Sendable {
    private struct Name: Hashable {
        var server: String
        var host: String
    }

    private struct State {
        var clients: [Name: HTTPClient] = [:]
        var isShutDown = false
    }

    private let make: @Sendable ([String: String]) -> HTTPClient
    private let state = Mutex(State())

    /// - Parameter make: a client that reaches hosts at other addresses.
    init(_ make: @escaping @Sendable ([String: String]) -> HTTPClient) { self.make = make }

    /// What carries `request` out, and the request as it is then: `standard` and the same where the names do
    /// not differ.
    func client(
        for request: HTTPClientRequest, serverName: String?, else standard: HTTPClient
    ) -> (HTTPClient, HTTPClientRequest) {
        guard let serverName, !serverName.isEmpty, var parts = URLComponents(string: request.url),
            parts.scheme?.lowercased() == "https", let host = parts.host, host != serverName
        else { return (standard, request) }
        var renamed = request
        let port = parts.port.map { ":\($0)" } ?? ""
        renamed.headers.replaceOrAdd(name: "host", value: host + port)
        parts.host = serverName
        guard let url = parts.string else { return (standard, request) }
        renamed.url = url
        let client = state.withLock { state -> HTTPClient in
            if state.isShutDown { return standard }
            let name = Name(server: serverName, host: host)
            if let known = state.clients[name] { return known }
            let client = make([serverName: host])
            state.clients[name] = client
            return client
        }
        return (client, renamed)
    }

    func shutdown() async {
        let clients = state.withLock { state in
            defer { state = State(isShutDown: true) }
            return state.clients.values.map { $0 }
        }
        for client in clients {
            do {
                try await client.shutdown()
            } catch {
                // It was shut down before: there is nothing left to close.
                continue
            }
        }
    }
}
