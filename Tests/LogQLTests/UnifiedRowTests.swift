import LogQL
import QueryCore
import Telemetry
import Testing

/// What a proxy says is asked for under the same names, whatever form its line had.
@Suite("rows of all forms in one query")
struct UnifiedRowTests {
    private static let shop = "{service_name=\"shop\"}"

    /// A line of JSON, one of Envoy's text and an entry of the access log service.
    private static func filled() -> TestLogs {
        let logs = TestLogs()
        func fields(_ code: Int64, _ flags: String) -> [Attribute] {
            [Attribute("response_code", .int(code)), Attribute("response_flags", .string(flags))]
        }
        logs.add(at: 1, .empty, attributes: fields(503, "UF,URX"))
        logs.add(
            at: 2, .string("[2026] \"GET / HTTP/1.1\" 503 UF"),
            attributes: fields(503, "UF")
                + [Attribute("response_flags_long", .string("UpstreamConnectionFailure"))])
        logs.add(
            at: 3, .empty,
            attributes: fields(200, "-") + [
                Attribute("kubernetes", .map([Attribute("pod.name", .string("p-1"))]))
            ])
        logs.add(at: 4, .string("a line of a program"))
        return logs
    }

    @Test("typed fields answer label filters without a parser")
    func filters() throws {
        let logs = Self.filled()
        func times(_ stages: String) throws -> [Int64] {
            try logs.lines("\(Self.shop) \(stages)").compactMap {
                Int64($0.split(separator: "} ")[1].prefix(1))
            }
        }
        #expect(try times("| response_code=503") == [2, 1])
        #expect(try times("| response_code=`200`") == [3])
        #expect(try times("| kubernetes_pod_name=`p-1`") == [3])
        #expect(try times("| response_code=``") == [4])
        let parsed = "| json | response_code=`503` | drop __error__, __error_details__"
        #expect(try times(parsed).sorted() == [1, 2])
        #expect(try times("| drop response_code | response_code=503").isEmpty)
    }

    @Test("Envoy's flags have words, of lines too that do not spell them out")
    func flagWords() throws {
        let logs = Self.filled()
        let words = "UpstreamConnectionFailure"
        #expect(try logs.lines("\(Self.shop) | response_flags_long=~`\(words).*`").count == 2)
        #expect(
            try logs.lines(
                "\(Self.shop) | json | response_flags_long=`\(words),UpstreamRetryLimitExceeded`"
            ).count == 1)
        let top = try LogQLEngine(store: logs.store).topValues(
            of: "response_flags_long", query(), start: 0, end: 1, limit: 10)
        #expect(
            top.values.map { "\($0.value) \($0.count)" } == [
                " 2", "\(words) 1", "\(words),UpstreamRetryLimitExceeded 1",
            ])
    }

    @Test("counts by a field are over all rows")
    func counts() throws {
        let result = try LogQLEngine(store: Self.filled().store).instant(
            "sum by (response_code) (count_over_time(\(Self.shop)[1m]))", at: 1)
        guard case .vector(_, let elements) = result.value else {
            Issue.record("\(result.value)")
            return
        }
        #expect(
            elements.map { "\($0.labels["response_code"] ?? "") \($0.value)" }.sorted() == [
                " 1.0", "200 1.0", "503 2.0",
            ])
    }

    @Test("facets, top and hits list the fields of text rows beside those of JSON rows")
    func exploring() throws {
        let engine = LogQLEngine(store: Self.filled().store)
        let facets = try engine.facets(
            query(), start: .zero, end: Timestamp(seconds: 1), lineLimit: 100, valueLimit: 5
        ).facets
        let codes = try #require(facets.first { $0.name == "response_code" })
        #expect(codes.values.map { "\($0.value) \($0.count)" } == ["503 2", "200 1"])
        let flags = try #require(facets.first { $0.name == "response_flags_long" })
        #expect(flags.cardinality == 2)
        let top = try engine.topValues(
            of: "response_code", query(), start: 0, end: 1, limit: 10)
        #expect(top.total == 4)
        #expect(top.values.first?.value == "503" && top.values.first?.count == 2)
        let hits = try engine.hits(query(), by: "response_code", start: 0, end: 1, step: 1)
        #expect(Set(hits.series.map { $0.labels["response_code"] ?? "" }) == ["", "200", "503"])
    }

    @Test("a field that two parsers of a query find is listed once")
    func parsersTwice() throws {
        let logs = TestLogs()
        logs.add(at: 1, .empty, attributes: [Attribute("code", .int(7))])
        let found = try LogQLEngine(store: logs.store).detectedFields(
            query(" | json | logfmt | drop __error__, __error_details__"), start: .zero,
            end: Timestamp(seconds: 1), lineLimit: 100
        ).fields
        #expect(found.map(\.name) == ["code"])
    }

    private func query(_ stages: String = "") throws -> LogQuery {
        guard case .log(let query) = try LogQLEngine.parse(Self.shop + stages) else {
            throw QueryError.badData("no query of lines")
        }
        return query
    }
}
