/// Where a listener binds: a host name or address, and a port (0 lets the system pick one).
package struct ListenAddress: Sendable, Hashable {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT` or `[IPV6]:PORT`. The host must be given, so that nobody opens a port to the
    /// world by leaving it out.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: Int(port))
    }

    /// Whether only this machine can reach the address.
    package var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

extension ListenAddress: CustomStringConvertible {
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Why a listener could not be opened. The message names the address and the flag that moves it.
package enum ListenError: Error, Sendable, Hashable {
    case taken(ListenAddress, flag: String)
    case notPermitted(ListenAddress, flag: String)
    case unknownHost(ListenAddress, flag: String)
    case failed(ListenAddress, flag: String, reason: String)
    /// Reachable from other machines without any protection.
    case exposed(ListenAddress, flag: String)
}

extension ListenError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .taken(let address, let flag):
            "\(address) is taken by another program; choose another port with \(flag) HOST:PORT"
        case .notPermitted(let address, let flag):
            "not permitted to listen on \(address); choose another port with \(flag) HOST:PORT"
        case .unknownHost(let address, let flag):
            "\(address.host) is no address of this machine; choose one with \(flag) HOST:PORT"
        case .failed(let address, let flag, let reason):
            "cannot listen on \(address) (\(flag)): \(reason)"
        case .exposed(let address, let flag):
            "\(flag) \(address) can be reached from other machines: give --token-file F to demand a"
                + " bearer token, or --insecure to serve everybody"
        }
    }
}

extension ListenAddress {
    /// The rule that no port is opened to other machines by accident: beyond loopback a listener needs
    /// tokens or the operator's explicit word.
    package func checkExposure(
        flag: String, hasTokens: Bool, isInsecureAllowed: Bool
    ) throws(ListenError) {
        guard isLoopback || hasTokens || isInsecureAllowed else {
            throw .exposed(self, flag: flag)
        }
    }
}
