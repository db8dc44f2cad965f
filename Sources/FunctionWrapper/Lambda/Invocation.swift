import Telemetry

/// One call of a function.
struct Invocation: Sendable {
    var id: String
    var payload: [UInt8]
    var trace: InvocationTrace
    /// `faas.trigger`.
    var trigger: String
    /// As it came: base64 in the request, JSON for the runtime.
    var clientContext: String?
}

/// How an invocation ended, and what its spans and metrics need.
struct InvocationReport: Sendable {
    enum Outcome: Sendable, Equatable {
        case success([UInt8])
        /// The function said so. `body` is its JSON.
        case functionError(type: String, body: [UInt8])
        case timedOut(after: Duration, phase: Phase)
        /// The process ended or could not be started.
        case crashed(reason: String)
        case queueFull(max: Int)
        case stopping
        /// Who asked went away before the answer was complete.
        case abandoned
    }

    enum Phase: String, Sendable {
        case initialising = "init"
        case handling = "invoke"
    }

    var outcome: Outcome
    var isColdStart = false
    var handlerSeconds: Double?
    var cpuSeconds: Double?
    var memoryBytesPeak: Int64?
}

/// Makes ids in the form that AWS uses: random UUIDs (RFC 9562 §5.4).
enum RequestID {
    static func make(high: UInt64, low: UInt64) -> String {
        let a = HexDigits.string(high & ~0xF000 | 0x4000)
        let b = HexDigits.string(low & ~(3 << 62) | 2 << 62)
        func part(_ text: String, _ start: Int, _ count: Int) -> Substring {
            text.dropFirst(start).prefix(count)
        }
        return
            "\(part(a, 0, 8))-\(part(a, 8, 4))-\(part(a, 12, 4))-\(part(b, 0, 4))-\(part(b, 4, 12))"
    }
}
