import Foundation
import NIOSSL

/// How a receiver is spoken to by HTTP: `http_config`.
package struct HTTPOptions: Sendable {
    enum Credentials: Sendable {
        case basic(user: String, password: Secret?)
        case token(type: String, Secret)
    }

    var credentials: Credentials?
    var tls: TLSOptions?

    static let standard = HTTPOptions()

    private static let refused = [
        "oauth2": "give a token by authorization or credentials_file",
        "proxy_url": "receivers are reached directly", "no_proxy": "receivers are reached directly",
        "proxy_from_environment": "receivers are reached directly",
        "proxy_connect_header": "receivers are reached directly",
        "http_headers": "receivers have the headers that they need",
    ]

    init() {}

    init(_ node: ConfigNode) throws(NotifierConfigError) {
        let fields = try node.fields(
            [
                "basic_auth", "authorization", "bearer_token", "bearer_token_file", "tls_config",
                "follow_redirects", "enable_http2",
            ], type: "config.HTTPClientConfig", refused: Self.refused)
        // Both are read and left at that: a redirect would carry the notification somewhere nobody chose.
        _ = try fields.flag("follow_redirects")
        _ = try fields.flag("enable_http2")
        let ways = ["basic_auth", "authorization", "bearer_token", "bearer_token_file"]
        guard ways.count(where: { fields[$0] != nil }) <= 1 else {
            throw node.failure(
                "at most one of basic_auth, bearer_token & authorization must be configured")
        }
        if let token = try fields.secret("bearer_token") {
            credentials = .token(type: "Bearer", token)
        }
        if let node = fields["basic_auth"] {
            let auth = try node.fields(
                ["username", "password", "password_file"], type: "config.BasicAuth",
                refused: ["username_file": "write the name into username"])
            credentials = .basic(
                user: try auth.text("username"), password: try auth.secret("password"))
        }
        if let node = fields["authorization"] {
            let auth = try node.fields(
                ["type", "credentials", "credentials_file"], type: "config.Authorization")
            guard let secret = try auth.secret("credentials") else {
                throw node.failure("authorization needs credentials or credentials_file")
            }
            let type = try auth.text("type", default: "Bearer")
            guard type.lowercased() != "basic" else {
                throw node.failure(
                    "authorization type cannot be set to \"basic\", use \"basic_auth\" instead")
            }
            credentials = .token(type: type, secret)
        }
        tls = try fields["tls_config"].map { node throws(NotifierConfigError) in
            try TLSOptions(node)
        }
    }

    /// The value of the `Authorization` header.
    func authorization() throws(SecretError) -> String? {
        switch credentials {
        case nil: return nil
        case .token(let type, let secret): return "\(type) \(try secret.value())"
        case .basic(let user, let password):
            let password = try password?.value() ?? ""
            return "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())"
        }
    }
}

/// `tls_config`.
package struct TLSOptions: Sendable {
    var authorityFile: String?
    var certificateFile: String?
    var keyFile: String?
    var serverName: String?
    var skipsVerification = false

    init() {}

    init(_ node: ConfigNode) throws(NotifierConfigError) {
        let inline = "name a file"
        let fields = try node.fields(
            ["ca_file", "cert_file", "key_file", "server_name", "insecure_skip_verify"],
            type: "config.TLSConfig",
            refused: [
                "ca": inline, "cert": inline, "key": inline, "ca_ref": inline, "cert_ref": inline,
                "key_ref": inline, "min_version": "TLS 1.2 is the least",
                "max_version": "the newest version is used",
            ])
        authorityFile = try fields["ca_file"]?.text()
        certificateFile = try fields["cert_file"]?.text()
        keyFile = try fields["key_file"]?.text()
        serverName = try fields["server_name"]?.text()
        skipsVerification = try fields.flag("insecure_skip_verify")
        guard (certificateFile == nil) == (keyFile == nil) else {
            throw node.failure(
                "exactly one of cert_file and key_file is configured: both are needed")
        }
    }

    /// - Throws: if a file cannot be read.
    func configuration() throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let authorityFile { configuration.trustRoots = .file(authorityFile) }
        if let certificateFile, let keyFile {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificateFile)
                .map { .certificate($0) }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(file: keyFile, format: .pem))
        }
        if skipsVerification { configuration.certificateVerification = .none }
        return configuration
    }
}
