import HTTPServer
import Store

/// How a store's refusal is told to senders: whether and when they may send again.
struct StoreRefusal: Sendable {
    let error: StoreError

    /// Nanoseconds after which a retry makes sense; `nil` if it never does.
    var retryDelayNanoseconds: Int64? {
        switch error {
        case .overloaded(let milliseconds): Int64(max(milliseconds, 1)) &* 1_000_000
        // A full disk or a restart takes longer than a burst.
        case .writeFailed, .closed: 5_000_000_000
        case .damaged, .incompatible, .limitExceeded, .invalidPattern, .unsupported: nil
        }
    }

    /// The reason in counters, from a fixed set.
    var reason: String { httpReason.rawValue }

    var httpError: HTTPError {
        var headers = Headers()
        if let delay = retryDelayNanoseconds {
            headers["retry-after"] = String((delay + 999_999_999) / 1_000_000_000)
        }
        return HTTPError(httpReason, message: "nothing was stored: \(error)", headers: headers)
    }

    private var httpReason: HTTPError.Reason {
        switch error {
        case .overloaded: .overloaded
        case .writeFailed, .closed: .unavailable
        case .damaged, .incompatible, .limitExceeded, .invalidPattern, .unsupported: .failed
        }
    }
}
