import Proxy
import Testing

@Suite struct ConfigurationTests {
    private static let good = """
        service: { name: cart, version: v2, namespace: shop }
        listeners:
          - { name: inbound, address: "127.0.0.1:15006", direction: inbound, cluster: app }
          - name: outbound
            address: 127.0.0.1:15001
            direction: outbound
            routes:
              - host: payments
                prefix: /charge
                split: [{ cluster: payments-v1, weight: 90 }, { cluster: payments-v2, weight: 10 }]
                timeout: 2s
                retries: { attempts: 4, on: [5xx, connect-failure], per_try_timeout: 500ms }
        clusters:
          - { name: app, kind: app, endpoints: ["127.0.0.1:8080"] }
          - { name: payments-v1, service: payments, version: v1, endpoints: ["10.0.0.7:80"] }
          - { name: payments-v2, service: payments, version: v2, endpoints: ["[::1]:80"] }
        telemetry: { otlp: "http://127.0.0.1:4318", access_log: "-", metrics_interval: 1s }
        admin: 127.0.0.1:15000
        """

    private func failure(_ yaml: String) -> String {
        do {
            _ = try ProxyConfiguration(yaml: yaml, file: "proxy.yaml")
            return "accepted"
        } catch {
            return error.description
        }
    }

    @Test("a full configuration is read")
    func full() throws {
        let configuration = try ProxyConfiguration(yaml: Self.good, file: "proxy.yaml")
        #expect(configuration.workload.name == "cart")
        #expect(configuration.listeners.map(\.direction) == [.inbound, .outbound])
        let route = configuration.listeners[1].routes[0]
        #expect(route.targets.map(\.weight) == [90, 10])
        #expect(route.timeout == .seconds(2))
        #expect(route.retries?.attemptsMax == 4)
        #expect(route.retries?.conditions == [.serverError, .connectFailure])
        #expect(route.retries?.perTryTimeout == .milliseconds(500))
        #expect(configuration.clusters[0].kind == .app)
        #expect(configuration.clusters[2].endpoints == [Address(host: "::1", port: 80)])
        #expect(configuration.telemetry.accessLog == .standardOutput)
        #expect(configuration.admin?.port == 15_000)
    }

    @Test("a dump reads back as the same configuration, but for masked credentials")
    func dump() throws {
        var configuration = try ProxyConfiguration(yaml: Self.good, file: "proxy.yaml")
        configuration.workload.name = "yes: \"no\""
        configuration.telemetry.sampling = 0.125
        configuration.listeners[1].routes[0].timeout = nil
        configuration.clusters[1].idleTimeout = .microseconds(1_500)
        let read = try ProxyConfiguration(yaml: try configuration.yaml(), file: "dump")
        #expect(read == configuration)
        configuration.telemetry.otlp = "http://me:secret@127.0.0.1:4318/x"
        let text = try configuration.yaml()
        #expect(!text.contains("secret") && text.contains("http://***@127.0.0.1:4318/x"))
    }

    @Test(
        "what is wrong is named with file, line and key",
        arguments: [
            ("prefix: /charge", "prefx: /charge", "proxy.yaml:9:9: unknown key \"prefx\""),
            ("timeout: 2s", "timeout: soon", "must be a duration"),
            ("direction: outbound", "direction: sideways", "inbound, outbound"),
            ("attempts: 4", "attempts: 40", "from 1 to 10"),
            ("5xx, connect-failure", "6xx", "may list 5xx"),
            ("cluster: app", "cluster: nowhere", "\"nowhere\", which is not defined"),
            ("10.0.0.7:80", "10.0.0.7", "give HOST:PORT"),
            ("name: payments-v2", "name: payments-v1", "defined twice"),
            ("kind: app", "kind: pet", "app, remote"),
            ("weight: 90", "weight: heavy", "whole number"),
            ("metrics_interval: 1s", "metrics_interval: 1ms", "at least 50ms"),
            ("service: {", "service: [", "proxy.yaml"),
        ])
    func wrong(_ part: String, _ replacement: String, _ message: String) {
        let yaml = Self.good.split(separator: part, maxSplits: 1, omittingEmptySubsequences: false)
            .joined(separator: replacement)
        #expect(failure(yaml).contains(message), "said: \(failure(yaml))")
        #expect(failure(yaml).hasPrefix("proxy.yaml"))
    }
}
