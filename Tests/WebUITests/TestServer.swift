import AsyncHTTPClient
import HTTPServer
import Logging
import NIOCore
import NIOHTTP1
import Platform

/// A server on a free port for the duration of `body`.
func withServer<Result>(
    tokens: TokenSet? = nil, routes: (inout Router) -> Void,
    _ body: (HTTPListener) async throws -> Result
) async throws -> Result {
    var router = Router()
    routes(&router)
    let events = EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    var configuration = HTTPListener.Configuration(
        address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen", tokens: tokens)
    // Browsers that stand still for a minute are none of these tests' business.
    configuration.limits.idleTimeout = .seconds(900)
    let listener = try await HTTPListener.open(
        configuration, routes: router.compiled(), events: events)
    do {
        let result = try await body(listener)
        await listener.shutdown(within: .seconds(2))
        return result
    } catch {
        await listener.shutdown(within: .seconds(2))
        throw error
    }
}

/// An answer with its body read whole.
struct Answer {
    var status: Int
    /// Path and query of the last request, after redirects.
    var address: String
    var headers: HTTPFieldsByName
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
}

typealias HTTPFieldsByName = [String: String]

extension HTTPListener {
    func get(
        _ path: String, method: String = "GET", headers: KeyValuePairs<String, String> = [:]
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(address.port)\(path)")
        request.method = .init(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        let content = try await response.body.collect(upTo: 16 << 20)
        return Answer(
            status: Int(response.status.code),
            address: response.history.last?.request.url.split(
                separator: "/", maxSplits: 2, omittingEmptySubsequences: true
            ).last.map { "/" + $0 } ?? path,
            headers: HTTPFieldsByName(
                response.headers.map { ($0.name.lowercased(), $0.value) },
                uniquingKeysWith: { first, _ in first }),
            body: Array(content.readableBytesView))
    }
}
