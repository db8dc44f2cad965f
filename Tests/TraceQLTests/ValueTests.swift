import QueryCore
import Store
import Telemetry
import Testing
import TraceQL

struct ValueTests {
    private func spans() -> TestSpans {
        let spans = TestSpans()
        spans.add(
            1, "a", service: "web", at: 0, resource: [Attribute("zone", .string("z1"))],
            scope: Scope(name: "lib", attributes: [Attribute("i", .int(1))]),
            [Attribute("code", .int(200)), Attribute("path", .string("/"))]
        ) {
            $0.events = [
                SpanEvent(
                    time: $0.start, name: "e", attributes: [Attribute("k", .string("v"))])
            ]
            $0.links = [
                SpanLink(
                    traceID: $0.traceID, spanID: SpanID(9), attributes: [Attribute("l", .int(1))])
            ]
        }
        spans.add(
            2, parent: 1, "b", service: "db", at: 1, [Attribute("code", .string("x"))])
        return spans
    }

    private func values(_ name: String, _ query: String = "") throws -> [String] {
        try spans().engine.values(
            of: try TraceQLEngine.field(name), matching: query, in: .all, limit: 10
        ).map { "\($0.type) \($0.text)" }
    }

    @Test("names of attributes are listed by scope")
    func names() throws {
        let found = try spans().engine.attributeNames(
            [.span, .resource, .event, .link, .instrumentation], matching: "", in: .all)
        #expect(found[.span] == ["code", "path"] && found[.resource] == ["service.name", "zone"])
        #expect(found[.event] == ["k"] && found[.link] == ["l"] && found[.instrumentation] == ["i"])
        let filtered = try spans().engine.attributeNames(
            [.span, .resource], matching: "{ name = \"b\" }", in: .all)
        #expect(filtered == [.span: ["code"], .resource: ["service.name"]])
    }

    @Test("values keep their types, and a query restricts them")
    func values() throws {
        #expect(try values("span.code") == ["int 200", "string x"])
        #expect(try values(".code", "{ name = \"b\" }") == ["string x"])
        #expect(try values("resource.service.name") == ["string db", "string web"])
        #expect(try values("resource.service.name", "{ name = \"a\" }") == ["string web"])
        #expect(try values("name") == ["string a", "string b"])
        #expect(try values("event:name") == ["string e"] && values("event.k") == ["string v"])
        #expect(try values("rootName") == ["string a"])
        #expect(try values("rootServiceName") == ["string web"])
        #expect(try values("instrumentation.i") == ["int 1"] && values("link.l") == ["int 1"])
        #expect(try values("span.nothing") == [])
    }

    @Test("a query that is not finished restricts nothing")
    func unfinished() throws {
        #expect(try values("span.code", "{ name = ") == ["int 200", "string x"])
    }

    @Test("what is no attribute is refused")
    func noField() {
        for name in ["nonsense", "", "span.", "a b", ".a = 1"] {
            #expect(failure { _ = try TraceQLEngine.field(name) }?.kind == .badData, "\(name)")
        }
    }
}
