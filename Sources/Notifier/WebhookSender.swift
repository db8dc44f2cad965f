import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Store
import Telemetry

/// Carries one notification to one receiver. The other implementation is that of tests.
package protocol NotificationSender: Sendable {
    /// Never throws: what went wrong is a result.
    func send(_ body: [UInt8], to receiver: WebhookReceiver, at now: Timestamp) async -> SendResult
    /// Closes connections; nothing is sent afterwards.
    func shutdown() async
}

/// Sends notifications by HTTP POST.
package struct WebhookSender: NotificationSender {
    /// The answer's content means nothing; of more than this the connection is closed.
    private static let answerBytesMax = 64 << 10
    /// How long an answer's content is waited for once its status is known.
    private static let drainTime: Duration = .seconds(1)

    private let client: HTTPClient

    package init() {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // A receiver's own limit is on the whole exchange.
        configuration.timeout.connect = .minutes(2)
        // Repeating is the outbox's business: it remembers, counts and spreads.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    package func send(
        _ body: [UInt8], to receiver: WebhookReceiver, at now: Timestamp
    ) async -> SendResult {
        do {
            let result = try await within(receiver.timeout) {
                try await exchange(body, with: receiver, at: now)
            }
            return result ?? .transient(reason: "no answer within \(receiver.timeout)")
        } catch {
            return .transient(reason: "\(error)")
        }
    }

    package func shutdown() async {
        do {
            try await client.shutdown()
        } catch {
            // It was shut down before: there is nothing left to close.
            return
        }
    }

    private func exchange(
        _ body: [UInt8], with receiver: WebhookReceiver, at now: Timestamp
    ) async throws -> SendResult {
        var request = HTTPClientRequest(url: receiver.url.requested)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "user-agent", value: "sidelight")
        if let authorization = receiver.url.authorization {
            request.headers.add(name: "authorization", value: authorization)
        }
        request.body = .bytes(ByteBuffer(bytes: body))
        let response = try await client.execute(request, deadline: .distantFuture)
        let result = WebhookAnswer.result(
            status: Int(response.status.code),
            retryAfter: response.headers.first(name: "retry-after"), now: now)
        await drain(response.body)
        return result
    }

    /// Reads the content away, so that the connection can be used again.
    private func drain(_ body: HTTPClientResponse.Body) async {
        do {
            _ = try await within(Self.drainTime) {
                var count = 0
                for try await part in body {
                    count += part.readableBytes
                    if count > Self.answerBytesMax { break }
                }
            }
        } catch {
            // The status has decided already; the connection is not used again.
            return
        }
    }

    /// The value of `work`, or `nil` if it takes longer than `time`; then it is cancelled.
    private func within<Value: Sendable>(
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
