import Logging
import Platform

/// A request was answered.
struct RequestAnswered: InternalEvent {
    static let counter = "sidelight_http_requests_total"
    static let help = "HTTP requests answered, by route pattern and status code."

    /// The route's pattern, `unmatched` where there is none: never the path itself.
    var route: String
    var status: Int
    var labels: [(name: String, value: String)] {
        [(name: "route", value: route), (name: "code", value: String(status))]
    }
}

/// A handler threw something that is no `HTTPError`.
struct HandlerFailed: InternalEvent {
    static let counter = "sidelight_http_handler_failures_total"
    static let help = "Requests whose handler failed unexpectedly."

    var route: String
    var error: String
    var labels: [(name: String, value: String)] { [(name: "route", value: route)] }
    var level: Logger.Level? { .error }
    var message: String { "handler of \(route) failed: \(error)" }
}

/// A body went on when its time was over.
struct BodyNotEnded: InternalEvent {
    static let counter = "sidelight_http_bodies_not_ended_total"
    static let help = "Request bodies that had not ended in time and were answered 408."
    var labels: [(name: String, value: String)] { [] }
}

/// A connection was broken off by the server.
struct ConnectionAborted: InternalEvent {
    static let counter = "sidelight_http_connections_aborted_total"
    static let help = "Connections closed by the server while a request was in progress, by reason."

    enum Reason: String, Sendable {
        case bodyTimeout = "body_timeout"
        case responseTimeout = "response_timeout"
        case bodyNotDrained = "body_not_drained"
        /// A WebSocket whose client did not answer pings.
        case silentSocket = "silent_socket"
        case shutdown
    }

    var reason: Reason
    var count: UInt64 = 1
    var increment: UInt64 { count }
    var labels: [(name: String, value: String)] { [(name: "reason", value: reason.rawValue)] }
}
