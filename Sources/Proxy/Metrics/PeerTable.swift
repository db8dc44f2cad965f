/// The workloads that other proxies have named on one event loop. Bounded: a peer that invents names
/// must not be able to invent series.
struct PeerTable {
    struct Peer: Hashable {
        var service: String
        var version: String
        var namespace: String

        static let unknown = Peer(service: "unknown", version: "unknown", namespace: "unknown")
    }

    /// More neighbours than a mesh's services have; the rest counts as unknown.
    private static let peersMax = 512
    private static let nameBytesMax = 256

    private(set) var peers = [Peer.unknown]
    private var indices: [[UInt8]: UInt32] = [:]
    private var last: (name: [UInt8], index: UInt32) = ([], 0)

    /// The index of the peer called `name` (`service/version/namespace`, the latter two optional);
    /// 0 for what is no name or one too many.
    mutating func index(of name: UnsafeRawBufferPointer) -> UInt32 {
        if last.name.withUnsafeBytes({ $0.equals(name) }), !name.isEmpty { return last.index }
        guard !name.isEmpty, name.count <= Self.nameBytesMax else { return 0 }
        let key = Array(name)
        if let index = indices[key] {
            last = (key, index)
            return index
        }
        guard peers.count < Self.peersMax, let peer = Self.parse(key) else { return 0 }
        let index = UInt32(peers.count)
        peers.append(peer)
        indices[key] = index
        last = (key, index)
        return index
    }

    private static func parse(_ name: [UInt8]) -> Peer? {
        guard name.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let parts = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count <= 3, !parts[0].isEmpty else { return nil }
        func text(_ index: Int) -> String {
            guard index < parts.count, !parts[index].isEmpty else { return "unknown" }
            return String(decoding: parts[index], as: UTF8.self)
        }
        return Peer(service: text(0), version: text(1), namespace: text(2))
    }
}
