import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// An SMTP server on a free port of loopback that takes mails and keeps what was said.
final class MailServer: Sendable {
    /// How it behaves.
    struct Manner: Sendable {
        var offersTLS = true
        var offersAuth = true
        /// Answers instead of the usual ones, by the command or its first word.
        var answers: [String: String] = [:]
        /// Speaks before TLS begins, as somebody in between may.
        var speaksEarly = false
    }

    private struct State {
        var commands: [String] = []
        var mails: [String] = []
    }

    let manner: Manner
    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    private init(_ manner: Manner) { self.manner = manner }

    static func with<Value>(
        _ manner: Manner = Manner(), _ body: (MailServer) async throws -> Value
    ) async throws -> Value {
        let server = MailServer(manner)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(MailHandler(server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        server.channel.withLock { $0 = channel }
        let result: Result<Value, any Error>
        do { result = .success(try await body(server)) } catch { result = .failure(error) }
        try await channel.close()
        return try result.get()
    }

    var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
    var commands: [String] { state.withLock { $0.commands } }
    var mails: [String] { state.withLock { $0.mails } }

    fileprivate func heard(_ command: String) { state.withLock { $0.commands.append(command) } }
    fileprivate func took(_ mail: String) { state.withLock { $0.mails.append(mail) } }

    /// Self-signed, for `localhost`.
    static func tls() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map {
                .certificate($0)
            }, privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)))
        configuration.minimumTLSVersion = .tlsv12
        return try NIOSSLContext(configuration: configuration)
    }

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgz2IkR0M7CQFMtsp5
        CZuMiZDDxXiv6hjrlb/3pRy9vDehRANCAATj6kEyobTzyHcjVQyYtZMh0/E4TkDQ
        pdIh9vlxrzOLUO243am9EJ0h1Cfm2HU4f4lVk3J6msbGKCnGgh9zMfTi
        -----END PRIVATE KEY-----

        """
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUD506Ktgpcvxbx44vQqrJIe+9KRQwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTIxMTUzMloYDzIxMjYxMDI4
        MjExNTMyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAATj6kEyobTzyHcjVQyYtZMh0/E4TkDQpdIh9vlxrzOLUO243am9EJ0h
        1Cfm2HU4f4lVk3J6msbGKCnGgh9zMfTio28wbTAdBgNVHQ4EFgQUNiAI1kBnMr1E
        6eXvAK+1YgvDIfwwHwYDVR0jBBgwFoAUNiAI1kBnMr1E6eXvAK+1YgvDIfwwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDSAAwRQIhAOF+rH7qPgWLcMyujHP7UYNVyGyK3vpp7d7Ev22mTzMQAiAR
        QXAhOjt6qtXwKqYUd2YyuMWtkaHQcqp7o2DU7myM5A==
        -----END CERTIFICATE-----

        """
}

private final class MailHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: MailServer
    private var text = ""
    private var mail: [String]?
    private var isEncrypted = false
    /// Answers of AUTH LOGIN that are still to come.
    private var logins = 0

    init(_ server: MailServer) { self.server = server }

    func channelActive(context: ChannelHandlerContext) { say("220 here", context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
        while let end = text.firstRange(of: "\r\n") {
            let line = String(text[..<end.lowerBound])
            text = String(text[end.upperBound...])
            hear(line, context)
        }
    }

    private func hear(_ line: String, _ context: ChannelHandlerContext) {
        if var lines = mail {
            if line == "." {
                server.took(lines.joined(separator: "\n"))
                mail = nil
                return say(server.manner.answers["."] ?? "250 taken", context)
            }
            lines.append(line.hasPrefix(".") ? String(line.dropFirst()) : line)
            mail = lines
            return
        }
        server.heard(line)
        let word = line.split(separator: " ").first.map(String.init) ?? ""
        if let answer = server.manner.answers[line] ?? server.manner.answers[word] {
            return say(answer, context)
        }
        switch word {
        case "EHLO":
            var offers = ["250-here"]
            if server.manner.offersTLS, !isEncrypted { offers.append("250-STARTTLS") }
            if server.manner.offersAuth { offers.append("250-AUTH PLAIN LOGIN") }
            say((offers + ["250 8BITMIME"]).joined(separator: "\r\n"), context)
        case "STARTTLS": encrypt(context)
        case "AUTH": say("235 welcome", context)
        case "DATA":
            mail = []
            say("354 go on", context)
        case "QUIT":
            say("221 bye", context)
            context.close(promise: nil)
        default: say("250 fine", context)
        }
    }

    private func encrypt(_ context: ChannelHandlerContext) {
        isEncrypted = true
        say(server.manner.speaksEarly ? "220 go\r\n250 injected" : "220 go", context)
        do {
            try context.pipeline.syncOperations.addHandler(
                NIOSSLServerHandler(context: try MailServer.tls()), position: .first)
        } catch {
            context.close(promise: nil)
        }
    }

    private func say(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text + "\r\n")), promise: nil)
    }
}
