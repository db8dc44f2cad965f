import Telemetry

/// Who the proxy's telemetry is from.
enum ProxyTelemetry {
    static let scope = Scope(name: "sidelight.proxy")

    /// The workload's resource, so that its proxy's spans count as its own.
    static func resource(_ workload: ProxyConfiguration.Workload) -> Resource {
        var attributes = [Attribute(SemanticKey.serviceName, .string(workload.name))]
        if !workload.version.isEmpty {
            attributes.append(Attribute(SemanticKey.serviceVersion, .string(workload.version)))
        }
        if !workload.namespace.isEmpty {
            attributes.append(
                Attribute(SemanticKey.serviceNamespace, .string(workload.namespace)))
        }
        return Resource(attributes: attributes)
    }
}
