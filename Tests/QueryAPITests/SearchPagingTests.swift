import Testing

@Suite("Pages and counts of searches")
struct SearchPagingTests {
    /// Reads pages of a route until there is none left: the trace ids, and the totals on the way.
    private func pages(
        _ path: String, marker: String, digits: Int = 32
    ) async throws -> (ids: [String], totals: [String]) {
        try await APIServer.run(filledBy: { $0.fillShop() }) { server in
            var ids: [String] = []
            var totals: [String] = []
            var cursor = ""
            for _ in 0..<10 {
                let answer = try await server.get(path + cursor)
                try #require(answer.status == 200, "\(answer.text)")
                let found = answer.text.split(separator: marker).dropFirst().map {
                    String($0.prefix(digits))
                }
                for id in found where ids.last != id { ids.append(id) }
                totals.append(answer["x-sidelight-total"] ?? "none")
                guard let next = answer["x-sidelight-cursor"] else { break }
                cursor = "&cursor=" + next
            }
            return (ids, totals)
        }
    }

    private static func id(_ number: Int) -> String { "000000000000000a000000000000000\(number)" }
    private static let all = (1...5).map(id)

    @Test(
        "of Tempo's search, whole traces judged or not",
        arguments: ["q=%7B%7D", "q=%7B%7D%20%7C%20count()%3E0"])
    func tempo(query: String) async throws {
        let found = try await pages("/api/search?\(query)&limit=2", marker: "\"traceID\":\"")
        #expect(found.ids == Self.all)
        #expect(found.totals.last == "5", "\(found.totals)")
    }

    @Test("of Jaeger's searches")
    func jaeger() async throws {
        let times =
            "query.start_time_min=2026-01-02T02:00:00Z&query.start_time_max=2026-01-02T03:04:06Z"
        let summaries = try await pages(
            "/api/v3/trace-summaries?\(times)&query.search_depth=2", marker: "\"traceId\":\"")
        #expect(summaries.ids == Self.all)
        #expect(summaries.totals.first?.hasPrefix(">=") == true, "\(summaries.totals)")
        #expect(summaries.totals.last == "5")
        let first = try await pages(
            "/api/traces?limit=3&tags=%7B%22error%22:%22true%22%7D&count=exact",
            marker: "{\"traceID\":\"", digits: 17)
        #expect(first.totals == ["1"])
        let counted = try await pages(
            "/api/v3/trace-summaries?\(times)&query.search_depth=2&count=exact",
            marker: "\"traceId\":\"")
        #expect(counted.ids == Self.all && counted.totals == ["5", "5", "5"])
    }

    @Test("of Zipkin's search")
    func zipkin() async throws {
        let path = "/api/v2/traces?endTs=1767323046000&lookback=3600000&limit=2"
        let found = try await pages(path, marker: "[{\"traceId\":\"")
        #expect(found.ids == Self.all)
        #expect(found.totals.last == "5", "\(found.totals)")
        let counted = try await pages(
            path + "&serviceName=batch&count=exact", marker: "[{\"traceId\":\"")
        #expect(counted.ids == Array(Self.all.dropFirst()) && counted.totals == ["4", "4"])
    }

    @Test("Sidelight's own search says both in its body")
    func own() async throws {
        try await APIServer.run(filledBy: { $0.fillShop() }) { server in
            let first = try await server.get("/api/sidelight/search?q=%7B%7D&limit=4")
            #expect(
                first.text.contains(#""total":{"value":5,"relation":"gte"}"#)
                    || first.text.contains(#""total":{"value":4,"relation":"gte"}"#),
                "\(first.text)")
            let parts = first.text.split(separator: "\"nextCursor\":\"")
            let cursor = try #require(parts.last?.split(separator: "\"").first)
            let rest = try await server.get(
                "/api/sidelight/search?q=%7B%7D&limit=4&cursor=\(cursor)")
            #expect(rest.text.count(of: "\"traceID\"") == 1)
            #expect(rest.text.contains(#""total":{"value":5,"relation":"eq"}"#), "\(rest.text)")
            #expect(!rest.text.contains("nextCursor"))
            let counted = try await server.get(
                "/api/sidelight/search?q=%7B%7D&limit=1&count=exact")
            #expect(counted.text.contains(#""total":{"value":5,"relation":"eq"}"#))
        }
    }

    @Test(
        "a cursor that is none, or of another query, is refused",
        arguments: [
            "/api/search?q=%7B%7D&cursor=x", "/api/search?q=%7B%7D&count=many",
            "/api/traces?service=web&cursor=1-0a-2-zz", "/api/sidelight/search?cursor=1-0a-2-3",
        ])
    func refused(path: String) async throws {
        let answer = try await APIServer.run(filledBy: { $0.fillShop() }) { try await $0.get(path) }
        #expect(answer.status == 400, "\(answer.text)")
    }
}
