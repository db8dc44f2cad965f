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
    private let carrier: HTTPCarrier

    package init(_ carrier: HTTPCarrier = HTTPCarrier()) { self.carrier = carrier }

    package func send(
        _ body: [UInt8], to receiver: WebhookReceiver, at now: Timestamp
    ) async -> SendResult {
        var request = OutgoingRequest(url: receiver.url.requested, body: body)
        if let authorization = receiver.url.authorization {
            request.headers.append((name: "authorization", value: authorization))
        }
        do throws(CarrierFailure) {
            let reply = try await carrier.exchange(request, .standard, timeout: receiver.timeout)
            return WebhookAnswer.result(
                status: reply.status, retryAfter: reply.retryAfter, now: now)
        } catch {
            return .transient(reason: error.description)
        }
    }

    package func shutdown() async { await carrier.shutdown() }
}
