import Yams

extension Node.Mapping {
    /// Mappings may be merged into mappings of mappings; deeper is a mistake.
    private static let depthMax = 32
    /// How many mappings may be merged into one: each of a few lines may name the one before several times.
    private static let mergesMax = 10_000

    /// Keys and values with those of mappings that are merged in by `<<` (YAML's merge keys), which own keys
    /// and earlier ones hide. The key `<<` stays where its value is nothing to merge.
    package var merged: [(key: Node, value: Node)] {
        var left = Self.mergesMax
        return merged(depth: 0, &left)
    }

    private func merged(depth: Int, _ left: inout Int) -> [(key: Node, value: Node)] {
        guard depth < Self.depthMax, left > 0, contains(where: { Self.isMerge($0.key) }) else {
            return map { ($0.key, $0.value) }
        }
        var pairs: [(key: Node, value: Node)] = []
        var added: [Node.Mapping] = []
        for (key, value) in self {
            if Self.isMerge(key), let mappings = Self.mappings(value) {
                added += mappings
            } else {
                pairs.append((key, value))
            }
        }
        var names = Set(pairs.map { $0.key.string ?? "" })
        for mapping in added {
            left -= 1
            for pair in mapping.merged(depth: depth + 1, &left)
            where names.insert(pair.key.string ?? "").inserted {
                pairs.append(pair)
            }
        }
        return pairs
    }

    private static func isMerge(_ key: Node) -> Bool {
        guard case .scalar(let scalar) = key else { return false }
        return scalar.string == "<<" && (scalar.style == .plain || scalar.style == .any)
    }

    /// `nil` if the value is neither a mapping nor a list of such.
    private static func mappings(_ value: Node) -> [Node.Mapping]? {
        switch value {
        case .mapping(let mapping): return [mapping]
        case .sequence(let sequence):
            var found: [Node.Mapping] = []
            for node in sequence {
                guard case .mapping(let mapping) = node else { return nil }
                found.append(mapping)
            }
            return found
        case .scalar, .alias: return nil
        }
    }
}
