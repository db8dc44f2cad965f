import NIOCore

/// Addresses of sockets as text, once per connection.
enum SocketText {
    /// `host:port`; empty for what has no IP address.
    static func address(_ address: SocketAddress?) -> [UInt8] {
        guard let address, let host = address.ipAddress, let port = address.port else { return [] }
        return Array(Address(host: host, port: port).description.utf8)
    }

    /// The IP address alone.
    static func host(_ address: SocketAddress?) -> [UInt8] {
        Array((address?.ipAddress ?? "").utf8)
    }
}
