import Store
import Telemetry

/// The names that Zipkin's API lists and compares, all in lower case, over a store that keeps them as they
/// were sent.
struct ZipkinNames: Sendable {
    let store: any SpanStore
    /// Of stored values that are looked at.
    let limit: Int

    func services() throws -> [String] { lowered(try storedServices()) }

    /// The names of a service's spans; of none if `service` is "".
    func spanNames(of service: String) throws -> [String] {
        try values(.name, of: service)
    }

    func remoteServices(of service: String) throws -> [String] {
        try values(.attribute(.span, key: SemanticKey.peerService), of: service)
    }

    /// Names that a menu of tags shows: one trace with a name for each thing that it counts must not
    /// hide the others.
    private static let tagKeysMax = 1_000
    /// Spans that tell which names are used most.
    private static let rankedSpansMax = 5_000

    /// The names of tags, as they are stored; of very many those that most of the newest spans have.
    func tagKeys() throws -> [String] {
        let keys = try stored(.attributeKeys(.span)) + stored(.attributeKeys(.resource))
        var shown = Set(keys).filter { !$0.isEmpty && !ZipkinSpanWriter.isEndpoint($0) }
        if shown.count > Self.tagKeysMax {
            shown = Set(Self.mostUsed(shown, try tagUses()))
        }
        return shown.sorted { Labels.precedes($0.utf8, $1.utf8) }
    }

    /// The names that most spans have, `tagKeysMax` of them; of those that equally many have the first.
    private static func mostUsed(_ names: Set<String>, _ uses: [String: Int]) -> [String] {
        let byUses = Dictionary(grouping: names) { uses[$0, default: 0] }
        var chosen: [String] = []
        for (_, names) in byUses.sorted(by: { $0.key > $1.key }) {
            let room = tagKeysMax - chosen.count
            guard names.count > room else {
                chosen += names
                continue
            }
            // One span may have very many that no other has.
            chosen += first(room, of: names)
            break
        }
        return chosen
    }

    private static func first(_ count: Int, of names: [String]) -> ArraySlice<String> {
        var first: [String] = []
        var last: String?
        for name in names {
            if let last, !precedes(name, last) { continue }
            first.append(name)
            guard first.count >= 2 * count else { continue }
            first.sort(by: precedes)
            first.removeLast(first.count - count)
            last = first.last
        }
        return first.sorted(by: precedes).prefix(count)
    }

    private static func precedes(_ a: String, _ b: String) -> Bool {
        Labels.precedes(a.utf8, b.utf8)
    }

    /// How many of the newest spans have a tag.
    private func tagUses() throws -> [String: Int] {
        var uses: [String: Int] = [:]
        var left = Self.rankedSpansMax
        try store.scanSpans(SpanPredicate(), in: .all, fields: [.times, .core, .attributes]) {
            spans, _ in
            var counts: [StringID: Int] = [:]
            for row in 0..<min(left, spans.count) {
                let resource = spans.shared.resources[Int(spans.resourceIndices[row])]
                for cell in spans.attributeRange(row) {
                    counts[spans.attributes.keys[cell], default: 0] += 1
                }
                for cell in resource.attributes {
                    counts[spans.shared.attributes.keys[cell], default: 0] += 1
                }
            }
            for (key, count) in counts { uses[spans.strings[key], default: 0] += count }
            left -= spans.count
            return left > 0
        }
        return uses
    }

    /// The values of a tag, as they are stored.
    func tagValues(of key: String) throws -> [String] {
        let values =
            try stored(.attribute(.span, key: key)) + stored(.attribute(.resource, key: key))
        return Set(values).sorted { Labels.precedes($0.utf8, $1.utf8) }
    }

    // MARK: As stored

    /// The stored names that are `name` in lower case.
    func services(like name: String) throws -> [String] {
        try storedServices().filter { $0.lowercased() == name }
    }

    func spanNames(like name: String, of services: [String]) throws -> [String] {
        try stored(.name, of: services).filter { $0.lowercased() == name }
    }

    func remoteServices(like name: String, of services: [String]) throws -> [String] {
        try stored(.attribute(.span, key: SemanticKey.peerService), of: services)
            .filter { $0.lowercased() == name }
    }

    private func storedServices() throws -> [String] { try stored(.service) }

    private func values(_ field: SpanField, of service: String) throws -> [String] {
        guard !service.isEmpty else { return [] }
        let services = try services(like: service.lowercased())
        return services.isEmpty ? [] : lowered(try stored(field, of: services))
    }

    /// Of all services if `services` is empty.
    private func stored(_ field: SpanField, of services: [String] = []) throws -> [String] {
        guard !services.isEmpty else {
            return try store.spanValues(
                of: field, matching: SpanPredicate(), in: .all, limit: limit)
        }
        return try services.flatMap { service in
            try store.spanValues(
                of: field, matching: SpanPredicate([.service(service)]), in: .all, limit: limit)
        }
    }

    private func lowered(_ names: [String]) -> [String] {
        Set(names.map { $0.lowercased() }).subtracting([""])
            .sorted { Labels.precedes($0.utf8, $1.utf8) }
    }
}
