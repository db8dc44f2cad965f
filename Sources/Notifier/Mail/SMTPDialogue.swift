import Foundation

/// What a client of SMTP says next (RFC 5321, with STARTTLS of RFC 3207 and AUTH of RFC 4954). Decides;
/// somebody else carries the bytes.
struct SMTPDialogue: Sendable {
    enum Action: Sendable, Equatable {
        case say([UInt8])
        /// The connection goes on encrypted; then `secured` says what comes next.
        case encrypt
        case done
    }

    /// A reply of the server.
    struct Reply: Sendable, Equatable {
        var code: Int
        var lines: [String]

        var text: String { "\(code) \(lines.joined(separator: " ").prefix(200))" }
    }

    struct Envelope: Sendable {
        var hello: String
        var from: String
        var recipients: [String]
        /// With CRLF at the ends of lines.
        var message: [UInt8]
        var requiresTLS: Bool
        var user: String
        var identity: String
        var password: String?
        var host: String
    }

    private enum State: Sendable, Equatable {
        case greeting, hello, startTLS, loginUser, loginPassword, authenticated, sender
        case recipient(Int)
        case data, message, done
    }

    private let envelope: Envelope
    private var state = State.greeting
    private var isEncrypted: Bool
    /// Recipients that the server does not take, with what it says.
    private(set) var refused: [(recipient: String, reply: Reply)] = []

    /// - Parameter isEncrypted: whether the connection began with TLS.
    init(_ envelope: Envelope, isEncrypted: Bool) {
        self.envelope = envelope
        self.isEncrypted = isEncrypted
    }

    /// After `encrypt` was carried out.
    mutating func secured() -> Action {
        isEncrypted = true
        return hello()
    }

    /// - Throws: refusals; those of 4xx may pass.
    mutating func next(_ reply: Reply) throws(SendTrouble) -> Action {
        let isOpening = state == .greeting || state == .startTLS
        if case .recipient(let index) = state, (500..<600).contains(reply.code) {
            refused.append((envelope.recipients[index], reply))
            // One that is not known there keeps the mail from nobody else.
            if refused.count == envelope.recipients.count { try expect(reply, []) }
        } else {
            try expect(reply, isOpening ? [220] : [])
        }
        switch state {
        case .greeting: return hello()
        case .hello: return try greeted(reply)
        case .startTLS: return .encrypt
        case .loginUser:
            try expect(reply, [334])
            state = .loginPassword
            return say(Self.base64(envelope.user))
        case .loginPassword:
            try expect(reply, [334])
            state = .authenticated
            return say(Self.base64(envelope.password ?? ""))
        case .authenticated:
            try expect(reply, [235])
            return sender()
        case .sender: return recipient(0)
        case .recipient(let index):
            if index + 1 < envelope.recipients.count { return recipient(index + 1) }
            state = .data
            return say("DATA")
        case .data:
            try expect(reply, [354])
            state = .message
            return .say(Self.stuffed(envelope.message))
        case .message:
            state = .done
            return .done
        case .done: return .done
        }
    }

    private func expect(_ reply: Reply, _ codes: [Int]) throws(SendTrouble) {
        switch reply.code {
        case 400..<500: throw .transient("the mail server answers \(reply.text)")
        case 200..<400 where codes.isEmpty || codes.contains(reply.code): return
        default: throw .permanent("the mail server answers \(reply.text)")
        }
    }

    private mutating func hello() -> Action {
        state = .hello
        return say("EHLO \(Self.safe(envelope.hello))")
    }

    private mutating func greeted(_ reply: Reply) throws(SendTrouble) -> Action {
        let offers = reply.lines.map { $0.uppercased() }
        if envelope.requiresTLS, !isEncrypted {
            guard offers.contains("STARTTLS") else {
                throw .transient(
                    "'require_tls' is true (default) but the mail server does not advertise the STARTTLS "
                        + "extension")
            }
            state = .startTLS
            return say("STARTTLS")
        }
        // A server that asks for no password is given none.
        guard envelope.password != nil, !envelope.user.isEmpty,
            offers.contains(where: { $0 == "AUTH" || $0.hasPrefix("AUTH ") })
        else { return sender() }
        return try authenticate(offers)
    }

    private mutating func authenticate(_ offers: [String]) throws(SendTrouble) -> Action {
        let mechanisms =
            offers.first { $0.hasPrefix("AUTH ") }?.split(separator: " ").dropFirst() ?? []
        let isLocal = ["localhost", "127.0.0.1", "::1"].contains(envelope.host)
        guard isEncrypted || isLocal else {
            throw .permanent("the password is not sent over an unencrypted connection")
        }
        if mechanisms.contains("PLAIN") {
            state = .authenticated
            let text = "\(envelope.identity)\0\(envelope.user)\0\(envelope.password ?? "")"
            return say("AUTH PLAIN \(Self.base64(text))")
        }
        guard mechanisms.contains("LOGIN") else {
            throw .permanent(
                "the mail server offers neither AUTH PLAIN nor AUTH LOGIN, but there is an auth_username"
            )
        }
        state = .loginUser
        return say("AUTH LOGIN")
    }

    private mutating func sender() -> Action {
        state = .sender
        return say("MAIL FROM:<\(Self.safe(envelope.from))>")
    }

    private mutating func recipient(_ index: Int) -> Action {
        state = .recipient(index)
        return say("RCPT TO:<\(Self.safe(envelope.recipients[index]))>")
    }

    private func say(_ line: String) -> Action { .say(Array((line + "\r\n").utf8)) }

    /// An address cannot hold a line of the protocol.
    private static func safe(_ text: String) -> String {
        String(text.unicodeScalars.filter { $0.value >= 32 && $0 != "<" && $0 != ">" })
    }

    private static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    /// With a point before points at the beginning of lines, and the final point (RFC 5321, 4.5.2).
    static func stuffed(_ message: [UInt8]) -> [UInt8] {
        var stuffed: [UInt8] = []
        stuffed.reserveCapacity(message.count + 64)
        var isStart = true
        for byte in message {
            if isStart, byte == UInt8(ascii: ".") { stuffed.append(byte) }
            stuffed.append(byte)
            isStart = byte == UInt8(ascii: "\n")
        }
        if !isStart { stuffed += "\r\n".utf8 }
        return stuffed + Array(".\r\n".utf8)
    }
}
