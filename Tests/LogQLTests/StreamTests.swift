import LogQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("log queries")
struct StreamTests {
    private let logs: TestLogs

    init() {
        logs = TestLogs()
        logs.add(at: 10, .string("GET /cart 200"))
        logs.add(["service.name": "api", "k8s.pod": "p1"], at: 20, .string("GET /größe 500 ✓"))
        logs.add(at: 30, .string("POST /cart\nsecond line"))
        logs.add(at: 30, .string("DELETE /cart"))
    }

    @Test("entries carry the severity, by its number where the record has no word")
    func severities() throws {
        let logs = TestLogs()
        logs.add(at: 1, .string("a"), severity: ("Fehler", 17))
        logs.add(at: 2, .string("b"), severity: ("", 18))
        logs.add(at: 3, .string("c"))
        let streams = try LogQLEngine(store: logs.store).streams(
            "{service_name=\"shop\"}", start: .zero, end: .distantFuture, limit: 9)
        #expect(streams.flatMap(\.entries).map(\.severity) == ["", "ERROR", "Fehler"])
        let shop = "{service_name=\"shop\"}"
        #expect(try logs.lines(shop + " | severity_text=\"ERROR\"") == [shop + " 2 b"])
    }

    @Test("lines come grouped by stream, newest first")
    func newestFirst() throws {
        #expect(
            try logs.lines("{service_name=~\".+\"}") == [
                "{k8s_pod=\"p1\", service_name=\"api\"} 20 GET /größe 500 ✓",
                "{service_name=\"shop\"} 30 DELETE /cart",
                "{service_name=\"shop\"} 30 POST /cart\nsecond line",
                "{service_name=\"shop\"} 10 GET /cart 200",
            ])
    }

    @Test("oldest first turns the order round, and the limit counts over all streams")
    func limits() throws {
        #expect(
            try logs.lines("{service_name=~\".+\"}", limit: 2, .oldestFirst) == [
                "{k8s_pod=\"p1\", service_name=\"api\"} 20 GET /größe 500 ✓",
                "{service_name=\"shop\"} 10 GET /cart 200",
            ])
        #expect(
            try logs.lines("{service_name=~\".+\"}", limit: 1) == [
                "{service_name=\"shop\"} 30 DELETE /cart"
            ])
    }

    @Test("the start belongs to the range and the end does not")
    func edges() throws {
        #expect(try logs.lines("{service_name=~\".+\"}", from: 10, to: 20).count == 1)
        #expect(try logs.lines("{service_name=~\".+\"}", from: 11, to: 30).count == 1)
        #expect(try logs.lines("{service_name=~\".+\"}", from: 20, to: 20).isEmpty)
        #expect(try logs.lines("{service_name=~\".+\"}", from: 30, to: 10).isEmpty)
    }

    @Test(
        "line filters look for text or patterns, some or none of several",
        arguments: [
            ("|= `GET`", 2), ("|= \"cart\" or \"größe\"", 4), ("!= \"cart\"", 1),
            ("!= \"GET\" or \"POST\"", 1), ("|~ \"^(GET|POST) .*line$\"", 0),
            ("|~ \"(?s)^POST.*line$\"", 1), ("|~ \"gr..e\"", 1), ("!~ \"\\\\d{3}\"", 2),
            ("|= \"GET\" != \"500\"", 1), ("|= \"\"", 4), ("!= \"\"", 0), ("|= \"✓\"", 1),
        ])
    func lineFilters(filter: String, count: Int) throws {
        #expect(try logs.lines("{service_name=~\".+\"} \(filter)").count == count)
    }
}
