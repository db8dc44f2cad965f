import Foundation
import HTTPServer
import NIOCore
import NIOPosix
import NIOSSL
import Receivers
import Telemetry
import Testing

@Suite("syslog over TLS")
struct SyslogTLSTests {
    /// The certificate and its key as files, in a folder that `body` may use.
    private func withFiles(
        _ body: (_ certificate: String, _ key: String) async throws -> Void
    ) async throws {
        let folder = NSTemporaryDirectory() + "sidelight-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let (certificate, key) = (folder + "/cert.pem", folder + "/key.pem")
        try TestCertificate.certificate.write(
            toFile: certificate, atomically: true, encoding: .utf8)
        try TestCertificate.key.write(toFile: key, atomically: true, encoding: .utf8)
        do { try await body(certificate, key) } catch {
            try FileManager.default.removeItem(atPath: folder)
            throw error
        }
        try FileManager.default.removeItem(atPath: folder)
    }

    private func withSyslog(
        _ bed: TestBed, needsCertificate: Bool = false,
        _ body: (SyslogListener) async throws -> Void
    ) async throws {
        try await withFiles { certificate, key in
            let tls = try SyslogTLS(
                certificateFile: certificate, keyFile: key,
                clientAuthorityFile: needsCertificate ? certificate : nil)
            let listener = try await SyslogListener.open(
                ListenAddress(host: "127.0.0.1", port: 0), flag: "--syslog-tls", tls: tls,
                ingest: bed.ingest)
            do { try await body(listener) } catch {
                await listener.shutdown()
                throw error
            }
            await listener.shutdown()
        }
    }

    /// Sends what a daemon sends: the certificate of the server is checked.
    private func send(
        _ text: String, to port: Int, showsCertificate: Bool = false
    ) async throws {
        let certificate = try NIOSSLCertificate(
            bytes: Array(TestCertificate.certificate.utf8), format: .pem)
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates([certificate])
        if showsCertificate {
            configuration.certificateChain = [.certificate(certificate)]
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(TestCertificate.key.utf8), format: .pem))
        }
        let context = try NIOSSLContext(configuration: configuration)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: "localhost"))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await channel.writeAndFlush(ByteBuffer(string: text)).get()
        try await channel.close().get()
    }

    private func bodies(_ bed: TestBed) -> [String] {
        bed.store.logs.flatMap { batch in (0..<batch.count).map { batch.body($0).text } }
    }

    private func refusals(_ bed: TestBed) -> UInt64 {
        bed.count("sidelight_receiver_refused_requests_total", "syslog", "tls_handshake")
    }

    /// Looks now and then, and lets others work meanwhile.
    private func until(_ isSo: () -> Bool) async throws {
        while !isSo() { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test("counted messages are stored, in their order", .timeLimit(.minutes(8)))
    func messages() async throws {
        let bed = TestBed()
        try await withSyslog(bed) { listener in
            let messages = (0..<100).map { "<13>1 - h app - - - message \($0)\nand more" }
            try await send(
                messages.map { "\($0.utf8.count) \($0)" }.joined(), to: listener.address.port)
            try await until { bodies(bed).count == 100 }
        }
        #expect(bodies(bed) == (0..<100).map { "message \($0)\nand more" })
        #expect(bed.count("sidelight_receiver_items_total", "logs", "syslog") == 100)
        #expect(refusals(bed) == 0)
    }

    @Test(
        "who speaks no TLS is refused and counted, and holds up nobody", .timeLimit(.minutes(8)))
    func plain() async throws {
        let bed = TestBed()
        try await withSyslog(bed) { listener in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: listener.address.port).get()
            try await channel.writeAndFlush(
                ByteBuffer(string: "<13>1 - h app - - - in the clear\n")
            ).get()
            try await until { refusals(bed) > 0 }
            try await send("24 <13>1 - h app - - - good", to: listener.address.port)
            try await until { !bodies(bed).isEmpty }
        }
        #expect(bodies(bed) == ["good"])
        #expect(refusals(bed) == 1)
    }

    @Test("senders may have to show a certificate", .timeLimit(.minutes(8)))
    func clientCertificates() async throws {
        let bed = TestBed()
        try await withSyslog(bed, needsCertificate: true) { listener in
            // In TLS 1.3 it hears of it only after it has sent.
            do { try await send("23 <13>1 - h app - - - bad", to: listener.address.port) } catch {
                #expect(
                    error is NIOSSLError || error is BoringSSLError || error is IOError
                        || error is ChannelError)
            }
            try await until { refusals(bed) > 0 }
            try await send(
                "24 <13>1 - h app - - - good", to: listener.address.port, showsCertificate: true)
            try await until { !bodies(bed).isEmpty }
        }
        #expect(bodies(bed) == ["good"])
    }

    @Test("a file that is not what it should be is named")
    func files() async throws {
        try await withFiles { certificate, key in
            for (first, second, named) in [
                ("/nowhere.pem", key, "/nowhere.pem"), (key, key, key),
                (certificate, "/no.key", "/no.key"), (certificate, certificate, certificate),
            ] {
                do throws(SyslogTLS.Failure) {
                    _ = try SyslogTLS(certificateFile: first, keyFile: second)
                    Issue.record("\(first) and \(second) were taken")
                } catch { #expect(error.path == named && !error.reason.isEmpty) }
            }
        }
    }
}
