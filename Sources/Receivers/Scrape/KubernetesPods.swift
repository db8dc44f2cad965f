import Foundation

/// Where the pods of a Kubernetes cluster are listed (`kubernetes_sd_configs` with `role: pod`). The list is
/// read again at every `interval`; the API is not watched.
package struct PodSource: Sendable, Hashable {
    /// Pods that one answer lists; the next asks for those that follow.
    private static let pageLength = 500
    /// More pods than a cluster can have (kubernetes.io, "Considerations for large clusters").
    private static let pagesMax = 400

    /// Without a slash at the end.
    package var api: String
    package var access = ScrapeAccess()
    /// Empty lists all.
    package var namespaces: [String] = []
    package var labelSelector = ""
    package var fieldSelector = ""
    /// Milliseconds.
    package var interval: Int64 = 30_000

    package init(api: String) { self.api = api }

    /// A target for every port of every container.
    func groups(from fetcher: any ScrapeFetcher) async throws(ScrapeFailure) -> [TargetGroup] {
        var groups: [TargetGroup] = []
        for path in namespaces.isEmpty
            ? ["/api/v1/pods"] : namespaces.map({ "/api/v1/namespaces/\($0)/pods" })
        {
            var token = ""
            var pages = 0
            repeat {
                let bytes = try await fetcher.fetchList(url(path, token), access: access)
                let list: PodList
                do { list = try JSONDecoder().decode(PodList.self, from: Data(bytes)) } catch {
                    throw ScrapeFailure("\(api)\(path) answered no list of pods: \(error)")
                }
                groups += list.items.flatMap(\.groups)
                token = list.metadata?.continue ?? ""
                pages += 1
            } while !token.isEmpty && pages < Self.pagesMax
        }
        return groups
    }

    private func url(_ path: String, _ token: String) -> String {
        let items = [
            ("limit", "\(Self.pageLength)"), ("labelSelector", labelSelector),
            ("fieldSelector", fieldSelector), ("continue", token),
        ].filter { !$0.1.isEmpty }
        let query = items.map { "\($0.0)=\(ScrapeTarget.encoded($0.1))" }
        return api + path + "?" + query.joined(separator: "&")
    }
}

/// What matters of a `PodList` (kubernetes.io, API reference).
private struct PodList: Decodable {
    struct Metadata: Decodable {
        var `continue`: String?
    }

    var metadata: Metadata?
    var items: [Pod]
}

private struct Pod: Decodable {
    struct Owner: Decodable {
        var kind: String
        var name: String
        var controller: Bool?
    }

    struct Metadata: Decodable {
        var name: String
        var namespace: String
        var uid: String?
        var labels: [String: String]?
        var annotations: [String: String]?
        var ownerReferences: [Owner]?
    }

    struct Port: Decodable {
        var containerPort: Int
        var name: String?
        var `protocol`: String?
    }

    struct Container: Decodable {
        var name: String
        var image: String?
        var ports: [Port]?
    }

    struct Spec: Decodable {
        var nodeName: String?
        var containers: [Container]
        var initContainers: [Container]?
    }

    struct Condition: Decodable {
        var type: String
        var status: String
    }

    struct Status: Decodable {
        var phase: String?
        var podIP: String?
        var hostIP: String?
        var conditions: [Condition]?
    }

    var metadata: Metadata
    var spec: Spec
    var status: Status

    /// None as long as the pod has no address.
    var groups: [TargetGroup] {
        guard let address = status.podIP, !address.isEmpty else { return [] }
        let host = address.contains(":") ? "[\(address)]" : address
        let shared = labels(address)
        let containers =
            spec.containers.map { ($0, "false") } + (spec.initContainers ?? []).map { ($0, "true") }
        return containers.flatMap { container, isInit -> [TargetGroup] in
            var labels = shared
            labels[Self.prefix + "container_name"] = container.name
            labels[Self.prefix + "container_image"] = container.image
            labels[Self.prefix + "container_init"] = isInit
            guard let ports = container.ports, !ports.isEmpty else {
                return [TargetGroup(targets: [host], labels: labels)]
            }
            return ports.map { port in
                var labels = labels
                labels[Self.prefix + "container_port_name"] = port.name ?? ""
                labels[Self.prefix + "container_port_number"] = "\(port.containerPort)"
                labels[Self.prefix + "container_port_protocol"] = port.protocol ?? "TCP"
                return TargetGroup(targets: ["\(host):\(port.containerPort)"], labels: labels)
            }
        }
    }

    private static let prefix = "__meta_kubernetes_pod_"

    private func labels(_ address: String) -> [String: String] {
        var labels = ["__meta_kubernetes_namespace": metadata.namespace]
        let ready = status.conditions?.first { $0.type == "Ready" }?.status ?? "unknown"
        let controller = metadata.ownerReferences?.first { $0.controller == true }
        let facts: [(String, String?)] = [
            ("name", metadata.name), ("ip", address), ("ready", ready.lowercased()),
            ("phase", status.phase), ("node_name", spec.nodeName), ("host_ip", status.hostIP),
            ("uid", metadata.uid), ("controller_kind", controller?.kind),
            ("controller_name", controller?.name),
        ]
        for (name, value) in facts { labels[Self.prefix + name] = value ?? "" }
        for (name, value) in metadata.labels ?? [:] {
            labels[Self.prefix + "label_" + Self.sanitized(name)] = value
            labels[Self.prefix + "labelpresent_" + Self.sanitized(name)] = "true"
        }
        for (name, value) in metadata.annotations ?? [:] {
            labels[Self.prefix + "annotation_" + Self.sanitized(name)] = value
            labels[Self.prefix + "annotationpresent_" + Self.sanitized(name)] = "true"
        }
        return labels
    }

    /// As a label's name.
    private static func sanitized(_ name: String) -> String {
        String(
            decoding: name.utf8.map { byte in
                let isKept =
                    UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte
                    || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                    || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                return isKept ? byte : UInt8(ascii: "_")
            }, as: UTF8.self)
    }
}

extension PodSource {
    /// An entry of `kubernetes_sd_configs`.
    init(_ node: ScrapeFileNode, _ folder: String) throws(ScrapeFileError) {
        self.init(api: "")
        var role = ""
        for (key, value) in try node.entries() {
            switch key {
            case "role": role = try value.text()
            case "api_server": api = try value.text()
            case "refresh_interval": interval = try value.duration()
            case "namespaces":
                for (key, value) in try value.entries() {
                    guard key == "names" else {
                        throw value.failure("\(value.what) is not supported")
                    }
                    namespaces = try value.texts()
                }
            case "selectors": try readSelectors(value)
            default:
                guard try access.read(key, value, folder) else {
                    throw value.failure("\(value.what) is not supported")
                }
            }
        }
        guard role == "pod" else {
            throw node.failure("kubernetes_sd_configs: only role pod is supported, not \"\(role)\"")
        }
        if api.isEmpty, access == ScrapeAccess(),
            let own = Self.cluster(ProcessInfo.processInfo.environment)
        {
            (api, access) = own
        }
        while api.hasSuffix("/") { api.removeLast() }
        guard api.hasPrefix("http://") || api.hasPrefix("https://") else {
            throw node.failure(
                "kubernetes_sd_configs outside of a cluster needs an api_server that starts with "
                    + "http:// or https://")
        }
        for name in namespaces where name.isEmpty || name.contains("/") || name.contains("?") {
            throw node.failure("\"\(name)\" is no namespace")
        }
    }

    private static let accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount/"

    /// The API of the cluster that this program runs in, with the token and authority of its pod; `nil`
    /// outside of one (kubernetes.io, "Accessing the Kubernetes API from a Pod").
    package static func cluster(
        _ environment: [String: String]
    ) -> (api: String, access: ScrapeAccess)? {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], !port.isEmpty
        else { return nil }
        var access = ScrapeAccess()
        access.method = .header(type: "Bearer", credentials: .file(accountFolder + "token"))
        access.tls = ScrapeTLS()
        access.tls?.authority = .file(accountFolder + "ca.crt")
        return ("https://\(host.contains(":") ? "[\(host)]" : host):\(port)", access)
    }

    private mutating func readSelectors(_ node: ScrapeFileNode) throws(ScrapeFileError) {
        for element in try node.elements() {
            for (key, value) in try element.entries() {
                switch key {
                case "role":
                    guard try value.text() == "pod" else {
                        throw value.failure("\(value.what) must be pod")
                    }
                case "label": labelSelector = try value.text()
                case "field": fieldSelector = try value.text()
                default: throw value.failure("\(value.what) is not supported")
                }
            }
        }
    }
}
