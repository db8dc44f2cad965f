import Foundation
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("Calls through proxies as one row of the tree")
struct MeshHopTests {
    private typealias Node = [String: Any]

    private static let envoy = [Attribute("component", .string("proxy"))]

    private func tree(
        _ query: String = "fold=hops&depth=20", _ build: (inout SpanBuilder) -> Void
    ) async throws -> Node {
        try await APIServer.run(filledBy: { $0.addSpans(build) }) { server in
            let id = TraceID(high: 0xA, low: 1).hex
            let answer = try await server.get("/api/sidelight/traces/\(id)/tree?\(query)")
            #expect(answer.status == 200, "\(answer.text)")
            let json = try JSONSerialization.jsonObject(with: Data(answer.body))
            return try #require(json as? Node)
        }
    }

    private func list(_ node: Node, _ key: String) -> [Node] { node[key] as? [Node] ?? [] }
    private func int(_ node: Node, _ key: String) -> Int { node[key] as? Int ?? -1 }
    private func text(_ node: Node, _ key: String) -> String { node[key] as? String ?? "" }

    /// web calls cart through two sidecars, cart asks a database.
    private func addHop(_ spans: inout SpanBuilder) {
        let web = spans.resource("web")
        let cart = spans.resource("cart")
        let webProxy = spans.resource("web.shop")
        let cartProxy = spans.resource("cart.shop")
        func add(
            _ span: UInt64, _ parent: UInt64, _ name: String, _ resource: UInt32,
            _ kind: SpanKind, _ milliseconds: Int64, _ attributes: [Attribute] = []
        ) {
            spans.add(
                trace: 1, span: span, parent: parent, name, resource: resource,
                ago: 10 - Double(span) / 1_000, milliseconds: milliseconds
            ) {
                $0.kind = kind
                $0.attributes = attributes
            }
        }
        add(1, 0, "GET /", web, .server, 200)
        add(2, 1, "call cart", web, .client, 100)
        add(3, 2, "cart:80", webProxy, .client, 96, Self.envoy)
        add(4, 3, "cart:80", cartProxy, .server, 80, Self.envoy)
        add(5, 4, "add", cart, .server, 75)
        add(6, 5, "SELECT", cart, .client, 20)
    }

    @Test("the caller's span, two sidecars and the callee's span are one node with shares")
    func folded() async throws {
        let answer = try await tree { addHop(&$0) }
        #expect(int(answer, "spanCount") == 6 && int(answer, "hopCount") == 1)
        let root = try #require(list(answer, "roots").first)
        #expect(root["hop"] == nil)
        let call = try #require(list(root, "children").first)
        let hop = try #require(call["hop"] as? Node)
        #expect(text(call, "name") == "call cart" && text(hop, "server") == "cart")
        #expect(int(hop, "networkNanos") == 16_000_000)
        #expect(int(hop, "proxyNanos") == 9_000_000)
        #expect(int(hop, "serverNanos") == 75_000_000)
        #expect(hop["isServerInstrumented"] as? Bool == true)
        let spans = list(hop, "spans")
        #expect(spans.map { text($0, "spanId").suffix(1) } == ["2", "3", "4", "5"])
        #expect(spans.map { $0["isProxy"] as? Bool ?? false } == [false, true, true, false])
        // What the callee did is right below; the counts are those of all spans.
        #expect(list(call, "children").map { text($0, "name") } == ["SELECT"])
        #expect(int(call, "spanCount") == 5 && int(call, "depth") == 2)
    }

    @Test("without the parameter every span is a node of its own")
    func raw() async throws {
        let answer = try await tree("depth=20") { addHop(&$0) }
        #expect(int(answer, "hopCount") == 0 && int(answer, "depth") == 6)
        let root = try #require(list(answer, "roots").first)
        let call = try #require(list(root, "children").first)
        #expect(list(call, "children").map { text($0, "service") } == ["web.shop"])
    }

    @Test("attempts of a retrying proxy stay apart, and services without proxies as they are")
    func notFolded() async throws {
        let answer = try await tree { spans in
            let web = spans.resource("web")
            let cart = spans.resource("cart")
            spans.add(trace: 1, span: 1, "call", resource: web, ago: 10) { $0.kind = .client }
            spans.add(trace: 1, span: 2, parent: 1, "proxy", resource: web, ago: 10) {
                $0.kind = .client
                $0.attributes = Self.envoy
            }
            for attempt in UInt64(3)...4 {
                spans.add(trace: 1, span: attempt, parent: 2, "add", resource: cart, ago: 9) {
                    $0.kind = .server
                }
            }
            spans.add(trace: 1, span: 5, parent: 4, "out", resource: cart, ago: 9) {
                $0.kind = .client
            }
            spans.add(trace: 1, span: 6, parent: 5, "in", resource: web, ago: 9) {
                $0.kind = .server
            }
        }
        #expect(int(answer, "hopCount") == 1)
        let call = try #require(list(answer, "roots").first)
        #expect(list(call, "children").count == 2)
        #expect(list(call, "children").allSatisfy { $0["hop"] == nil })
    }

    @Test("clocks are bounded by calls, and times stay as they were sent")
    func clockSkew() async throws {
        let answer = try await tree("depth=9") { spans in
            let web = spans.resource("web")
            let cart = spans.resource("cart")
            for call in UInt64(0)..<2 {
                // cart's clock is a second ahead.
                spans.add(
                    trace: 1, span: 10 + call, "call", resource: web, ago: 20 - Double(call),
                    milliseconds: 100
                ) { $0.kind = .client }
                spans.add(
                    trace: 1, span: 20 + call, parent: 10 + call, "in", resource: cart,
                    ago: 18.99 - Double(call), milliseconds: call == 0 ? 60 : 80
                ) { $0.kind = .server }
            }
        }
        let skew = try #require(list(answer, "clockSkew").first)
        #expect(text(skew, "client") == "web" && text(skew, "server") == "cart")
        // 10 ms after the call began at most; the second call ended 10 ms after the server.
        #expect(int(skew, "mostNanos") == 1_010_000_000)
        #expect(int(skew, "leastNanos") == 990_000_000)
        #expect(int(skew, "callCount") == 2)
        #expect(skew["isCertain"] as? Bool == true && skew["isConsistent"] as? Bool == true)
        let root = try #require(list(answer, "roots").first)
        let child = try #require(list(root, "children").first)
        let start = APIServer.now * 1_000_000_000 - 18_990_000_000
        #expect(abs((Int64(text(child, "startUnixNano")) ?? 0) - start) < 1_000)
    }

    @Test("an unknown way of folding is refused")
    func refusal() async throws {
        try await APIServer.run(filledBy: { $0.addSpans { addHop(&$0) } }) { server in
            let id = TraceID(high: 0xA, low: 1).hex
            let answer = try await server.get("/api/sidelight/traces/\(id)/tree?fold=all")
            #expect(answer.status == 400)
        }
    }
}
