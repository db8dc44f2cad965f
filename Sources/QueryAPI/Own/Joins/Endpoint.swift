/// Addresses with ports as proxies write them: `10.0.0.1:80`, `[2001:db8::1]:80` (Envoy, RFC 3986 §3.2.2),
/// `2001:db8::1:80` (HAProxy), and IPv4 addresses inside IPv6 ones.
enum Endpoint {
    private static let mapped = "::ffff:"

    /// One way of writing it: with brackets around an IPv6 address, an IPv4 address by itself. A text that is
    /// no such address stays.
    static func canonical(_ text: String) -> String {
        guard let colon = text.lastIndex(of: ":"), text[..<colon].contains(":") else { return text }
        let port = text[text.index(after: colon)...]
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        let digits = Set("0123456789abcdefABCDEF:.")
        guard UInt16(port) != nil, host.contains(":"), host.allSatisfy(digits.contains) else {
            return text
        }
        let lower = host.lowercased()
        if lower.hasPrefix(mapped), lower.contains(".") {
            return "\(lower.dropFirst(mapped.count)):\(port)"
        }
        return "[\(lower)]:\(port)"
    }

    /// What every way of writing a canonical address has in it.
    static func core(of address: String) -> String {
        // One inside an IPv6 address ends as it does by itself.
        guard address.hasPrefix("["), let end = address.lastIndex(of: "]") else { return address }
        return String(address[address.index(after: address.startIndex)..<end])
    }

    /// Whether it has a port: an address alone says nothing.
    static func hasPort(_ address: String) -> Bool {
        guard let colon = address.lastIndex(of: ":") else { return false }
        return UInt16(address[address.index(after: colon)...]) ?? 0 > 0
    }
}
