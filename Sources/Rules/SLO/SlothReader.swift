/// Reads Sloth's `prometheus/v1` and its Kubernetes form, which differ in how keys are written and in
/// what stands around them (pkg/prometheus/api/v1, pkg/kubernetes/api/sloth/v1).
struct SlothReader {
    enum Form: Equatable {
        case plain, kubernetes

        /// A key of the plain form in this one: `error_query` is `errorQuery` in Kubernetes.
        func key(_ plain: String) -> String {
            guard self == .kubernetes else { return plain }
            let words = plain.split(separator: "_")
            return words.dropFirst().reduce(String(words.first ?? "")) {
                $0 + $1.prefix(1).uppercased() + $1.dropFirst()
            }
        }
    }

    let form: Form
    let catalog: AlertWindowCatalog
    /// Milliseconds.
    let period: Int64

    private static let pluginReason =
        "plugins are Go programs that run inside Sloth; write the queries as events or raw"

    func objectives(of document: YAMLNode) throws(RuleFileError) -> [ServiceLevelObjective] {
        let spec: YAMLNode
        switch form {
        case .plain: spec = document
        case .kubernetes:
            let root = try document.fields(["apiVersion", "kind", "metadata", "spec", "status"])
            _ = try KubernetesMetadata(try root.required("metadata", of: document))
            spec = try root.required("spec", of: document)
        }
        let plugins = form.key("slo_plugins")
        let fields = try spec.fields(
            (form == .plain ? ["version"] : []) + ["service", "labels", "slos", plugins])
        try fields.refuse([plugins], because: Self.pluginReason)
        let service = try fields.required("service", of: spec).safeName()
        let labels = try fields["labels"]?.labels() ?? [:]
        let list = try fields.required("slos", of: spec)
        var objectives: [ServiceLevelObjective] = []
        for entry in try list.elements() {
            let node = YAMLNode(path: entry.path, what: "entry of slos", node: entry.node)
            objectives.append(try objective(node, service, labels))
        }
        guard !objectives.isEmpty else { throw list.failure("slos must have an entry") }
        return objectives
    }

    private func objective(
        _ entry: YAMLNode, _ service: String, _ common: [String: String]
    ) throws(RuleFileError) -> ServiceLevelObjective {
        let fields = try entry.fields([
            "name", "description", "objective", "labels", "plugins", "sli", "alerting",
        ])
        try fields.refuse(["plugins"], because: Self.pluginReason)
        let name = try fields.required("name", of: entry).safeName()
        let node = YAMLNode(path: entry.path, what: "objective \"\(name)\"", node: entry.node)
        let objective = try fields.required("objective", of: node)
        let percent = try objective.number()
        guard percent > 0, percent <= 100 else {
            throw objective.failure("objective must be above 0 and at most 100, in percent")
        }
        let alerting = try alerting(try fields.required("alerting", of: node))
        let measured = try measured(try fields.required("sli", of: node))
        var made = ServiceLevelObjective(
            id: "\(service)-\(name)", name: name, service: service,
            description: try fields.text("description"),
            indicator: measured.indicator,
            objectivePercent: percent, windows: try catalog.windows(for: period, at: node),
            labels: common.merging(try fields["labels"]?.labels() ?? [:]) { $1 },
            page: alerting.page, ticket: alerting.ticket,
            origin: ServiceLevelObjective.Origin(
                path: node.path, line: objective.line,
                specification: form == .plain ? "prometheus/v1" : "sloth.slok.dev/v1",
                mode: form == .plain ? "cli-gen-prom" : "cli-gen-k8s"))
        made.sources = measured.sources
        made.eventQueries = measured.spans
        return made
    }

    /// An indicator of queries, or of events that are counted for it.
    private func measured(_ node: YAMLNode) throws(RuleFileError) -> MeasuredIndicator {
        let fields = try node.fields(["raw", "events", "plugin"])
        guard let plugin = fields.given("plugin") else {
            return MeasuredIndicator(indicator: try indicator(node, fields))
        }
        try fields.refuse(["raw", "events"], because: "plugin stands alone")
        let parts = try plugin.fields(["id", "options"])
        let id = try parts.required("id", of: plugin)
        guard let language = EventSource.Language(plugin: try id.text()) else {
            throw id.failure(
                "plugin \"\(try id.text())\" is not supported: \(Self.pluginReason); there are "
                    + "sidelight/traceql and sidelight/logql, which count spans and log lines")
        }
        let options = try parts.required("options", of: plugin)
        let queries = try options.fields(["error_query", "total_query", "group_by"])
        let groups = try queries.given("group_by")?.groupKeys() ?? []
        let bad = try queries.required("error_query", of: options).eventSource(language, groups)
        let all = try queries.required("total_query", of: options).eventSource(language, groups)
        return try MeasuredIndicator(bad: bad, all: all, at: options)
    }

    private func indicator(
        _ node: YAMLNode, _ fields: [String: YAMLNode]
    ) throws(RuleFileError) -> ServiceLevelObjective.Indicator {
        switch (fields.given("raw"), fields.given("events")) {
        case (let raw?, nil):
            let key = form.key("error_ratio_query")
            let query = try raw.fields([key]).required(key, of: raw)
            return .raw(try query.windowQuery())
        case (nil, let events?):
            let keys = [form.key("error_query"), form.key("total_query")]
            let queries = try events.fields(keys)
            let error = try queries.required(keys[0], of: events)
            let total = try queries.required(keys[1], of: events)
            guard try error.text() != total.text() else {
                throw error.failure("\(keys[0]) and \(keys[1]) are the same query")
            }
            return .events(error: try error.windowQuery(), total: try total.windowQuery())
        case (nil, nil): throw node.failure("sli needs one of events and raw")
        case (_?, _?): throw node.failure("sli has events or raw, not both")
        }
    }

    private func alerting(
        _ node: YAMLNode
    ) throws(RuleFileError) -> (
        page: ServiceLevelObjective.AlertTexts?, ticket: ServiceLevelObjective.AlertTexts?
    ) {
        let keys = [form.key("page_alert"), form.key("ticket_alert")]
        let fields = try node.fields(["name", "labels", "annotations"] + keys)
        let common = ServiceLevelObjective.AlertTexts(
            name: try fields.text("name"), labels: try fields["labels"]?.labels() ?? [:],
            annotations: try fields["annotations"]?.labels() ?? [:])
        let page = try alert(fields.given(keys[0]), common)
        let ticket = try alert(fields.given(keys[1]), common)
        guard !common.name.isEmpty || (page == nil && ticket == nil) else {
            throw node.failure("alerting needs name unless both of its alerts are disabled")
        }
        return (page, ticket)
    }

    /// `nil` if it is disabled.
    private func alert(
        _ node: YAMLNode?, _ common: ServiceLevelObjective.AlertTexts
    ) throws(RuleFileError) -> ServiceLevelObjective.AlertTexts? {
        guard let node else { return common }
        let fields = try node.fields(["disable", "labels", "annotations"])
        var texts = common
        texts.labels.merge(try fields["labels"]?.labels() ?? [:]) { $1 }
        texts.annotations.merge(try fields["annotations"]?.labels() ?? [:]) { $1 }
        return try fields.given("disable")?.boolean() == true ? nil : texts
    }
}

/// What rules need of the metadata of a Kubernetes object; what the cluster writes there is let be.
struct KubernetesMetadata {
    let name: String
    let nameNode: YAMLNode
    let namespace: String
    let labels: [String: String]

    init(_ node: YAMLNode) throws(RuleFileError) {
        let fields = try node.fields([
            "name", "namespace", "labels", "annotations", "generateName", "creationTimestamp",
            "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion",
            "uid", "selfLink", "managedFields", "ownerReferences", "finalizers",
        ])
        nameNode = try fields.required("name", of: node)
        name = try nameNode.text()
        namespace = try fields.text("namespace")
        labels = try fields["labels"]?.texts() ?? [:]
    }
}
