import Foundation

extension ScrapeTLS {
    init(_ node: ScrapeFileNode, _ folder: String) throws(ScrapeFileError) {
        self.init()
        for (key, value) in try node.entries() {
            // Manifests write the same names in another way.
            switch key {
            case "ca": authority = .text(try value.text())
            case "ca_file", "caFile": authority = .file(folder.resolving(try value.text()))
            case "cert": certificate = .text(try value.text())
            case "cert_file", "certFile": certificate = .file(folder.resolving(try value.text()))
            case "key": self.key = .text(try value.text())
            case "key_file", "keyFile": self.key = .file(folder.resolving(try value.text()))
            case "server_name", "serverName": serverName = try value.text()
            case "insecure_skip_verify", "insecureSkipVerify": isUnchecked = try value.flag()
            case "min_version", "minVersion": minimum = try Self.version(value)
            case "max_version", "maxVersion": maximum = try Self.version(value)
            default: throw value.failure("\(value.what) is not supported")
            }
        }
        guard (certificate == nil) == (key == nil) else {
            throw node.failure("\(node.what) needs both a certificate and its key, or neither")
        }
    }

    private static func version(_ node: ScrapeFileNode) throws(ScrapeFileError) -> Version {
        guard let version = Version(rawValue: try node.text()) else {
            throw node.failure(
                "\(node.what) must be one of "
                    + Version.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return version
    }
}

extension ScrapeProxy {
    init(_ node: ScrapeFileNode) throws(ScrapeFileError) {
        let parts = URLComponents(string: try node.text())
        guard let parts, parts.scheme == "http", let host = parts.host, !host.isEmpty,
            parts.path.isEmpty || parts.path == "/"
        else {
            throw node.failure("\(node.what) must be http://[USER:PASSWORD@]HOST[:PORT]")
        }
        self.init(
            host: host, port: parts.port ?? 80, user: parts.user ?? "",
            password: parts.password ?? "")
    }
}
