import Foundation
import Platform
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("The tree of a trace in an answer of bounded size")
struct TraceTreeTests {
    private typealias Node = [String: Any]

    private func tree(
        _ query: String = "", status: Int = 200, _ build: (inout SpanBuilder) -> Void
    ) async throws -> Node {
        try await APIServer.run(filledBy: { $0.addSpans(build) }) { server in
            let id = String(repeating: "0", count: 15) + "a" + String(repeating: "0", count: 15)
            let answer = try await server.get("/api/sidelight/traces/\(id)1/tree?\(query)")
            #expect(answer.status == status, "\(answer.text)")
            let json = try JSONSerialization.jsonObject(with: Data(answer.body))
            return try #require(json as? Node)
        }
    }

    private func list(_ node: Node, _ key: String) -> [Node] { node[key] as? [Node] ?? [] }
    private func int(_ node: Node, _ key: String) -> Int { node[key] as? Int ?? -1 }
    private func text(_ node: Node, _ key: String) -> String { node[key] as? String ?? "" }

    @Test("a small trace is shown whole")
    func small() async throws {
        let answer = try await tree { spans in
            let web = spans.resource("web")
            let cart = spans.resource("cart")
            spans.add(trace: 1, span: 1, "GET /", resource: web, ago: 9, milliseconds: 500)
            spans.add(trace: 1, span: 2, parent: 1, "call", resource: web, ago: 8.9)
            spans.add(trace: 1, span: 3, parent: 2, "add", resource: cart, ago: 8.8) {
                $0.kind = .server
                $0.status = .error
            }
        }
        #expect(int(answer, "spanCount") == 3 && int(answer, "errorCount") == 1)
        #expect(int(answer, "rootCount") == 1 && int(answer, "depth") == 3)
        #expect(list(answer, "services").map { text($0, "name") } == ["cart", "web"])
        let root = try #require(list(answer, "roots").first)
        #expect(text(root, "name") == "GET /" && int(root, "spanCount") == 3)
        #expect(int(root, "errorCount") == 1 && int(root, "durationNanos") == 500_000_000)
        let call = try #require(list(root, "children").first)
        let add = try #require(list(call, "children").first)
        #expect(text(add, "service") == "cart" && text(add, "kind") == "server")
        #expect(text(add, "status") == "error" && int(add, "childCount") == 0)
        #expect(text(add, "parentSpanId") == text(call, "spanId"))
    }

    @Test("repeated siblings are one entry with exact counts")
    func repeated() async throws {
        let answer = try await tree("children=3") { spans in
            let web = spans.resource("web")
            spans.add(trace: 1, span: 1, "root", resource: web, ago: 100)
            for index in UInt64(0)..<1_000 {
                spans.add(
                    trace: 1, span: 10 + 2 * index, parent: 1, "query", resource: web,
                    ago: 90 - Double(index) / 100, milliseconds: Int64(1 + index))
                spans.add(
                    trace: 1, span: 11 + 2 * index, parent: 10 + 2 * index, "row", resource: web,
                    ago: 90 - Double(index) / 100
                ) { $0.status = index % 100 == 7 ? .error : .ok }
            }
            spans.add(trace: 1, span: 5, parent: 1, "commit", resource: web, ago: 1)
        }
        #expect(int(answer, "spanCount") == 2_002)
        let entries = list(try #require(list(answer, "roots").first), "children")
        #expect(entries.map { text($0, "type") } == ["group", "span"])
        let group = try #require(entries.first)
        #expect(int(group, "count") == 1_000 && int(group, "spanCount") == 2_000)
        #expect(int(group, "errorCount") == 10)
        let durations = try #require(group["durationNanos"] as? Node)
        #expect(int(durations, "min") == 1_000_000 && int(durations, "max") == 1_000_000_000)
        #expect(int(durations, "total") == 500_500 * 1_000_000)
        let example = try #require(group["example"] as? Node)
        #expect(text(example, "spanId") == text(group, "longestSpanId"))
        #expect(list(example, "children").count == 1)
        #expect(text(group, "firstErrorSpanId") == String(format: "%016x", 10 + 2 * 7))
    }

    @Test("many kinds of siblings: the longest are shown, the others counted together")
    func rest() async throws {
        let answer = try await tree("children=3") { spans in
            let web = spans.resource("web")
            spans.add(trace: 1, span: 1, "root", resource: web, ago: 100)
            for index in UInt64(0)..<50 {
                spans.add(
                    trace: 1, span: 10 + index, parent: 1, "op \(index)", resource: web,
                    ago: 90 - Double(index), milliseconds: Int64(100 - index))
            }
        }
        let entries = list(try #require(list(answer, "roots").first), "children")
        #expect(entries.map { text($0, "name") } == ["op 0", "op 1", ""])
        let rest = try #require(entries.last)
        #expect(text(rest, "type") == "rest")
        #expect(int(rest, "groupCount") == 48 && int(rest, "count") == 48)
    }

    @Test("depth and span make a window")
    func window() async throws {
        let build: (inout SpanBuilder) -> Void = { spans in
            let web = spans.resource("web")
            for level in UInt64(1)...10 {
                spans.add(
                    trace: 1, span: level, parent: level - 1, "level \(level)", resource: web,
                    ago: 20 - Double(level))
            }
        }
        let top = try await tree("depth=2", build)
        let root = try #require(list(top, "roots").first)
        let second = try #require(list(root, "children").first)
        #expect(second["children"] == nil && int(second, "childCount") == 1)
        #expect(int(second, "depth") == 9 && int(top, "depth") == 10)
        let lower = try await tree("depth=3&span=0000000000000004", build)
        let fourth = try #require(list(lower, "roots").first)
        #expect(text(fourth, "name") == "level 4" && int(fourth, "spanCount") == 7)
        #expect(int(lower, "spanCount") == 10, "the counts of the trace stay")
        _ = try await tree("span=00000000000000ff", status: 404, build)
        _ = try await tree("depth=none", status: 400, build)
        _ = try await tree("span=xyz", status: 400, build)
        let none = try await tree("", status: 404) { spans in
            spans.add(trace: 2, span: 1, "other", resource: spans.resource("web"), ago: 1)
        }
        #expect(text(none, "error") == "trace not found")
    }

    @Test("orphans and spans that are their own ancestors are shown as roots")
    func broken() async throws {
        let answer = try await tree { spans in
            let web = spans.resource("web")
            spans.add(trace: 1, span: 1, "root", resource: web, ago: 10)
            spans.add(trace: 1, span: 2, parent: 99, "orphan", resource: web, ago: 9)
            spans.add(trace: 1, span: 3, parent: 3, "self", resource: web, ago: 8)
            spans.add(trace: 1, span: 4, parent: 6, "circle a", resource: web, ago: 7)
            spans.add(trace: 1, span: 5, parent: 4, "circle b", resource: web, ago: 6)
            spans.add(trace: 1, span: 6, parent: 5, "circle c", resource: web, ago: 5)
            spans.add(trace: 1, span: 7, parent: 6, "below", resource: web, ago: 4)
        }
        #expect(int(answer, "rootCount") == 4 && int(answer, "orphanCount") == 1)
        let roots = list(answer, "roots")
        #expect(roots.map { text($0, "name") } == ["root", "orphan", "self", "circle a"])
        #expect(roots.map { $0["isCyclic"] as? Bool ?? false } == [false, false, true, true])
        #expect(roots.reduce(0) { $0 + int($1, "spanCount") } == 7)
    }

    @Test("the two sides of a call that share an id are parent and child")
    func sharedIDs() async throws {
        let answer = try await tree { spans in
            let (a, b) = (spans.resource("a"), spans.resource("b"))
            spans.add(trace: 1, span: 1, "rpc", resource: b, ago: 9) { $0.kind = .server }
            spans.add(trace: 1, span: 1, "rpc", resource: a, ago: 8.9) { $0.kind = .client }
            spans.add(trace: 1, span: 2, parent: 1, "inside", resource: b, ago: 8)
        }
        let root = try #require(list(answer, "roots").first)
        #expect(int(answer, "rootCount") == 1 && text(root, "kind") == "client")
        let server = try #require(list(root, "children").first)
        #expect(text(server, "kind") == "server")
        #expect(list(server, "children").map { text($0, "name") } == ["inside"])
    }

    @Test(
        "every span is counted once, whatever the parents are",
        arguments: 1...20 as ClosedRange<UInt64>)
    func randomTrees(seed: UInt64) async throws {
        let random = SeededRandom(seed: seed)
        let count = 1 + random.next(below: 300)
        let answer = try await tree("children=5&depth=64") { spans in
            let services = ["a", "b"].map { spans.resource($0) }
            for span in 1...count {
                spans.add(
                    trace: 1, span: span, parent: random.next(below: count + 3),
                    "op \(random.next(below: 4))",
                    resource: services[Int(random.next(below: 2))],
                    ago: Double(random.next(below: 10_000)) / 10
                ) { $0.status = random.next(below: 9) == 0 ? .error : .ok }
            }
        }
        #expect(int(answer, "spanCount") == Int(count))
        let roots = list(answer, "roots")
        #expect(roots.reduce(0) { $0 + int($1, "spanCount") } == Int(count), "seed \(seed)")
        #expect(roots.reduce(0) { $0 + int($1, "errorCount") } == int(answer, "errorCount"))
        for root in roots where text(root, "type") == "span" { check(root) }
    }

    /// A node's count is that of itself and its entries.
    private func check(_ node: Node) {
        let children = list(node, "children")
        guard !children.isEmpty else { return }
        #expect(
            int(node, "spanCount") == 1 + children.reduce(0) { $0 + int($1, "spanCount") })
        #expect(
            int(node, "childCount")
                == children.reduce(0) { $0 + max(1, ($1["count"] as? Int) ?? 1) })
        for child in children where text(child, "type") == "span" { check(child) }
    }
}
