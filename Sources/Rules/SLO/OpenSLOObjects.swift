/// The documents of OpenSLO that others refer to by name.
struct OpenSLOObjects {
    private(set) var indicators: [String: YAMLNode] = [:]
    private(set) var sourceTypes: [String: String] = [:]
    private(set) var alerts = OpenSLOAlerts()

    mutating func collect(_ document: SpecificationDocument) throws(RuleFileError) {
        let node = document.node
        let root = try node.fields(["apiVersion", "kind", "metadata", "spec"])
        let metadata = try OpenSLOMetadata(try root.required("metadata", of: node))
        let spec = try root.required("spec", of: node)
        switch document.name {
        case "SLO": return
        case "SLI":
            guard indicators.updateValue(spec, forKey: metadata.name) == nil else {
                throw node.failure("a second SLI is named \"\(metadata.name)\"")
            }
        case "DataSource":
            let fields = try spec.fields(["description", "type", "connectionDetails"])
            sourceTypes[metadata.name] = try fields.required("type", of: spec).text()
        case "Service": _ = try spec.fields(["description"])
        case let kind:
            guard try !alerts.collect(kind, metadata.name, spec, at: node) else { return }
            throw (root["kind"] ?? node).failure(
                "kind \"\(kind)\" is not one of OpenSLO v1's SLO, SLI, Service, DataSource, "
                    + "AlertPolicy, AlertCondition, AlertNotificationTarget")
        }
    }
}

/// `metadata` of an OpenSLO document.
struct OpenSLOMetadata {
    let name: String
    let nameNode: YAMLNode

    init(_ node: YAMLNode) throws(RuleFileError) {
        let fields = try node.fields(["name", "displayName", "labels", "annotations"])
        nameNode = try fields.required("name", of: node)
        name = try nameNode.text()
    }
}
