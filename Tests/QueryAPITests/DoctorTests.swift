import Foundation
import Logging
import Platform
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("The doctor of broken traces")
struct DoctorTests {
    private typealias Node = [String: Any]

    private func examine(
        _ query: String = "", _ build: (inout SpanBuilder) -> Void
    ) async throws -> Node {
        try await APIServer.run(filledBy: { $0.addSpans(build) }) { server in
            let answer = try await server.get("/api/sidelight/doctor?\(query)")
            #expect(answer.status == 200, "\(answer.text)")
            let json = try JSONSerialization.jsonObject(with: Data(answer.body))
            return try #require(json as? Node)
        }
    }

    private func list(_ node: Node, _ key: String) -> [Node] { node[key] as? [Node] ?? [] }
    private func int(_ node: Node, _ key: String) -> Int { node[key] as? Int ?? -1 }
    private func text(_ node: Node, _ key: String) -> String { node[key] as? String ?? "" }

    @Test("missing parents are counted on the edge they most likely belong to")
    func orphans() async throws {
        let answer = try await examine { spans in
            let web = spans.resource("web")
            let cart = spans.resource("cart")
            for trace in UInt64(1)...8 {
                // Of two traces the caller's spans are missing.
                if trace > 2 {
                    spans.add(
                        trace: trace, span: 1, "GET /", resource: web, ago: 100, milliseconds: 50)
                }
                spans.add(
                    trace: trace, span: 2, parent: 1, "add", resource: cart, ago: 99.99
                ) { $0.kind = .server }
                spans.add(trace: trace, span: 3, parent: 2, "sql", resource: cart, ago: 99.98)
            }
            spans.add(trace: 9, span: 5, parent: 77, "lonely", resource: cart, ago: 90)
        }
        #expect(int(answer, "orphanCount") == 3 && answer["isPartial"] as? Bool == false)
        let edges = list(answer, "edges")
        #expect(edges.map { text($0, "client") } == ["web", ""])
        let edge = try #require(edges.first)
        #expect(text(edge, "server") == "cart")
        #expect(int(edge, "callCount") == 8 && int(edge, "orphanCount") == 2)
        #expect(edge["orphanRate"] as? Double == 0.25)
        #expect(
            ["\(TraceID(high: 0xA, low: 1))", "\(TraceID(high: 0xA, low: 2))"]
                .contains(text(edge, "exampleTraceId")))
        #expect(list(answer, "lostContext").isEmpty)
    }

    @Test("parents that began long before the range are found by their traces")
    func longParents() async throws {
        let end = APIServer.now
        let answer = try await examine("start=\(end - 100)&end=\(end)") { spans in
            let batch = spans.resource("batch")
            let worker = spans.resource("worker")
            for trace in UInt64(1)...20 {
                if trace != 20 {
                    spans.add(
                        trace: trace, span: 1, "job", resource: batch, ago: 400,
                        milliseconds: 390_000)
                }
                for child in UInt64(2)...6 {
                    spans.add(
                        trace: trace, span: child, parent: 1, "work", resource: worker, ago: 50)
                }
            }
        }
        #expect(int(answer, "orphanCount") == 5)
        let edges = list(answer, "edges")
        let edge = try #require(edges.first { text($0, "client") == "batch" })
        #expect(text(edge, "server") == "worker" && int(edge, "callCount") == 95)
        #expect(int(edge, "orphanCount") == 0)
    }

    @Test("a call without the context of its request names service, route and header")
    func lostContext() async throws {
        let answer = try await examine { spans in
            let cart = spans.resource("cart")
            for trace in UInt64(1)...4 {
                let ago = 100 + Double(trace) * 10
                spans.add(
                    trace: trace, span: 2, parent: 1, "POST /buy", resource: cart, ago: ago,
                    milliseconds: 500
                ) { $0.kind = .server }
                // The call begins a trace of its own; in the last request it does not.
                spans.add(
                    trace: trace < 4 ? 100 + trace : trace, span: 3, parent: trace < 4 ? 0 : 2,
                    "GET stock", resource: cart, ago: ago - 0.2, milliseconds: 50
                ) { $0.kind = .client }
            }
            // Work of its own, outside any request.
            spans.add(trace: 300, span: 9, "GET rates", resource: cart, ago: 300) {
                $0.kind = .client
            }
        }
        let losses = list(answer, "lostContext")
        #expect(losses.count == 1)
        let loss = try #require(losses.first)
        #expect(text(loss, "service") == "cart" && text(loss, "route") == "POST /buy")
        #expect(text(loss, "outbound") == "GET stock")
        #expect(int(loss, "lostCount") == 3 && int(loss, "certainCount") == 3)
        #expect(int(loss, "forwardedCount") == 1)
        #expect((loss["headers"] as? [String])?.prefix(3) == ["traceparent", "tracestate", "b3"])
        #expect(text(loss, "advice").contains("traceparent"))
    }

    @Test("the header follows from the kind of trace id")
    func headers() async throws {
        func headers(_ trace: TraceID) async throws -> [String] {
            let answer = try await examine { spans in
                let cart = spans.resource("cart")
                spans.add(
                    trace: 1, span: 2, parent: 1, "in", resource: cart, ago: 100, milliseconds: 500
                ) {
                    $0.kind = .server
                    $0.traceID = trace
                }
                spans.add(trace: 2, span: 3, "out", resource: cart, ago: 99.9) { $0.kind = .client }
            }
            return list(answer, "lostContext").first?["headers"] as? [String] ?? []
        }
        #expect(try await headers(TraceID(high: 0, low: 5)).first == "b3")
        let second = UInt64(APIServer.now - 100)
        #expect(
            try await headers(TraceID(high: second << 32 | 9, low: 5)) == ["x-amzn-trace-id"])
        #expect(
            try await headers(TraceID(high: 0xFEDC_BA98_7654_3210, low: 5)).first == "traceparent")
    }

    @Test("among requests served at once the last begun is named, and not as certain")
    func concurrent() async throws {
        let answer = try await examine { spans in
            let cart = spans.resource("cart")
            for (trace, name) in [(UInt64(1), "early"), (2, "late")] {
                spans.add(
                    trace: trace, span: 2, parent: 1, name, resource: cart,
                    ago: 100 - Double(trace), milliseconds: 5_000
                ) { $0.kind = .server }
            }
            spans.add(trace: 3, span: 3, "out", resource: cart, ago: 97) { $0.kind = .client }
        }
        let loss = try #require(list(answer, "lostContext").first)
        #expect(text(loss, "route") == "late")
        #expect(int(loss, "lostCount") == 1 && int(loss, "certainCount") == 0)
    }

    @Test("times that make no sense are refused", arguments: ["start=x", "start=9&end=8"])
    func refusals(query: String) async throws {
        try await APIServer.run { server in
            let answer = try await server.get("/api/sidelight/doctor?\(query)")
            #expect(answer.status == 400)
        }
    }

    @Test("once a minute the findings become metrics")
    func metrics() throws {
        let store = MemoryStore.withRegex
        store.addSpans { spans in
            let cart = spans.resource("cart")
            spans.add(trace: 1, span: 2, parent: 1, "in", resource: cart, ago: 30) {
                $0.kind = .server
            }
        }
        let loop = DoctorLoop(
            spans: store, metrics: store,
            clock: ManualClock(wallNanoseconds: APIServer.now * 1_000_000_000),
            events: EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        loop.look()
        let found = try store.selectSeries(
            [LabelMatcher("__name__", .equal, "traces_orphan_ratio")], in: 0...Int64.max)
        #expect(found.count == 1)
        #expect(found.labels(0)["server"] == "cart")
        var columns = SampleColumns()
        try found.samples(0, into: &columns)
        #expect(columns.values == [1])
    }

    @Test("a minute of more spans than can be held is judged by a sample of its traces")
    func sampledMetrics() throws {
        let store = MemoryStore.withRegex
        store.addSpans { spans in
            let web = spans.resource("web")
            let cart = spans.resource("cart")
            for trace in UInt64(1)...2_000 {
                let ago = 20 + Double(trace) / 100
                // Every fourth caller's span is missing.
                if trace % 4 != 0 {
                    spans.add(
                        trace: trace, span: 1, "GET /", resource: web, ago: ago, milliseconds: 5)
                }
                spans.add(trace: trace, span: 2, parent: 1, "add", resource: cart, ago: ago) {
                    $0.kind = .server
                }
                // And every request makes a call without its context.
                spans.add(trace: 10_000 + trace, span: 3, "out", resource: cart, ago: ago) {
                    $0.kind = .client
                }
            }
        }
        let loop = DoctorLoop(
            spans: store, metrics: store,
            clock: ManualClock(wallNanoseconds: APIServer.now * 1_000_000_000),
            events: EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
            spansMax: 500)
        loop.look()
        func value(_ name: String) throws -> Double {
            let found = try store.selectSeries(
                [LabelMatcher("__name__", .equal, name)], in: 0...Int64.max)
            var columns = SampleColumns()
            var sum = 0.0
            for index in 0..<found.count {
                try found.samples(index, into: &columns)
                sum += columns.values.reduce(0, +)
            }
            return sum
        }
        // 500 of 2,000: the sample has some hundred traces, so the estimate is near it.
        let orphans = try value("traces_orphan_spans")
        let ratio = try value("traces_orphan_ratio")
        #expect((250...750).contains(orphans))
        #expect((0.1...0.4).contains(ratio))
    }

    @Test(
        "a stretch of far more spans than can be held still has counts, and says that it is partial"
    )
    func sampledAnswer() async throws {
        var setup = APIServer.Setup()
        setup.answerLimits.dependencySpansMax = 400
        setup.store.addSpans { spans in
            let cart = spans.resource("cart")
            for trace in UInt64(1)...3_000 {
                spans.add(
                    trace: trace, span: 2, parent: 1, "in", resource: cart,
                    ago: 20 + Double(trace) / 1_000, milliseconds: 1
                ) { $0.kind = .server }
            }
        }
        let answer = try await APIServer.run(setup) { server in
            let answer = try await server.get("/api/sidelight/doctor")
            let json = try JSONSerialization.jsonObject(with: Data(answer.body))
            return try #require(json as? Node)
        }
        #expect(answer["isPartial"] as? Bool == true)
        #expect((1...400).contains(int(answer, "examinedSpanCount")))
        #expect((1_500...4_500).contains(int(answer, "spanCount")))
        #expect(list(answer, "edges").first?["orphanRate"] as? Double == 1)
    }
}
