import Demo
import Proxy
import Rules
import Testing

@Suite("the demo's shop")
struct DemoFilesTests {
    private let topology = DemoTopology(ports: Array(20_000..<(20_000 + DemoTopology.portCount)))

    @Test("has at least six services, each behind a proxy of its own")
    func services() {
        #expect(topology.services.count >= 6)
        for workload in topology.workloads where workload.app != nil {
            #expect(workload.inbound != nil, "\(workload.id)")
        }
        #expect(Set(topology.proxied.map(\.id)).count == topology.proxied.count)
    }

    @Test("gives no port twice")
    func ports() {
        let ports =
            topology.proxied.flatMap { [$0.app, $0.inbound, $0.outbound] }.compactMap { $0 }
            + topology.functions.map(\.port) + [topology.server, topology.control]
        #expect(Set(ports).count == ports.count)
    }

    @Test("has a proxy configuration for each workload that the proxy accepts")
    func proxies() throws {
        let files = DemoFiles(topology: topology)
        for workload in topology.proxied {
            let configuration = try ProxyConfiguration(
                yaml: files.proxy(workload), file: "\(workload.id).yaml")
            let addresses = configuration.listeners.map(\.address.port)
            #expect(addresses == [workload.inbound, workload.outbound].compactMap { $0 })
            #expect(configuration.telemetry.otlp == topology.serverURL)
        }
    }

    @Test("splits payments between the versions and retries what the inventory refuses")
    func split() throws {
        let checkout = try #require(topology.workloads.first { $0.id == "checkout" })
        let configuration = try ProxyConfiguration(
            yaml: DemoFiles(topology: topology).proxy(checkout), file: "checkout.yaml")
        let routes = configuration.listeners.flatMap(\.routes)
        let payments = try #require(routes.first { $0.host == "payments" })
        #expect(Set(payments.targets.map(\.cluster)) == ["payments-v1", DemoTopology.canary])
        let canary = try #require(configuration.clusters.first { $0.name == DemoTopology.canary })
        #expect(canary.service == "payments" && canary.version == "v2")
        #expect(routes.first { $0.host == "inventory" }?.retries != nil)
    }

    @Test("has a rule file that says that its windows are scaled")
    func rules() throws {
        let file = try RuleFile.parse(DemoFiles.rules, path: "rules.yaml")
        let group = try #require(file.groups.first)
        #expect(file.groups.count == 1 && group.rules.count == 3)
        #expect(DemoFiles.rules.contains("- alert: \(DemoFiles.alert)\n"))
        #expect(DemoFiles.rules.contains("windows: scaled"))
        #expect(DemoFiles.rules.contains("interval: 1s"))
    }
}
