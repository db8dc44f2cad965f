/// Why the store did not do what it was asked. Every case says what to do next.
package enum StoreError: Error, Equatable, Sendable {
    /// The memory bound is reached: nothing was taken, send again after the hint.
    case overloaded(retryAfterMilliseconds: Int)
    /// The disk is full or a write failed: nothing was acknowledged.
    case writeFailed(path: String, reason: String)
    /// A file does not hold what it should; the rest of the store goes on.
    case damaged(path: String, reason: String)
    /// A file was written by a later version of this program: it is left as it is.
    case incompatible(path: String, reason: String)
    /// The query would need more than it may use.
    case limitExceeded(limit: String, value: Int)
    /// The pattern of a matcher is not a regular expression.
    case invalidPattern(pattern: String, reason: String)
    /// The store cannot do this, and why.
    case unsupported(reason: String)
    /// The store is shutting down.
    case closed

    /// Whether the same request may succeed later.
    package var isTransient: Bool {
        switch self {
        case .overloaded, .writeFailed, .closed: true
        case .damaged, .incompatible, .limitExceeded, .invalidPattern, .unsupported: false
        }
    }
}

extension StoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .overloaded(let milliseconds):
            "the store is at its memory bound; retry in \(milliseconds) ms"
        case .writeFailed(let path, let reason): "cannot write \(path): \(reason)"
        case .damaged(let path, let reason): "\(path) is damaged: \(reason)"
        case .incompatible(let path, let reason): "cannot use \(path): \(reason)"
        case .limitExceeded(let limit, let value): "the query exceeds \(limit) (\(value))"
        case .invalidPattern(let pattern, let reason):
            "invalid regular expression \"\(pattern)\": \(reason)"
        case .unsupported(let reason): reason
        case .closed: "the store is closed"
        }
    }
}

/// What became of an appended batch.
package enum AppendOutcome: Equatable, Sendable {
    /// Stored as durably as configured.
    case stored
    /// The same batch (by digest) was stored a short while ago; nothing was stored again.
    case duplicate
}

/// Called once, when an append is durable or has failed. May run on the writer's thread: hand work on.
package typealias AppendCompletion = @Sendable (Result<AppendOutcome, StoreError>) -> Void
