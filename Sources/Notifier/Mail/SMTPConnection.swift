import NIOCore
import NIOPosix
import NIOSSL

/// Carries one mail to one server.
struct SMTPConnection: Sendable {
    /// Replies have a few lines.
    private static let replyBytesMax = 64 << 10

    let host: String
    let port: Int
    let tls: TLSOptions
    /// Whether TLS begins with the connection (port 465) rather than by STARTTLS.
    let isImplicit: Bool

    /// - Returns: the recipients that the server does not take, with what it says; `nil` if it takes all.
    func send(_ envelope: SMTPDialogue.Envelope) async throws -> String? {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(10))
            .connect(host: host, port: port) { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    if isImplicit {
                        try channel.pipeline.syncOperations.addHandler(try encryption())
                    }
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var dialogue = SMTPDialogue(envelope, isEncrypted: isImplicit)
            var reader = ReplyReader(inbound.makeAsyncIterator())
            while true {
                var action = try dialogue.next(try await reader.reply())
                if action == .encrypt {
                    // What came before the encryption may be anybody's.
                    guard reader.isEmpty else {
                        throw SendTrouble.permanent("the mail server speaks before TLS begins")
                    }
                    try await channel.channel.eventLoop.submit {
                        try channel.channel.pipeline.syncOperations.addHandler(
                            try encryption(), position: .first)
                    }.get()
                    action = dialogue.secured()
                }
                guard case .say(let bytes) = action else { break }
                try await outbound.write(ByteBuffer(bytes: bytes))
            }
            // The mail is taken: whether the farewell arrives changes nothing.
            try await outbound.write(ByteBuffer(string: "QUIT\r\n"))
            let refused = dialogue.refused.map { "\($0.recipient) (\($0.reply.text))" }
            return refused.isEmpty ? nil : refused.joined(separator: ", ")
        }
    }

    private func encryption() throws -> NIOSSLClientHandler {
        let context = try NIOSSLContext(configuration: try tls.configuration())
        let name = tls.serverName ?? host
        let isAddress = name.contains(":") || name.allSatisfy { $0.isNumber || $0 == "." }
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name)
    }

    /// Puts replies together of what arrives.
    private struct ReplyReader {
        private var iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
        private var bytes: [UInt8] = []

        init(_ iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) {
            self.iterator = iterator
        }

        var isEmpty: Bool { bytes.isEmpty }

        mutating func reply() async throws -> SMTPDialogue.Reply {
            var lines: [String] = []
            while true {
                let line = try await line()
                guard line.utf8.count >= 3, let code = Int(line.prefix(3)), (200...599) ~= code
                else {
                    throw SendTrouble.permanent("the server does not speak SMTP")
                }
                lines.append(String(line.dropFirst(4)))
                if line.dropFirst(3).first != "-" {
                    return SMTPDialogue.Reply(code: code, lines: lines)
                }
                guard lines.count < 200 else {
                    throw SendTrouble.permanent("the mail server's reply has no end")
                }
            }
        }

        private mutating func line() async throws -> String {
            while true {
                if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                    var line = bytes[..<end]
                    if line.last == UInt8(ascii: "\r") { line.removeLast() }
                    let text = String(decoding: line, as: UTF8.self)
                    bytes.removeSubrange(...end)
                    return text
                }
                guard bytes.count <= SMTPConnection.replyBytesMax else {
                    throw SendTrouble.permanent("the mail server's reply has no end")
                }
                guard let part = try await iterator.next() else {
                    throw SendTrouble.transient("the mail server closed the connection")
                }
                bytes += part.readableBytesView
            }
        }
    }
}
