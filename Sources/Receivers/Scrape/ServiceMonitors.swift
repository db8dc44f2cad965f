import Yams

/// Scrape jobs of `ServiceMonitor` manifests (monitoring.coreos.com/v1) whose services have static addresses:
/// the file also holds the `Service` that a monitor selects and its `Endpoints`. Without a cluster there is
/// nobody else to ask for addresses.
struct ServiceMonitors {
    private struct Service {
        var name: String
        var namespace: String
        var labels: [String: String]
    }

    private struct Address {
        var ip: String
        var pod = ""
        var node = ""
    }

    private struct Subset {
        var addresses: [Address] = []
        var ports: [(name: String, number: Int)] = []
    }

    private var monitors: [ScrapeFileNode] = []
    private var services: [Service] = []
    /// By namespace and name.
    private var subsets: [String: [Subset]] = [:]

    var isEmpty: Bool { monitors.isEmpty && services.isEmpty && subsets.isEmpty }

    /// Takes a document.
    /// - Returns: whether it is a manifest; others are not for us.
    mutating func read(_ document: ScrapeFileNode) throws(ScrapeFileError) -> Bool {
        guard case .mapping(let mapping) = document.node, let kind = mapping["kind"]?.string else {
            return false
        }
        switch kind {
        case "List":
            for item in try document.entry("items")?.elements() ?? [] {
                guard try read(item) else {
                    throw item.failure("an item of the list is no manifest")
                }
            }
        case "ServiceMonitor": monitors.append(document)
        case "Service":
            let (name, namespace, labels) = try Self.metadata(document)
            services.append(Service(name: name, namespace: namespace, labels: labels))
        case "Endpoints":
            let (name, namespace, _) = try Self.metadata(document)
            for subset in try document.entry("subsets")?.elements() ?? [] {
                subsets["\(namespace)/\(name)", default: []].append(try Self.subset(subset))
            }
        default:
            throw document.failure(
                "manifests of kind \(kind) are not supported; known: ServiceMonitor, Service, "
                    + "Endpoints, List")
        }
        return true
    }

    private static func metadata(
        _ document: ScrapeFileNode
    ) throws(ScrapeFileError) -> (name: String, namespace: String, labels: [String: String]) {
        guard let metadata = try document.entry("metadata"),
            let name = try metadata.entry("name")?.text(), !name.isEmpty
        else { throw document.failure("a manifest needs a metadata.name") }
        var labels: [String: String] = [:]
        for (key, value) in try metadata.entry("labels")?.entries() ?? [] {
            labels[key] = try value.text()
        }
        return (name, try metadata.entry("namespace")?.text() ?? "default", labels)
    }

    private static func subset(_ node: ScrapeFileNode) throws(ScrapeFileError) -> Subset {
        var subset = Subset()
        for address in try node.entry("addresses")?.elements() ?? [] {
            var found = Address(ip: try address.entry("ip")?.text() ?? "")
            guard !found.ip.isEmpty else { throw address.failure("an address needs an ip") }
            found.node = try address.entry("nodeName")?.text() ?? ""
            if let target = try address.entry("targetRef"),
                try target.entry("kind")?.text() == "Pod"
            {
                found.pod = try target.entry("name")?.text() ?? ""
            }
            subset.addresses.append(found)
        }
        for port in try node.entry("ports")?.elements() ?? [] {
            subset.ports.append(
                (try port.entry("name")?.text() ?? "", try port.entry("port")?.number() ?? 0))
        }
        return subset
    }

    // MARK: Jobs

    /// A job for every endpoint of every monitor.
    func jobs(_ defaults: ScrapeDefaults) throws(ScrapeFileError) -> [ScrapeJob] {
        var jobs: [ScrapeJob] = []
        for monitor in monitors {
            let (name, namespace, _) = try Self.metadata(monitor)
            guard let spec = try monitor.entry("spec") else {
                throw monitor.failure("a ServiceMonitor needs a spec")
            }
            let selected = try selected(by: spec, in: namespace)
            let shared = try Self.shared(spec, defaults)
            for (number, endpoint) in try (spec.entry("endpoints")?.elements() ?? []).enumerated() {
                var job = shared.job
                job.name = "serviceMonitor/\(namespace)/\(name)/\(number)"
                job.yaml = try endpoint.textWithoutSecrets()
                let port = try MonitoredEndpoint.read(endpoint, &job, defaults)
                job.sources = [
                    .fixed(
                        selected.flatMap { service in
                            groups(of: service, port: port, shared.jobLabel, shared.targetLabels)
                        })
                ]
                jobs.append(job)
            }
        }
        return jobs
    }

    private func selected(
        by spec: ScrapeFileNode, in namespace: String
    ) throws(ScrapeFileError) -> [Service] {
        var namespaces: Set<String>? = [namespace]
        for (key, value) in try spec.entry("namespaceSelector")?.entries() ?? [] {
            switch key {
            case "any": if try value.flag() { namespaces = nil }
            case "matchNames": namespaces = Set(try value.texts())
            default: throw value.failure("\(value.what) is not supported")
            }
        }
        var wanted: [String: String] = [:]
        for (key, value) in try spec.entry("selector")?.entries() ?? [] {
            guard key == "matchLabels" else {
                throw value.failure("\(value.what) is not supported; use matchLabels")
            }
            for (name, label) in try value.entries() { wanted[name] = try label.text() }
        }
        return services.filter { service in
            (namespaces?.contains(service.namespace) ?? true)
                && wanted.allSatisfy { service.labels[$0.key] == $0.value }
        }
    }

    /// What the spec says of all its endpoints.
    private static func shared(
        _ spec: ScrapeFileNode, _ defaults: ScrapeDefaults
    ) throws(ScrapeFileError) -> (job: ScrapeJob, jobLabel: String, targetLabels: [String]) {
        var job = ScrapeJob(
            name: "", interval: defaults.interval, timeout: defaults.timeout)
        job.limits = defaults.limits
        job.keepsClassicHistograms = defaults.keepsClassic
        job.reportsExtra = defaults.reportsExtra
        if let protocols = defaults.protocols { job.protocols = protocols }
        var jobLabel = ""
        var targetLabels: [String] = []
        for (key, value) in try spec.entries() {
            switch key {
            case "endpoints", "selector", "namespaceSelector": continue
            case "jobLabel": jobLabel = try value.text()
            case "targetLabels": targetLabels = try value.texts()
            case "sampleLimit": job.limits.samples = try value.number()
            case "targetLimit": job.limits.targets = try value.number()
            case "labelLimit": job.limits.labels = try value.number()
            case "labelNameLengthLimit": job.limits.labelNameBytes = try value.number()
            case "labelValueLengthLimit": job.limits.labelValueBytes = try value.number()
            case "bodySizeLimit": job.limits.bodyBytes = try value.bytes()
            case "keepDroppedTargets": _ = try value.number()
            case "scrapeProtocols": job.protocols = try ScrapeJobReader.protocols(value)
            default: throw value.failure("\(value.what) is not supported")
            }
        }
        return (job, jobLabel, targetLabels)
    }

    /// With the labels that the Prometheus operator gives.
    private func groups(
        of service: Service, port: MonitoredEndpoint.Port, _ jobLabel: String,
        _ targetLabels: [String]
    ) -> [TargetGroup] {
        let all = subsets["\(service.namespace)/\(service.name)"] ?? []
        return all.flatMap { subset in
            subset.ports.filter { port.accepts($0.name, $0.number) }.flatMap { found in
                subset.addresses.map { address in
                    let host = address.ip.contains(":") ? "[\(address.ip)]" : address.ip
                    var labels = [
                        "job": service.labels[jobLabel] ?? service.name,
                        "namespace": service.namespace, "service": service.name,
                        "endpoint": found.name.isEmpty ? "\(found.number)" : found.name,
                        "__meta_kubernetes_namespace": service.namespace,
                        "__meta_kubernetes_service_name": service.name,
                        "__meta_kubernetes_endpoint_port_name": found.name,
                    ]
                    if !address.pod.isEmpty { labels["pod"] = address.pod }
                    if !address.node.isEmpty {
                        labels["__meta_kubernetes_endpoint_node_name"] = address.node
                    }
                    for name in targetLabels { labels[name] = service.labels[name] ?? "" }
                    return TargetGroup(
                        targets: ["\(host):\(found.number)"],
                        labels: labels.filter { !$0.value.isEmpty })
                }
            }
        }
    }
}

/// An entry of `spec.endpoints`.
enum MonitoredEndpoint {
    /// Which ports of a service are meant.
    enum Port {
        case named(String)
        case number(Int)
        case any

        func accepts(_ name: String, _ number: Int) -> Bool {
            switch self {
            case .named(let wanted): name == wanted
            case .number(let wanted): number == wanted
            case .any: true
            }
        }
    }

    static func read(
        _ node: ScrapeFileNode, _ job: inout ScrapeJob, _ defaults: ScrapeDefaults
    ) throws(ScrapeFileError) -> Port {
        var port = Port.any
        for (key, value) in try node.entries() {
            switch key {
            case "port": port = .named(try value.text())
            case "targetPort":
                let text = try value.text()
                port = Int(text).map(Port.number) ?? .named(text)
            case "interval": job.interval = try value.duration()
            case "scrapeTimeout": job.timeout = try value.duration()
            case "relabelings": job.targetRules = try ScrapeJobReader.rules(value)
            case "metricRelabelings": job.metricRules = try ScrapeJobReader.rules(value)
            // No target is asked by HTTP/2, whatever is allowed.
            case "enableHttp2": _ = try value.flag()
            default:
                guard let known = Self.names[key],
                    try read(known, value, &job, defaults)
                else { throw value.failure("\(value.what) is not supported") }
            }
        }
        if job.timeout > job.interval { job.timeout = job.interval }
        return port
    }

    /// What the same things are called in scrape configs.
    private static let names = [
        "path": "metrics_path", "scheme": "scheme", "params": "params",
        "honorLabels": "honor_labels", "honorTimestamps": "honor_timestamps",
        "trackTimestampsStaleness": "track_timestamps_staleness",
        "followRedirects": "follow_redirects", "bearerTokenFile": "bearer_token_file",
        "proxyUrl": "proxy_url", "tlsConfig": "tls_config",
    ]

    private static func read(
        _ key: String, _ value: ScrapeFileNode, _ job: inout ScrapeJob, _ defaults: ScrapeDefaults
    ) throws(ScrapeFileError) -> Bool {
        if try ScrapeJobReader.shape(key, value, &job) { return true }
        return try job.access.read(key, value, defaults.folder)
    }
}

extension ScrapeFileNode {
    /// The value of a key; `nil` if it is not there.
    func entry(_ name: String) throws(ScrapeFileError) -> ScrapeFileNode? {
        try entries().first { $0.key == name }?.value
    }
}
