import OTLPExport
import Synchronization

/// A receiver that answers each request as its script says, and remembers the bodies.
final class ScriptedReceiver: ExportTransport {
    struct Call: Sendable {
        var url: String
        var body: [UInt8]
        var accepted: Bool
    }

    private let calls = Mutex<[Call]>([])
    private let script: @Sendable (_ call: Int, _ url: String) -> SendFailure?

    /// - Parameter script: why call number `call` fails, or `nil` if it is accepted.
    init(_ script: @escaping @Sendable (_ call: Int, _ url: String) -> SendFailure?) {
        self.script = script
    }

    var all: [Call] { calls.withLock { $0 } }
    var accepted: [Call] { all.filter(\.accepted) }

    func send(_ body: [UInt8], to url: String) async throws(SendFailure) {
        let failure = calls.withLock { calls in
            let failure = script(calls.count, url)
            calls.append(Call(url: url, body: body, accepted: failure == nil))
            return failure
        }
        if let failure { throw failure }
    }

    func close() async {}
}
