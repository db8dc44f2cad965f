import Glibc

/// Targets that are asked without a proxy (`no_proxy`), as Go's `httpproxy` reads it: names with what lies
/// below them, names with a dot before them for what lies below them alone, addresses, networks, each with a port
/// or without, or `*`.
package struct ScrapeProxyExceptions: Sendable, Hashable {
    private enum Rule: Sendable, Hashable {
        case all
        /// - Parameter isWhole: whether the name itself counts.
        case name(String, isWhole: Bool, port: Int?)
        case network(bytes: [UInt8], bits: Int, port: Int?)
    }

    private var rules: [Rule] = []

    package init(_ text: String = "") {
        for part in text.split(whereSeparator: { $0 == "," }) {
            let entry = part.filter { $0 != " " && $0 != "\t" }.lowercased()
            if entry.isEmpty { continue }
            rules.append(Self.rule(entry))
        }
    }

    private static func rule(_ entry: String) -> Rule {
        if entry == "*" { return .all }
        if let slash = entry.lastIndex(of: "/"),
            let bytes = address(String(entry[..<slash])),
            let bits = Int(entry[entry.index(after: slash)...]), bits <= bytes.count * 8, bits >= 0
        {
            return .network(bytes: bytes, bits: bits, port: nil)
        }
        if let bytes = address(entry) {
            return .network(bytes: bytes, bits: bytes.count * 8, port: nil)
        }
        var (host, port) = split(entry)
        if let bytes = address(host) {
            return .network(bytes: bytes, bits: bytes.count * 8, port: port)
        }
        let isBelow = host.hasPrefix(".") || host.hasPrefix("*.")
        while host.hasPrefix("*") || host.hasPrefix(".") { host.removeFirst() }
        return .name(host, isWhole: !isBelow, port: port)
    }

    private static func split(_ entry: String) -> (host: String, port: Int?) {
        guard let colon = entry.lastIndex(of: ":"),
            let port = Int(entry[entry.index(after: colon)...])
        else { return (entry, nil) }
        return (String(entry[..<colon]), port)
    }

    /// The bytes of an IP address, with brackets or without; `nil` if it is none.
    private static func address(_ text: String) -> [UInt8]? {
        var text = text
        if text.hasPrefix("["), text.hasSuffix("]") { text = String(text.dropFirst().dropLast()) }
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }

    /// Whether a target is asked directly.
    package func holds(host: String, port: Int) -> Bool {
        var host = host.lowercased()
        while host.hasSuffix(".") { host.removeLast() }
        let bytes = Self.address(host)
        return rules.contains { rule in
            switch rule {
            case .all: return true
            case .name(let name, let isWhole, let wanted):
                guard wanted.map({ $0 == port }) ?? true else { return false }
                return isWhole && host == name || host.hasSuffix("." + name)
            case .network(let network, let bits, let wanted):
                guard wanted.map({ $0 == port }) ?? true, let bytes,
                    bytes.count == network.count
                else { return false }
                return Self.share(bytes, network) >= bits
            }
        }
    }

    /// How many leading bits two addresses have in common.
    private static func share(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var bits = 0
        for (x, y) in zip(a, b) {
            let equal = (x ^ y).leadingZeroBitCount
            bits += equal
            if equal < 8 { break }
        }
        return bits
    }
}
