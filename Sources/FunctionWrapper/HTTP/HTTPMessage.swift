import NIOCore

/// A request with its whole body.
struct FunctionRequest: Sendable {
    var method: String
    /// Path and query as sent.
    var target: String
    var headers: [(name: String, value: String)]
    var body: ByteBuffer
    /// The body was longer than may be; what there was of it has been discarded.
    var isTooLarge: Bool
    /// Where it came from, without port.
    var peer: String

    var path: String { String(target.prefix { $0 != "?" }) }
    var query: String { String(target.drop { $0 != "?" }.dropFirst()) }

    func header(_ name: String) -> String? {
        headers.first { $0.name.utf8.elementsEqualIgnoringCase(name.utf8) }?.value
    }
}

/// An answer, whole or given piece by piece.
struct FunctionResponse: Sendable {
    enum Body: Sendable {
        case bytes([UInt8])
        /// Calls the closure with a function that takes pieces and returns when there is room for more.
        case stream(
            @Sendable (_ write: @Sendable (ByteBuffer) async throws -> Void) async throws -> Void)
    }

    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: Body = .bytes([])

    static func json(
        _ status: Int, _ body: [UInt8], headers: [(name: String, value: String)] = []
    ) -> FunctionResponse {
        FunctionResponse(
            status: status, headers: [("content-type", "application/json")] + headers,
            body: .bytes(body))
    }
}

extension Sequence<UInt8> {
    /// Whether both are the same but for the case of ASCII letters.
    func elementsEqualIgnoringCase(_ other: some Sequence<UInt8>) -> Bool {
        elementsEqual(other) { Self.lowercased($0) == Self.lowercased($1) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
