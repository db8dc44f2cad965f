import Foundation
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("A trace too large to be answered at once")
struct LargeTraceTests {
    private static let count: UInt64 = 20_000
    private static let path = "000000000000000a0000000000000001"

    private func fill(_ store: MemoryStore) {
        store.addSpans { spans in
            let services = ["web", "cart", "web"].map { spans.resource($0) }
            for span in 1...Self.count {
                spans.add(
                    trace: 1, span: span, parent: span / 2, "op \(span % 3)",
                    resource: services[Int(span % 3)],
                    ago: Double(Self.count - span) / 100
                ) { $0.attributes = [Attribute("number", .int(Int64(span)))] }
            }
        }
    }

    @Test("streams as one JSON document with every span and the processes at its end")
    func v1() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/traces/\(Self.path)")
            #expect(answer.status == 200 && answer["content-length"] == nil)
            let json = try JSONSerialization.jsonObject(with: Data(answer.body))
            let frame = try #require(json as? [String: Any])
            #expect(frame["errors"] is NSNull && frame["total"] as? Int == 0)
            let data = try #require(frame["data"] as? [[String: Any]])
            let trace = try #require(data.first)
            #expect(data.count == 1 && trace["traceID"] as? String == Self.path)
            let spans = try #require(trace["spans"] as? [[String: Any]])
            let ids = spans.compactMap { $0["spanID"] as? String }
            #expect(ids == (1...Self.count).map { String(format: "%016x", $0) })
            let processes = try #require(trace["processes"] as? [String: [String: Any]])
            #expect(processes.keys.sorted() == ["p1", "p2"])
            for (index, span) in spans.enumerated() {
                let process = processes[span["processID"] as? String ?? ""]
                #expect(
                    process?["serviceName"] as? String == ((index + 1) % 3 == 1 ? "cart" : "web"))
            }
        }
    }

    @Test("streams as OTLP/JSON")
    func v3() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v3/traces/\(Self.path)")
            #expect(answer.status == 200 && answer["content-length"] == nil)
            let json = try JSONSerialization.jsonObject(with: Data(answer.body))
            let result = (json as? [String: Any])?["result"] as? [String: Any]
            let resources = try #require(result?["resourceSpans"] as? [[String: Any]])
            var ids: Set<String> = []
            for resource in resources {
                for scope in resource["scopeSpans"] as? [[String: Any]] ?? [] {
                    for span in scope["spans"] as? [[String: Any]] ?? [] {
                        ids.insert(span["spanId"] as? String ?? "")
                    }
                }
            }
            #expect(ids.count == Int(Self.count))
        }
    }

    @Test("is shown in part in a list, which says so, and summed up whole")
    func inLists() async throws {
        var setup = APIServer.Setup()
        setup.answerLimits.listedSpansMax = 100
        fill(setup.store)
        try await APIServer.run(setup) { server in
            let list = try await server.get("/api/traces?service=cart&lookback=1h")
            let json = try JSONSerialization.jsonObject(with: Data(list.body))
            let data = (json as? [String: Any])?["data"] as? [[String: Any]]
            let trace = try #require(data?.first)
            #expect((trace["spans"] as? [Any])?.count == 100)
            #expect(
                trace["warnings"] as? [String]
                    == ["these are 100 of 20000 spans; the trace by its id has all"])
            let window =
                "query.startTimeMin=2026-01-02T02:00:00Z&query.startTimeMax=2026-01-02T04:00:00Z"
            let search = try await server.get("/api/v3/traces?\(window)")
            #expect(search.status == 200 && search["x-sidelight-partial"] == "true")
            let summaries = try await server.get("/api/v3/trace-summaries?\(window)")
            #expect(summaries.text.contains(#""spanCount":20000,"#))
            #expect(
                summaries.text.contains(#""rootServiceName":"cart","rootOperationName":"op 1""#))
            #expect(summaries.text.contains(#"{"name":"web","spanCount":13333,"#))
        }
    }

    @Test("has a tree that says how many there are")
    func tree() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/sidelight/traces/\(Self.path)/tree?depth=3")
            #expect(answer.status == 200 && answer.body.count < 20_000)
            let json = try JSONSerialization.jsonObject(with: Data(answer.body))
            let tree = try #require(json as? [String: Any])
            #expect(tree["spanCount"] as? Int == Int(Self.count))
            #expect(tree["depth"] as? Int == 15)
        }
    }
}
