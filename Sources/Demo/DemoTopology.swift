/// The shop: who is there, who calls whom, and on which loopback ports all of it listens.
package struct DemoTopology: Sendable {
    /// A service, or the load's client or the gateway, with the proxy before it.
    package struct Workload: Sendable {
        /// Unique; files and processes are named by it.
        package var id: String
        package var service: String
        package var version: String
        /// Where its own code listens; `nil` when it has none.
        package var app: Int?
        /// Where its proxy takes requests to it; `nil` when nobody calls it.
        package var inbound: Int?
        /// Where its proxy takes its own calls; `nil` when it makes none.
        package var outbound: Int?
        package var calls: [Call] = []
    }

    /// A route of the outbound listener.
    package struct Call: Sendable {
        package var host: String
        /// Workload or function and its share, in percent.
        package var targets: [(id: String, weight: Int)]
        package var retries = false
    }

    package struct Function: Sendable {
        package var name: String
        package var port: Int
    }

    package static let namespace = "shop"
    package static let canary = "payments-v2"
    /// How many of a hundred payments go to the canary.
    static let canaryPercent = 50

    package var server: Int
    package var control: Int
    package var workloads: [Workload]
    package var gateway: Workload
    /// In `run --mode http`.
    package var receipt: Function
    /// In `run --mode lambda` where Python has awslambdaric, in `--mode http` otherwise.
    package var discount: Function

    /// How many ports the shop needs.
    package static let portCount = 40

    /// - Parameter ports: `portCount` different ones.
    package init(ports: [Int]) {
        precondition(ports.count >= DemoTopology.portCount, "BUG: too few ports")
        var free = ports[...]
        func next() -> Int { free.removeFirst() }
        server = next()
        control = next()
        receipt = Function(name: "receipt", port: next())
        discount = Function(name: "discount", port: next())
        gateway = Workload(
            id: "gateway", service: "gateway", version: "v1", inbound: next(),
            calls: [Call(host: "*", targets: [("storefront", 100)])])
        workloads = DemoTopology.shop.map { one in
            var workload = one
            if workload.id != "client" {
                workload.app = next()
                workload.inbound = next()
            }
            if !workload.calls.isEmpty { workload.outbound = next() }
            return workload
        }
    }

    private static var shop: [Workload] {
        func workload(
            _ id: String, service: String? = nil, version: String = "v1", _ calls: [Call] = []
        ) -> Workload {
            Workload(id: id, service: service ?? id, version: version, calls: calls)
        }
        func call(_ host: String, retries: Bool = false) -> Call {
            Call(host: host, targets: [(host, 100)], retries: retries)
        }
        let payments = Call(
            host: "payments",
            targets: [("payments-v1", 100 - canaryPercent), (canary, canaryPercent)])
        return [
            workload("client", [Call(host: "shop", targets: [("gateway", 100)])]),
            workload("storefront", [call("catalog"), call("recommendations"), call("checkout")]),
            workload("catalog"),
            workload("recommendations", [call("catalog")]),
            workload(
                "checkout",
                [payments, call("inventory", retries: true), call("pricing"), call("receipt")]),
            workload("pricing", [call("discount")]),
            workload("payments-v1", service: "payments"),
            workload(canary, service: "payments", version: "v2"),
            workload("inventory"),
            workload(
                "worker", [call("worker"), call("catalog"), call("inventory", retries: true)]),
        ]
    }

    /// Everybody who has a proxy.
    package var proxied: [Workload] { [gateway] + workloads }
    package var client: Workload { workloads[0] }
    package var serverURL: String { "http://127.0.0.1:\(server)" }
    package var controlURL: String { "http://127.0.0.1:\(control)" }
    package var functions: [Function] { [receipt, discount] }
    /// The names of services with code of their own.
    package var services: Set<String> { Set(workloads.filter { $0.app != nil }.map(\.service)) }

    /// Where requests for a workload or function arrive, and as what telemetry knows it.
    package func destination(_ id: String) -> (port: Int, service: String, version: String) {
        if let function = functions.first(where: { $0.name == id }) {
            return (function.port, function.name, "")
        }
        guard let workload = proxied.first(where: { $0.id == id }), let port = workload.inbound
        else { preconditionFailure("BUG: nobody listens as \(id)") }
        return (port, workload.service, workload.version)
    }
}
