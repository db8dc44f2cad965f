import Receivers
import Telemetry
import Testing

@Suite("ServiceMonitors with static addresses")
struct ServiceMonitorTests {
    private static let manifests = """
        global: {scrape_interval: 20s}
        ---
        apiVersion: monitoring.coreos.com/v1
        kind: ServiceMonitor
        metadata: {name: cart, namespace: shop, labels: {release: prometheus}}
        spec:
          jobLabel: app
          targetLabels: [team]
          sampleLimit: 500
          selector: {matchLabels: {app: cart}}
          endpoints:
            - port: metrics
              path: /stats
              interval: 15s
              scrapeTimeout: 5s
              honorLabels: true
              params: {format: [prometheus]}
              relabelings:
                - {sourceLabels: [__meta_kubernetes_service_name], targetLabel: from}
              metricRelabelings:
                - {sourceLabels: [__name__], regex: go_.*, action: drop}
            - targetPort: 8080
        ---
        apiVersion: v1
        kind: List
        items:
          - kind: Service
            metadata: {name: cart, namespace: shop, labels: {app: cart, team: blue}}
          - kind: Service
            metadata: {name: cart, namespace: other, labels: {app: cart}}
          - kind: Endpoints
            metadata: {name: cart, namespace: shop}
            subsets:
              - addresses:
                  - {ip: 10.0.0.1, nodeName: n1, targetRef: {kind: Pod, name: cart-1}}
                  - {ip: "fd00::2"}
                ports: [{name: http, port: 8080}, {name: metrics, port: 9090}]
        """

    private func targets(_ job: ScrapeJob) -> [ScrapeTarget] {
        var problems: [String] = []
        var groups: [TargetGroup] = []
        for case .fixed(let fixed) in job.sources { groups += fixed }
        return ScrapeTarget.targets(of: groups, job: job, problems: &problems)
    }

    @Test("each endpoint is a job; its targets are the addresses of the services it selects")
    func jobs() throws {
        let file = try ScrapeFile.parse(Self.manifests, path: "p.yml")
        #expect(
            file.jobs.map(\.name) == ["serviceMonitor/shop/cart/0", "serviceMonitor/shop/cart/1"])
        let metrics = file.jobs[0]
        #expect(metrics.interval == 15_000 && metrics.timeout == 5_000)
        #expect(metrics.honorsLabels && metrics.limits.samples == 500)
        #expect(metrics.metricRules.count == 1)
        #expect(
            targets(metrics).map(\.url) == [
                "http://10.0.0.1:9090/stats?format=prometheus",
                "http://[fd00::2]:9090/stats?format=prometheus",
            ])
        #expect(
            targets(metrics).first?.labels
                == Labels([
                    "endpoint": "metrics", "from": "cart", "instance": "10.0.0.1:9090",
                    "job": "cart", "namespace": "shop", "pod": "cart-1", "service": "cart",
                    "team": "blue",
                ]))
        let plain = file.jobs[1]
        #expect(plain.interval == 20_000)
        #expect(targets(plain).map(\.url).first == "http://10.0.0.1:8080/metrics")
    }

    @Test("namespaces are those that are named")
    func namespaces() throws {
        for (selector, count) in [
            ("{any: true}", 2), ("{matchNames: [shop]}", 2), ("{matchNames: [other]}", 0),
        ] {
            let text = Self.manifests.replacing(
                "  jobLabel: app", with: "  jobLabel: app\n  namespaceSelector: \(selector)")
            let file = try ScrapeFile.parse(text, path: "p.yml")
            #expect(targets(file.jobs[0]).count == count, "\(selector)")
        }
    }

    @Test(
        "what is not supported is refused by name and line",
        arguments: [
            ("  jobLabel: app", "  podTargetLabels: [a]", "podTargetLabels of spec"),
            ("honorLabels: true", "oauth2: {}", "oauth2 of entry"),
            ("honorLabels: true", "basicAuth: {}", "basicAuth of entry"),
            ("{matchLabels: {app: cart}}", "{matchExpressions: []}", "matchExpressions of"),
            ("kind: Service\n", "kind: PodMonitor\n", "kind PodMonitor"),
        ])
    func refused(old: String, new: String, said: String) throws {
        let range = try #require(Self.manifests.firstRange(of: old))
        let text = Self.manifests.replacingCharacters(in: range, with: new)
        #expect {
            _ = try ScrapeFile.parse(text, path: "p.yml")
        } throws: { error in
            "\(error)".hasPrefix("p.yml:") && "\(error)".contains(said)
        }
    }
}

extension String {
    fileprivate func replacingCharacters(
        in range: Range<String.Index>, with text: String
    ) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
