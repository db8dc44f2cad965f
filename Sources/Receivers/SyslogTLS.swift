import NIOCore
import NIOSSL

/// What syslog over TLS (RFC 5425) needs: the server's certificate and, if senders have to show one too, the
/// authorities that sign theirs.
package struct SyslogTLS: Sendable {
    /// A file that is not there or not what it should be.
    package struct Failure: Error, CustomStringConvertible {
        package let path: String
        package let reason: String

        package var description: String { "\(path): \(reason)" }
    }

    private let context: NIOSSLContext

    /// Reads the files, all PEM. TLS 1.2 is the oldest that is spoken.
    /// - Parameters:
    ///   - certificateFile: the server's, followed by those that lead to its authority.
    ///   - clientAuthorityFile: `nil`: senders need no certificate.
    package init(
        certificateFile: String, keyFile: String, clientAuthorityFile: String? = nil
    ) throws(Failure) {
        let chain = try Self.reading(certificateFile) {
            try NIOSSLCertificate.fromPEMFile(certificateFile)
        }
        let key = try Self.reading(keyFile) { try NIOSSLPrivateKey(file: keyFile, format: .pem) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        if let clientAuthorityFile {
            let authorities = try Self.reading(clientAuthorityFile) {
                try NIOSSLCertificate.fromPEMFile(clientAuthorityFile)
            }
            configuration.trustRoots = .certificates(authorities)
            configuration.certificateVerification = .noHostnameVerification
        }
        context = try Self.reading(certificateFile) {
            try NIOSSLContext(configuration: configuration)
        }
    }

    private static func reading<Part>(
        _ path: String, _ read: () throws -> Part
    ) throws(Failure) -> Part {
        do { return try read() } catch { throw Failure(path: path, reason: "\(error)") }
    }

    func add(to channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
    }

    /// Whether a connection ended before it was one.
    static func isFailedHandshake(_ error: any Error) -> Bool {
        if case .handshakeFailed? = error as? NIOSSLError { return true }
        return error is BoringSSLError
    }
}
