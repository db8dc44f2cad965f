import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Telemetry

/// A request to a receiver.
struct OutgoingRequest: Sendable {
    var method = "POST"
    /// May hold secrets: never printed.
    var url: String
    var headers: [(name: String, value: String)] = [("content-type", "application/json")]
    var body: [UInt8]
}

/// What a receiver answered.
struct HTTPReply: Sendable {
    var status: Int
    var retryAfter: String?
    var contentType: String
    /// The beginning.
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
}

/// Why there is no answer.
struct CarrierFailure: Error, CustomStringConvertible {
    var description: String
}

/// Carries messages by HTTP. Redirects are not followed, of the answer only the beginning is read, and the
/// whole exchange has a time limit.
package struct HTTPCarrier: Sendable {
    /// Answers have a line or two; of more than this the connection is closed.
    private static let answerBytesMax = 64 << 10
    /// Longest wait for a whole answer where the configuration of a receiver says nothing.
    let standardTimeout: Duration
    /// How long an answer's content is waited for once its status is known.
    private let drainTime: Duration

    private let client: HTTPClient
    /// Clients of receivers whose certificate is made out to another name than that of the address.
    private let renamed = RenamedClients { HTTPCarrier.client(standingFor: $0) }

    package init(standardTimeout: Duration = .seconds(10), drainTime: Duration = .seconds(1)) {
        self.standardTimeout = standardTimeout
        self.drainTime = drainTime
        client = Self.client(standingFor: [:])
    }

    /// - Parameter names: hosts that are reached at other addresses.
    private static func client(standingFor names: [String: String]) -> HTTPClient {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // A receiver's own limit is on the whole exchange.
        configuration.timeout.connect = .minutes(2)
        // Repeating is the outbox's business: it remembers, counts and spreads.
        configuration.connectionPool.retryConnectionEstablishment = false
        // Several messages of several receivers may go to one host; none waits for another's connection.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        configuration.dnsOverride = names
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes connections; nothing is sent afterwards.
    package func shutdown() async {
        await renamed.shutdown()
        do {
            try await client.shutdown()
        } catch {
            // It was shut down before: there is nothing left to close.
            return
        }
    }

    func exchange(
        _ outgoing: OutgoingRequest, _ options: HTTPOptions, timeout: Duration
    ) async throws(CarrierFailure) -> HTTPReply {
        let reply: HTTPReply?
        do {
            var request = HTTPClientRequest(url: outgoing.url)
            request.method = HTTPMethod(rawValue: outgoing.method)
            for header in outgoing.headers {
                request.headers.add(name: header.name, value: header.value)
            }
            request.headers.add(name: "user-agent", value: "sidelight")
            if let authorization = try options.authorization() {
                request.headers.replaceOrAdd(name: "authorization", value: authorization)
            }
            if let tls = options.tls { request.tlsConfiguration = try tls.configuration() }
            request.body = .bytes(ByteBuffer(bytes: outgoing.body))
            let (client, prepared) = renamed.client(
                for: request, serverName: options.tls?.serverName, else: client)
            reply = try await Self.within(timeout) { try await exchange(prepared, by: client) }
        } catch let error as SecretError {
            throw CarrierFailure(description: error.description)
        } catch {
            throw CarrierFailure(description: "\(error)")
        }
        guard let reply else { throw CarrierFailure(description: "no answer within \(timeout)") }
        return reply
    }

    private func exchange(
        _ request: HTTPClientRequest, by client: HTTPClient
    ) async throws -> HTTPReply {
        let response = try await client.execute(request, deadline: .distantFuture)
        return HTTPReply(
            status: Int(response.status.code),
            retryAfter: response.headers.first(name: "retry-after"),
            contentType: response.headers.first(name: "content-type") ?? "",
            body: await beginning(of: response.body))
    }

    /// Reads the content away, so that the connection can be used again, and keeps its beginning.
    private func beginning(of body: HTTPClientResponse.Body) async -> [UInt8] {
        do {
            return try await Self.within(drainTime) {
                var bytes: [UInt8] = []
                for try await part in body {
                    bytes += part.readableBytesView
                    if bytes.count > Self.answerBytesMax { break }
                }
                return Array(bytes.prefix(Self.answerBytesMax))
            } ?? []
        } catch {
            // The status has decided already; the connection is not used again.
            return []
        }
    }

    /// The value of `work`, or `nil` if it takes longer than `time`; then it is cancelled.
    static func within<Value: Sendable>(
        _ time: Duration, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: time)
                return nil
            }
            return try await group.next() ?? nil
        }
    }
}
