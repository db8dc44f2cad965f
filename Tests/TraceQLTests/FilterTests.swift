import Store
import Telemetry
import Testing
import TraceQL

struct FilterTests {
    /// One trace: a server span with a client child, and a failed database call below.
    private func shop() -> TestSpans {
        let spans = TestSpans()
        spans.add(
            1, "GET /cart", service: "web", at: 0, lasting: 100,
            resource: [
                Attribute("region", .string("eu")), Attribute("both", .string("resource")),
            ],
            scope: Scope(name: "http", version: "1.2", attributes: [Attribute("lib", .bool(true))]),
            [
                Attribute("http.status_code", .int(200)), Attribute("ratio", .double(0.5)),
                Attribute("cached", .bool(false)), Attribute("both", .string("span")),
                Attribute("list", .array([.string("x")])),
            ]
        ) {
            $0.kind = .server
            $0.events = [
                SpanEvent(
                    time: Timestamp(milliseconds: 5), name: "start",
                    attributes: [Attribute("level", .string("info"))]),
                SpanEvent(
                    time: Timestamp(milliseconds: 20), name: "exception",
                    attributes: [Attribute("level", .string("error"))]),
            ]
        }
        spans.add(2, parent: 1, "call", service: "web", at: 10, lasting: 50) {
            $0.kind = .client
            $0.links = [
                SpanLink(
                    traceID: TraceID(high: 0, low: 9), spanID: SpanID(8),
                    attributes: [Attribute("why", .string("retry"))])
            ]
        }
        spans.add(
            3, parent: 2, "SELECT", service: "db", at: 20, lasting: 5,
            [Attribute("rows", .int(7)), Attribute("cached", .bool(true))]
        ) {
            $0.status = .error
            $0.statusMessage = "no table"
        }
        return spans
    }

    @Test(
        "a filter yields the spans of which it holds",
        arguments: [
            ("{ }", [1, 2, 3]), ("{ false }", []), ("{ name = \"call\" }", [2]),
            ("{ name != \"call\" }", [1, 3]), ("{ name =~ \"G.*|S.*\" }", [1, 3]),
            ("{ name =~ \"GET\" }", []), ("{ name !~ \"GET.*\" }", [2, 3]),
            ("{ name > \"GET\" }", [1, 2, 3]), ("{ name < \"SELECT\" }", [1]),
            ("{ duration > 10ms }", [1, 2]), ("{ duration >= 50ms && duration < 100ms }", [2]),
            ("{ 10ms > duration }", [3]), ("{ duration = 5000000 }", [3]),
            ("{ duration > 0.5 }", [1, 2, 3]), ("{ duration * 2 > 100ms }", [1]),
            ("{ status = error }", [3]), ("{ status != error }", [1, 2]),
            ("{ statusMessage = \"no table\" }", [3]), ("{ kind = server }", [1]),
            ("{ kind = server || kind = client }", [1, 2]), ("{ kind = unspecified }", [3]),
            ("{ resource.service.name = \"web\" }", [1, 2]), ("{ .service.name = \"db\" }", [3]),
            ("{ span.service.name = \"db\" }", []), ("{ resource.region = \"eu\" }", [1]),
            ("{ .both = \"span\" }", [1]), ("{ .both = \"resource\" }", []),
            ("{ resource.both = \"resource\" }", [1]),
            ("{ span.http.status_code = 200 }", [1]), ("{ span.http.status_code = 200.0 }", [1]),
            ("{ .http.status_code >= 100 && .http.status_code < 300 }", [1]),
            ("{ .http.status_code = \"200\" }", []), ("{ .ratio = 0.5 }", [1]),
            ("{ .ratio < 1 }", [1]), ("{ .cached }", [3]), ("{ !.cached }", [1]),
            ("{ .cached = false }", [1]), ("{ .cached != nil }", [1, 3]),
            ("{ .cached = nil }", [2]), ("{ .missing != 1 }", []),
            ("{ !(.missing = 1) }", [1, 2, 3]),
            ("{ .rows + 1 = 8 }", [3]), ("{ .rows / 2 = 3 }", [3]), ("{ .rows % 4 = 3 }", [3]),
            ("{ .rows / 0 = 1 }", []), ("{ .rows ^ 2 = 49 }", [3]), ("{ -.rows = -7 }", [3]),
            ("{ event:name = \"exception\" }", [1]), ("{ event.level = \"error\" }", [1]),
            ("{ event.level != \"error\" }", [1]), ("{ event.level = \"debug\" }", []),
            ("{ event:timeSinceStart > 10ms }", [1]), ("{ .level = \"error\" }", [1]),
            ("{ link:spanID = \"0000000000000008\" }", [2]), ("{ link.why = \"retry\" }", [2]),
            ("{ link:traceID = \"00000000000000000000000000000009\" }", [2]),
            ("{ link.why != nil }", [2]), ("{ event.level = nil }", [2, 3]),
            ("{ instrumentation:name = \"http\" }", [1]), ("{ instrumentation.lib }", [1]),
            ("{ instrumentation:version = \"1.2\" }", [1]), ("{ .lib = true }", [1]),
            ("{ trace:id = \"00000000000000000000000000000001\" }", [1, 2, 3]),
            ("{ span:id = \"0000000000000002\" }", [2]), ("{ span:parentID = \"\" }", [1]),
            ("{ span:parentID = \"0000000000000001\" }", [2]), ("{ span:childCount = 1 }", [1, 2]),
            ("{ rootName = \"GET /cart\" }", [1, 2, 3]),
            ("{ rootServiceName = \"web\" }", [1, 2, 3]),
            ("{ traceDuration = 100ms }", [1, 2, 3]), ("{ traceDuration > 100ms }", []),
            ("{ nestedSetParent = -1 }", [1]), ("{ nestedSetLeft = 3 && nestedSetRight = 4 }", [3]),
            ("{ parent.span.http.status_code = 200 }", [2]),
            ("{ parent.resource.service.name = \"web\" }", [2, 3]),
            ("{ parent.region = \"eu\" }", [2]), ("{ .list != nil }", [1]),
            ("{ .list = \"x\" }", [1]),
            ("{ name = .missing }", []), ("{ \"call\" = name }", [2]),
            ("{ (status = error) = true }", [3]),
        ] as [(String, [UInt64])])
    func filters(query: String, expected: [UInt64]) throws {
        #expect(try shop().ids(query) == expected, "\(query)")
    }

    @Test("a filter after a filter narrows the set")
    func filterAfterFilter() throws {
        #expect(try shop().ids("{ duration > 1ms } | { kind = client }") == [2])
    }

    @Test("an attribute of a text and one of a number under the same name are told apart")
    func typedValues() throws {
        let spans = TestSpans()
        spans.add(1, "s", [Attribute("code", .string("5"))])
        spans.add(2, "s", [Attribute("code", .int(5))])
        spans.add(3, "s", [Attribute("code", .double(5))])
        #expect(try spans.ids("{ .code = \"5\" }") == [1])
        #expect(try spans.ids("{ .code = 5 }") == [2, 3])
        #expect(try spans.ids("{ .code != 4 }") == [2, 3])
    }

    @Test("a span that refers to itself and spans in a circle are matched and related to nobody")
    func circles() throws {
        let spans = TestSpans()
        spans.add(1, parent: 1, "self")
        spans.add(2, parent: 3, "a")
        spans.add(3, parent: 2, "b")
        #expect(try spans.ids("{ }") == [1, 2, 3])
        #expect(try spans.ids("{ } >> { }") == [])
        #expect(try spans.ids("{ nestedSetLeft = 0 }") == [1, 2, 3])
    }
}
