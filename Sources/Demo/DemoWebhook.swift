import Foundation
import HTTPServer
import Synchronization

/// Receives the notifications of alerts.
package final class DemoWebhook: Sendable {
    /// The parts of Alertmanager's webhook body, version 4, that are looked at.
    private struct Message: Decodable {
        struct Alert: Decodable {
            var status: String
            var labels: [String: String]
            var annotations: [String: String]?
        }
        var alerts: [Alert]
    }

    package struct Notice: Sendable, Equatable {
        package var alert: String
        /// `firing` or `resolved`.
        package var status: String
        /// What the page says of the cause, by annotation.
        package var evidence: [String: String] = [:]
    }

    private let received = Mutex<[Notice]>([])
    private let arrived: @Sendable (Notice) -> Void
    /// Older ones are forgotten: a demo may run for days.
    private static let noticesMax = 1_000

    /// - Parameter arrived: called for each notification.
    package init(arrived: @escaping @Sendable (Notice) -> Void = { _ in }) {
        self.arrived = arrived
    }

    package var notices: [Notice] { received.withLock { $0 } }

    package func has(_ alert: String, _ status: String) -> Bool {
        notices.contains { $0.alert == alert && $0.status == status }
    }

    /// The evidence of the latest page that has any.
    package func evidence(of alert: String) -> [String: String] {
        notices.last { $0.alert == alert && $0.evidence["evidence_traces"] != nil }?.evidence ?? [:]
    }

    /// Opens the port that notifications come to.
    package func open() async throws(ListenError) -> HTTPListener {
        var router = Router()
        router.on(.post, "/alerts") { [self] request in
            let message: Message
            do {
                message = try JSONDecoder().decode(Message.self, from: Data(request.body))
            } catch {
                throw HTTPError.badRequest("no webhook message: \(error)")
            }
            add(message)
            return .empty()
        }
        return try await DemoListener.open(port: 0, router)
    }

    private func add(_ message: Message) {
        let new = message.alerts.map {
            Notice(
                alert: $0.labels["alertname"] ?? "", status: $0.status,
                evidence: ($0.annotations ?? [:]).filter { $0.key.hasPrefix("evidence") })
        }
        new.forEach(arrived)
        received.withLock { notices in
            notices += new
            notices.removeFirst(max(0, notices.count - DemoWebhook.noticesMax))
        }
    }
}
