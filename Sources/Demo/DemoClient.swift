import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Calls of the demo by HTTP.
package struct DemoClient: Sendable {
    /// Status and body of an answer.
    package struct Answer: Sendable {
        package var status: Int
        package var body: Data
    }

    private let client: HTTPClient
    private static let answerBytesMax = 64 << 20
    /// Above the proxies' own: the first start of a function may take long on a busy machine.
    private static let answerLimit: TimeAmount = .seconds(45)

    package init() {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// - Parameter host: replaces the address in the `Host` field, for calls through a proxy.
    package func send(
        _ url: String, method: HTTPMethod = .GET, host: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let host { request.headers.add(name: "host", value: host) }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await client.execute(request, timeout: DemoClient.answerLimit)
        let body = try await response.body.collect(upTo: DemoClient.answerBytesMax)
        return Answer(status: Int(response.status.code), body: Data(body.readableBytesView))
    }

    /// A JSON answer.
    /// - Throws: `DemoFailure` naming the address for other statuses than 200.
    package func read<Value: Decodable>(_ type: Value.Type, _ url: String) async throws -> Value {
        let answer = try await send(url)
        guard answer.status == 200 else {
            let text = String(decoding: answer.body.prefix(300), as: UTF8.self)
            throw DemoFailure("\(url) answered \(answer.status): \(text)")
        }
        return try JSONDecoder().decode(type, from: answer.body)
    }

    package func shutdown() async {
        do {
            try await client.shutdown()
        } catch {
            // It was shut down before: there is nothing left to close.
            return
        }
    }
}
