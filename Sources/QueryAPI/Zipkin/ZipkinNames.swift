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

    /// The names of tags, as they are stored.
    func tagKeys() throws -> [String] {
        let keys = try stored(.attributeKeys(.span)) + stored(.attributeKeys(.resource))
        return Set(keys).filter { !ZipkinSpanWriter.isEndpoint($0) }
            .sorted { Labels.precedes($0.utf8, $1.utf8) }
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
