import Foundation
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("Critical path and comparison of traces")
struct TraceComparisonTests {
    private typealias Node = [String: Any]

    private func get(
        _ path: String, _ build: (inout SpanBuilder) -> Void
    ) async throws -> Node {
        try await APIServer.run(filledBy: { $0.addSpans(build) }) { server in
            let answer = try await server.get("/api/sidelight/traces/\(path)")
            #expect(answer.status == 200, "\(answer.text)")
            let json = try JSONSerialization.jsonObject(with: Data(answer.body))
            return try #require(json as? Node)
        }
    }

    private static func id(_ trace: UInt64) -> String {
        TraceID(high: 0xA, low: trace).hex
    }

    private func list(_ node: Node, _ key: String) -> [Node] { node[key] as? [Node] ?? [] }
    private func int(_ node: Node, _ key: String) -> Int { node[key] as? Int ?? -1 }
    private func text(_ node: Node, _ key: String) -> String { node[key] as? String ?? "" }

    /// Name and milliseconds of each section.
    private func sections(_ answer: Node) -> [String] {
        list(answer, "sections").map {
            "\(text($0, "name")) \(int($0, "durationNanos") / 1_000_000)"
        }
    }

    @Test("the path goes back from the end by the children that ended last")
    func path() async throws {
        let answer = try await get("\(Self.id(1))/critical-path") { spans in
            let web = spans.resource("web")
            spans.add(trace: 1, span: 1, "GET /", resource: web, ago: 10, milliseconds: 1_000)
            // Beside the longer one: delays nobody.
            spans.add(trace: 1, span: 2, parent: 1, "a", resource: web, ago: 9.9, milliseconds: 200)
            spans.add(trace: 1, span: 3, parent: 1, "b", resource: web, ago: 9.8, milliseconds: 300)
            spans.add(trace: 1, span: 4, parent: 3, "c", resource: web, ago: 9.7, milliseconds: 100)
            // Goes on after its parent.
            spans.add(trace: 1, span: 5, parent: 1, "d", resource: web, ago: 9.2, milliseconds: 900)
        }
        #expect(
            sections(answer) == [
                "GET / 200", "b 100", "c 100", "b 100", "GET / 300", "d 200",
            ])
        #expect(int(answer, "durationNanos") == 1_000_000_000)
        let operations = list(answer, "operations")
        #expect(operations.map { text($0, "name") } == ["GET /", "b", "d", "c"])
        let shares = operations.compactMap { $0["share"] as? Double }
        #expect(abs(shares.reduce(0, +) - 1) < 1e-9)
    }

    @Test("the sections of any trace lie behind each other without gap", arguments: 0..<30)
    func withoutGap(seed: Int) async throws {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        func below(_ count: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % count
        }
        let answer = try await get("\(Self.id(1))/critical-path") { spans in
            let web = spans.resource("web")
            spans.add(trace: 1, span: 1, "root", resource: web, ago: 10, milliseconds: 1_000)
            for span in UInt64(2)...200 {
                spans.add(
                    trace: 1, span: span, parent: 1 + below(span - 1), "s\(span)", resource: web,
                    ago: 10.1 - Double(below(1_200)) / 1_000, milliseconds: Int64(below(500)))
            }
        }
        let sections = list(answer, "sections")
        var reached = Int64(text(answer, "startUnixNano")) ?? 0
        let end = reached + 1_000_000_000
        for section in sections {
            #expect(Int64(text(section, "startUnixNano")) == reached, "seed \(seed)")
            reached += Int64(int(section, "durationNanos"))
        }
        #expect(reached == end, "seed \(seed)")
    }

    @Test("two traces are laid over each other by service, name, kind and what is above")
    func diff() async throws {
        let answer = try await get("\(Self.id(1))/diff/\(Self.id(2))") { spans in
            let web = spans.resource("web")
            let cart = spans.resource("cart")
            for trace in UInt64(1)...2 {
                spans.add(
                    trace: trace, span: 1, "GET /", resource: web, ago: 10,
                    milliseconds: trace == 1 ? 500 : 900)
                for call in 0..<(trace == 1 ? 2 : 5) {
                    spans.add(
                        trace: trace, span: 10 + UInt64(call), parent: 1, "get", resource: cart,
                        ago: 9.9 - Double(call) / 10, milliseconds: 50
                    ) { $0.status = trace == 2 && call == 3 ? .error : .unset }
                }
            }
            spans.add(trace: 1, span: 90, parent: 1, "old", resource: cart, ago: 9.6)
            spans.add(trace: 2, span: 91, parent: 10, "new", resource: cart, ago: 9.9)
        }
        let nodes = list(answer, "nodes")
        let byName = Dictionary(uniqueKeysWithValues: nodes.map { (text($0, "name"), $0) })
        #expect(nodes.count == 4 && int(answer, "nodeCount") == 4)
        #expect(int(answer, "added") == 1 && int(answer, "removed") == 1)
        let get = try #require(byName["get"])
        let (a, b) = (try #require(get["a"] as? Node), try #require(get["b"] as? Node))
        #expect(text(get, "change") == "count")
        #expect(int(a, "count") == 2 && int(b, "count") == 5 && int(b, "errorCount") == 1)
        #expect(int(b, "durationNanos") == 250_000_000 && int(b, "ownNanos") == 240_000_000)
        #expect(text(try #require(byName["old"]), "change") == "removed")
        let new = try #require(byName["new"])
        #expect(text(new, "change") == "added" && int(new, "parent") == int(get, "index"))
        let root = try #require(byName["GET /"])
        #expect(text(root, "change") == "same" && root["parent"] == nil)
        // 500 − 110 and 900 − 250 ms of its own.
        #expect(int(try #require(root["a"] as? Node), "ownNanos") == 390_000_000)
        #expect(text(try #require(list(answer, "changes").first), "name") == "GET /")
        let summary = try #require(answer["b"] as? Node)
        #expect(int(summary, "spanCount") == 7 && int(summary, "errorCount") == 1)
    }

    @Test("a trace does not differ from itself")
    func same() async throws {
        let answer = try await get("\(Self.id(1))/diff/\(Self.id(1))") { spans in
            let web = spans.resource("web")
            spans.add(trace: 1, span: 1, "GET /", resource: web, ago: 10)
            spans.add(trace: 1, span: 2, parent: 1, "a", resource: web, ago: 10)
        }
        #expect(list(answer, "nodes").allSatisfy { text($0, "change") == "same" })
        #expect(list(answer, "changes").isEmpty)
    }

    @Test("unknown and malformed traces are refused")
    func refusals() async throws {
        try await APIServer.run { server in
            for path in ["critical-path", "diff/\(Self.id(1))"] {
                let missing = try await server.get(
                    "/api/sidelight/traces/\(Self.id(7))/\(path)")
                #expect(missing.status == 404)
                let bad = try await server.get("/api/sidelight/traces/xyz/\(path)")
                #expect(bad.status == 400)
            }
        }
    }
}
