import NIOSSL
import Platform

/// How a target proves who it is and how we do (`tls_config`).
package struct ScrapeTLS: Sendable, Hashable {
    package enum Version: String, Sendable, CaseIterable {
        case tls10 = "TLS10"
        case tls11 = "TLS11"
        case tls12 = "TLS12"
        case tls13 = "TLS13"

        fileprivate var version: TLSVersion {
            switch self {
            case .tls10: .tlsv1
            case .tls11: .tlsv11
            case .tls12: .tlsv12
            case .tls13: .tlsv13
            }
        }
    }

    /// PEM; `nil` trusts what the system trusts.
    package var authority: ScrapeAccess.Secret?
    /// PEM, both or neither.
    package var certificate: ScrapeAccess.Secret?
    package var key: ScrapeAccess.Secret?
    /// What the certificate must name; "" is the target's host.
    package var serverName = ""
    package var isUnchecked = false
    package var minimum = Version.tls12
    package var maximum: Version?

    package init() {}

    /// What the files hold: they may be renewed while the program runs.
    struct Material: Hashable {
        var authority: String?
        var certificate: String?
        var key: String?
    }

    func material() throws(ScrapeFailure) -> Material {
        var material = Material()
        if let authority { material.authority = try authority.content() }
        if let certificate { material.certificate = try certificate.content() }
        if let key { material.key = try key.content() }
        return material
    }

    func configuration(_ material: Material) throws(ScrapeFailure) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = minimum.version
        configuration.maximumTLSVersion = maximum?.version
        if isUnchecked { configuration.certificateVerification = .none }
        do {
            if let authority = material.authority {
                configuration.trustRoots = .certificates(
                    try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
            }
            if let certificate = material.certificate, let key = material.key {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(
                    Array(certificate.utf8)
                ).map { .certificate($0) }
                configuration.privateKey = .privateKey(
                    try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
            }
        } catch {
            throw ScrapeFailure("tls_config: \(error)")
        }
        return configuration
    }
}

/// A proxy that targets are asked through (`proxy_url`).
package struct ScrapeProxy: Sendable, Hashable {
    package var host: String
    package var port: Int
    /// "" for none.
    package var user = ""
    package var password = ""
}

extension ScrapeAccess.Secret {
    /// As it stands in its file now.
    func content() throws(ScrapeFailure) -> String {
        switch self {
        case .text(let text): return text
        case .file(let path):
            do throws(ScrapeFileError) {
                return try ScrapeFile.text(of: path, from: PosixFileSystem())
            } catch {
                throw ScrapeFailure("\(error)")
            }
        }
    }
}
