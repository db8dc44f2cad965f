import HTTPServer
import Platform
import Receivers
import Telemetry
import Testing

@Suite("Pods of a Kubernetes cluster")
struct KubernetesTests {
    private static let firstPage = """
        {"kind":"PodList","metadata":{"continue":"next page"},"items":[{
          "metadata":{"name":"cart-1","namespace":"shop","uid":"u1",
            "labels":{"app.kubernetes.io/name":"cart"},
            "annotations":{"prometheus.io/scrape":"true","prometheus.io/path":"/stats"},
            "ownerReferences":[{"kind":"ReplicaSet","name":"cart","controller":true}]},
          "spec":{"nodeName":"n1","containers":[
            {"name":"main","image":"cart:1","ports":[{"containerPort":8080,"name":"http"},
              {"containerPort":9090,"name":"metrics","protocol":"TCP"}]},
            {"name":"side"}]},
          "status":{"phase":"Running","podIP":"10.0.0.1","hostIP":"10.1.0.1",
            "conditions":[{"type":"Ready","status":"True"}]}}]}
        """
    private static let lastPage = """
        {"metadata":{},"items":[
          {"metadata":{"name":"waiting","namespace":"shop"},"spec":{"containers":[]},
           "status":{"phase":"Pending"}},
          {"metadata":{"name":"six","namespace":"shop"},"spec":{"containers":[
             {"name":"c","ports":[{"containerPort":1}]}]},"status":{"podIP":"fd00::1"}}]}
        """

    private func withAPI(
        _ body: (_ api: String) async throws -> Void
    ) async throws {
        let bed = TestBed()
        var router = Router()
        let pods: HTTPHandler = { request in
            guard request.headers["authorization"] == "Bearer t",
                request.parameters["labelSelector"] == "tier in (web)"
            else { return HTTPResponse(status: 403) }
            let isFirst = request.parameters["continue"] == nil
            let isNext = request.parameters["continue"] == "next page"
            return .json(
                Array((isFirst ? Self.firstPage : isNext ? Self.lastPage : "").utf8))
        }
        router.on(.get, "/api/v1/pods", pods)
        router.on(.get, "/api/v1/namespaces/shop/pods", pods)
        router.on(.get, "/api/v1/namespaces/broken/pods") { _ in .json(Array("{}".utf8)) }
        let listener = try await HTTPListener.open(
            HTTPListener.Configuration(
                address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen"),
            routes: router.compiled(), events: bed.events)
        try await body("http://127.0.0.1:\(listener.address.port)/")
        await listener.shutdown(within: .seconds(1))
    }

    private func job(_ api: String, _ more: String = "") throws -> ScrapeJob {
        let file = try ScrapeFile.parse(
            """
            scrape_configs:
              - job_name: pods
                kubernetes_sd_configs:
                  - role: pod
                    api_server: \(api)
                    authorization: {credentials: t}
                    selectors: [{role: pod, label: tier in (web)}]
                    \(more)
                relabel_configs:
                  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
                    action: keep
                    regex: "true"
                  - source_labels: [__meta_kubernetes_pod_container_port_name]
                    action: keep
                    regex: metrics
                  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path]
                    target_label: __metrics_path__
                  - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name]
                    target_label: app
            """, path: "p.yml")
        return try #require(file.jobs.first)
    }

    private func discovered(_ job: ScrapeJob) async -> TargetDiscovery {
        let fetcher = HTTPScrapeFetcher(version: "1", listTimeout: 300_000)
        var discovery = TargetDiscovery(
            job: job, fetcher: fetcher,
            pool: BlockingPool(name: "resolver", threads: 1, capacity: 1))
        await discovery.refresh(at: 0)
        await fetcher.shutdown()
        return discovery
    }

    @Test("every port of every container is a target, page after page")
    func targets() async throws {
        for more in ["", "namespaces: {names: [shop]}"] {
            try await withAPI { api in
                let discovery = await discovered(try job(api, more))
                #expect(discovery.failures == [])
                #expect(
                    discovery.groups.flatMap(\.targets) == [
                        "10.0.0.1:8080", "10.0.0.1:9090", "10.0.0.1", "[fd00::1]:1",
                    ])
                let labels = discovery.groups[1].labels
                for (name, value) in [
                    ("__meta_kubernetes_namespace", "shop"),
                    ("__meta_kubernetes_pod_name", "cart-1"),
                    ("__meta_kubernetes_pod_container_name", "main"),
                    ("__meta_kubernetes_pod_container_port_number", "9090"),
                    ("__meta_kubernetes_pod_ready", "true"),
                    ("__meta_kubernetes_pod_phase", "Running"),
                    ("__meta_kubernetes_pod_controller_kind", "ReplicaSet"),
                    ("__meta_kubernetes_pod_annotationpresent_prometheus_io_scrape", "true"),
                ] {
                    #expect(labels[name] == value, "\(name)")
                }
            }
        }
    }

    @Test("annotations say which pods are scraped, and where")
    func annotations() async throws {
        try await withAPI { api in
            let job = try job(api)
            var problems: [String] = []
            var dropped: [Labels] = []
            let targets = ScrapeTarget.targets(
                of: await discovered(job).groups, job: job, problems: &problems,
                dropped: &dropped)
            #expect(targets.map(\.url) == ["http://10.0.0.1:9090/stats"])
            #expect(targets.first?.labels["app"] == "cart")
            #expect(dropped.count == 3)
        }
    }

    @Test("an API that refuses, or answers something else, is told of")
    func failures() async throws {
        try await withAPI { api in
            let broken = await discovered(
                try job(api, "namespaces: {names: [broken]}"))
            #expect(broken.failures.first?.contains("answered no list of pods") == true)
            var job = try job(api)
            job.sources = job.sources.map { source in
                guard case .pods(var pods) = source else { return source }
                pods.access = ScrapeAccess()
                return .pods(pods)
            }
            #expect(await discovered(job).failures.first?.contains("403") == true)
        }
    }

    @Test(
        "what is not supported is refused by name and line",
        arguments: [
            "role: node, api_server: 'http://a'", "role: pod", "role: pod, kubeconfig_file: k",
            "role: pod, api_server: 'http://a', namespaces: {own_namespace: true}",
            "role: pod, api_server: 'http://a', namespaces: {names: [a/b]}",
            "role: pod, api_server: 'http://a', tls_config: {what: 1}",
        ])
    func refused(fields: String) {
        #expect {
            _ = try ScrapeFile.parse(
                "scrape_configs:\n- job_name: a\n  kubernetes_sd_configs: [{\(fields)}]",
                path: "p.yml")
        } throws: { "\($0)".hasPrefix("p.yml:3: ") }
    }
}
