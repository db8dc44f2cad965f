import Foundation

/// Where notifications go: an HTTP endpoint that takes Alertmanager's webhook messages.
package struct WebhookReceiver: Sendable {
    /// Unique; stands in the outbox and in messages.
    package var name: String
    package var url: WebhookURL
    /// Longest wait for the whole answer.
    package var timeout: Duration
    /// Whether the end of alerts is told too.
    package var sendsResolved: Bool
    /// Most alerts in one message; the others are counted in `truncatedAlerts`. Bounds the body at
    /// about a megabyte.
    package var alertsMax: Int

    package init(
        name: String, url: WebhookURL, timeout: Duration = .seconds(10),
        sendsResolved: Bool = true, alertsMax: Int = 1_000
    ) {
        self.name = name
        self.url = url
        self.timeout = timeout
        self.sendsResolved = sendsResolved
        self.alertsMax = alertsMax
    }
}

/// An `http` or `https` URL that may hold secrets: in the user part, the path or the query. Printed, it
/// is its scheme, host and port only.
package struct WebhookURL: Sendable, Hashable, CustomStringConvertible {
    /// Why a text is no webhook URL. Does not repeat the text.
    package struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// What is requested: without the user part.
    let requested: String
    /// The value of the `Authorization` header that the user part stands for.
    let authorization: String?
    package let description: String

    package init(_ text: String) throws(Invalid) {
        guard var parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https"
        else { throw Invalid(description: "a webhook URL begins with http:// or https://") }
        guard let host = parts.host, !host.isEmpty else {
            throw Invalid(description: "the webhook URL names no host")
        }
        if let user = parts.user {
            let credentials = Data("\(user):\(parts.password ?? "")".utf8)
            authorization = "Basic \(credentials.base64EncodedString())"
        } else {
            authorization = nil
        }
        parts.user = nil
        parts.password = nil
        parts.fragment = nil
        guard let requested = parts.string else {
            throw Invalid(description: "the webhook URL cannot be requested")
        }
        self.requested = requested
        let port = parts.port.map { ":\($0)" } ?? ""
        description = "\(scheme)://\(host)\(port)"
    }
}
