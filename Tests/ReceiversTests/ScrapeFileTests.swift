import Receivers
import Telemetry
import Testing

@Suite("Files of scrape jobs")
struct ScrapeFileTests {
    private func targets(_ job: ScrapeJob) -> [ScrapeTarget] {
        var problems: [String] = []
        var groups: [TargetGroup] = []
        for case .fixed(let fixed) in job.sources { groups += fixed }
        let targets = ScrapeTarget.targets(of: groups, job: job, problems: &problems)
        #expect(problems.isEmpty)
        return targets
    }

    @Test("jobs take what global says unless they say otherwise")
    func reads() throws {
        let file = try ScrapeFile.parse(
            """
            global:
              scrape_interval: 15s
              sample_limit: 100
              external_labels: {cluster: a}
            rule_files: [rules.yml]
            scrape_configs:
              - job_name: plain
                static_configs:
                  - targets: ['a:1', 'b:2']
                    labels: {zone: z}
              - job_name: special
                scrape_interval: 1m30s
                scrape_timeout: 500ms
                metrics_path: /probe
                scheme: https
                params: {module: [http 2xx], 'match[]': [x, y]}
                honor_labels: true
                body_size_limit: 10MB
                label_limit: 30
                sample_limit: 0
                fallback_scrape_protocol: PrometheusText0.0.4
                basic_auth: {username: u, password_file: secret}
                static_configs: [{targets: ['c:3']}]
            """, path: "/etc/prometheus.yml")
        #expect(file.ignored == ["global.external_labels", "rule_files"])
        #expect(file.jobs.map(\.name) == ["plain", "special"])
        #expect(file.jobs[0].interval == 15_000)
        #expect(file.jobs[0].timeout == 10_000)
        #expect(file.jobs[0].limits.samples == 100)
        let special = file.jobs[1]
        #expect(special.interval == 90_000)
        #expect(special.timeout == 500)
        #expect(special.honorsLabels)
        #expect(special.limits.bodyBytes == 10 << 20)
        #expect(special.limits.samples == 0)
        #expect(special.fallback == .text0)
        #expect(
            special.access.method == .basic(user: .text("u"), password: .file("/etc/secret")))
        let target = try #require(targets(special).first)
        #expect(
            target.url == "https://c:3/probe?module=http%202xx&match%5B%5D=x&match%5B%5D=y")
        #expect(target.labels == Labels(["instance": "c:3", "job": "special"]))
        #expect(
            targets(file.jobs[0]).map(\.labels) == [
                Labels(["instance": "a:1", "job": "plain", "zone": "z"]),
                Labels(["instance": "b:2", "job": "plain", "zone": "z"]),
            ])
    }

    @Test("headers, and fields that change nothing, are taken; what is passed over is named")
    func readsHeaders() throws {
        let file = try ScrapeFile.parse(
            """
            global: {query_log_file: q.log, extra_scrape_metrics: true}
            scrape_configs:
              - job_name: j
                enable_http2: false
                proxy_from_environment: false
                convert_classic_histograms_to_nhcb: false
                native_histogram_bucket_limit: 0
                scrape_failure_log_file: failures.log
                basic_auth: {username_file: user, password: p}
                http_headers:
                  X-Scope: {values: [a], secrets: [hidden], files: [scope]}
            """, path: "/etc/p.yml")
        #expect(file.ignored.first == "global.query_log_file")
        #expect(file.jobs[0].reportsExtra)
        #expect(file.ignored.last?.contains("scrape_failure_log_file") ?? false)
        let access = file.jobs[0].access
        #expect(access.method == .basic(user: .file("/etc/user"), password: .text("p")))
        #expect(
            access.headers == ["X-Scope": [.text("a"), .text("hidden"), .file("/etc/scope")]])
        #expect(!file.jobs[0].yaml.contains("hidden"))
    }

    @Test("rules change address, path, interval and labels of a target, or drop it")
    func relabels() throws {
        let file = try ScrapeFile.parse(
            """
            scrape_configs:
              - job_name: pods
                static_configs:
                  - targets: ['10.0.0.1:80']
                    labels: {__meta_port: "9100", __meta_scrape: "true", __meta_path: /m}
                  - targets: ['10.0.0.2:80']
                    labels: {__meta_scrape: "false"}
                relabel_configs:
                  - {source_labels: [__meta_scrape], action: keep, regex: "true"}
                  - source_labels: [__address__, __meta_port]
                    regex: '([^:]+)(?::\\d+)?;(\\d+)'
                    replacement: $1:$2
                    target_label: __address__
                  - {source_labels: [__meta_path], target_label: __metrics_path__}
                  - {target_label: __scrape_interval__, replacement: 5s}
                  - {target_label: __scrape_timeout__, replacement: 5s}
                  - {target_label: __param_x, replacement: "1"}
                  - {action: labelmap, regex: __meta_(path)}
            """, path: "p.yml")
        let targets = targets(file.jobs[0])
        #expect(targets.map(\.url) == ["http://10.0.0.1:9100/m?x=1"])
        #expect(targets.map(\.interval) == [5_000])
        #expect(
            targets.map(\.labels) == [
                Labels(["instance": "10.0.0.1:9100", "job": "pods", "path": "/m"])
            ])
    }

    @Test("a target stands for one however often it is found; target_limit keeps the first")
    func limitsTargets() throws {
        let file = try ScrapeFile.parse(
            """
            scrape_configs:
              - job_name: j
                target_limit: 2
                static_configs: [{targets: [a:1, a:1, b:1, c:1]}]
            """, path: "p.yml")
        var problems: [String] = []
        guard case .fixed(let groups) = file.jobs[0].sources[0] else { return }
        var dropped: [Labels] = []
        let targets = ScrapeTarget.targets(
            of: groups, job: file.jobs[0], problems: &problems, dropped: &dropped)
        #expect(dropped.map { $0["__address__"] } == ["c:1"])
        #expect(targets.map { $0.labels["instance"] } == ["a:1", "b:1"])
        #expect(problems.count == 1)
        #expect(problems.first?.contains("target_limit") ?? false)
    }

    @Test(
        "what is not understood is refused with file and line",
        arguments: [
            ("scrape_configs:\n- job_name: a\n  tls_config: {cert_file: a}", "p.yml:3"),
            ("scrape_configs:\n- job_name: a\n  proxy_url: socks5://a:1", "p.yml:3"),
            ("scrape_configs:\n- job_name: a\n  tls_config: {min_version: SSL3}", "p.yml:3"),
            ("scrape_configs:\n- job_name: a\n  tls_config: {what: 1}", "p.yml:3"),
            ("scrape_configs:\n- job_name: a\n  proxy_from_environment: true", "p.yml:3"),
            ("scrape_configs:\n- job_name: a\n  consul_sd_configs: []", "p.yml:3"),
            (
                "scrape_configs:\n- job_name: a\n  convert_classic_histograms_to_nhcb: true",
                "p.yml:3"
            ),
            ("scrape_configs:\n- job_name: a\n  http_headers: {Host: {values: [a]}}", "p.yml:3"),
            ("scrape_configs:\n- scrape_interval: 1s", "p.yml:2"),
            ("scrape_configs:\n- job_name: a\n- job_name: a", "p.yml:3"),
            ("scrape_configs:\n- job_name: a\n  scrape_interval: fast", "p.yml:3"),
            ("scrape_configs:\n- job_name: a\n  scrape_timeout: 2m", "p.yml:3"),
            ("scrape_configs:\n- job_name: a\n  body_size_limit: 10XB", "p.yml:3"),
            ("scrape_configs:\n- job_name: a\n  relabel_configs:\n  - {regex: '('}", "p.yml:4"),
            ("scrape_configs:\n- job_name: a\n  relabel_configs:\n  - {action: no}", "p.yml:4"),
            (
                "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - {action: replace}",
                "p.yml:4"
            ),
            (
                "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['http://x']",
                "p.yml:4"
            ),
            (
                "scrape_configs:\n- job_name: a\n  dns_sd_configs:\n  - {names: [x], type: MX}",
                "p.yml:4"
            ),
            ("global:\n  scrape_interval: 0s", "p.yml:2"), ("global:\n  what: 1", "p.yml:2"),
            ("scrape_config_files: [a]", "p.yml:1"), ("- a", "p.yml:1"), ("a: [", "p.yml"),
        ])
    func refuses(text: String, place: String) {
        let error = #expect(throws: ScrapeFileError.self) {
            try ScrapeFile.parse(text, path: "p.yml")
        }
        #expect(error?.description.hasPrefix(place) ?? false, "\(error?.description ?? "")")
    }
}
