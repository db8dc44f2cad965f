import Foundation
import Testing

@Suite(
    "sidelight query promql",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct MetricQueryCommandTests {
    /// A server that holds a counter of two series, samples 15 s apart over five minutes up to now.
    private func withServer(
        _ body: (_ url: String, _ end: Int64) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let end = Int64(Date().timeIntervalSince1970)
        var text = "# TYPE orders_total counter\n"
        for job in ["api", "web"] {
            for step in 0...20 {
                let time = (end - Int64(20 - step) * 15) * 1_000
                let value = step * (job == "api" ? 30 : 15)
                text += "orders_total{job=\"\(job)\"} \(value) \(time)\n"
            }
        }
        let answer = try await Wire.post(
            server.url + "/api/v1/import/prometheus", type: "text/plain", Array(text.utf8))
        try #require((200..<300).contains(answer.status), "\(answer.text)")
        try await body(server.url, end)
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    private func ask(_ url: String, _ arguments: String...) async throws -> Subprocess.Outcome {
        try await Subprocess.run(
            ["query", "promql", "--server", url] + arguments,
            environment: ["COLUMNS": "70", "NO_COLOR": "1"])
    }

    @Test("numbers at a time come as a table, as CSV and as the server answers")
    func instant() async throws {
        try await withServer { url, end in
            let table = try await ask(url, "orders_total", "--to", "\(end)")
            #expect(table.status == 0, "\(table)")
            #expect(
                table.output == """
                    metric        job  value
                    orders_total  api    600
                    orders_total  web    300

                    """, "\(table.output)")
            let csv = try await ask(url, "sum(orders_total)", "--to", "\(end)", "--output", "csv")
            #expect(csv.output.hasPrefix("labels,time,value\n\"{}\",\"20"), "\(csv.output)")
            #expect(csv.output.hasSuffix("\",\"900\"\n"), "\(csv.output)")
            let json = try await ask(url, "1+1", "--output", "json")
            #expect(json.output.hasPrefix(#"{"status":"success","data":{"resultType":"scalar""#))
            #expect(try await ask(url, "1+1").output == "2\n")
            #expect(try await ask(url, "none").output == "nothing found\n")
        }
    }

    @Test("numbers over time are drawn, with a line of words for each series")
    func range() async throws {
        try await withServer { url, end in
            let graph = try await ask(
                url, "orders_total", "--from", "\(end - 290)", "--to", "\(end)", "--step", "10s")
            #expect(graph.status == 0, "\(graph)")
            let lines = graph.output.split(separator: "\n")
            // A graph each: twelve rows, the axis and the words.
            #expect(lines.count == 28, "\(graph.output)")
            #expect(
                lines.contains {
                    $0.hasPrefix("orders_total{job=\"api\"}  last 600  min ")
                        && $0.hasSuffix("  max 600")
                }, "\(graph.output)")
            #expect(lines.contains { $0.hasPrefix("       600 ┤") }, "\(graph.output)")
            #expect(lines.allSatisfy { $0.count <= 70 })
            // It rises from the lower left to the upper right.
            let drawn = { (line: Substring) in
                line.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) }
            }
            let rows = lines.filter(drawn).prefix(12)
            #expect(rows.count == 12)
            #expect(rows.first?.last.map { $0 != " " } == true, "\(graph.output)")
            #expect(!graph.output.contains("\u{1B}"))
        }
    }

    @Test("what cannot be asked is said with an exit code")
    func mistakes() async throws {
        try await withServer { url, _ in
            let parse = try await ask(url, "sum(")
            #expect(parse.status == 2 && parse.error.contains("parse error"), "\(parse)")
            let step = try await ask(url, "up", "--step", "5s")
            #expect(step.status == 2 && step.error.contains("--step needs --from"), "\(step)")
            let order = try await ask(url, "up", "--from", "now", "--to", "now-1h")
            #expect(order.status == 2 && order.error.contains("is not before"), "\(order)")
        }
        let nobody = try await ask("http://127.0.0.1:1", "up")
        #expect(nobody.status == 3 && nobody.error.contains("cannot reach"), "\(nobody)")
    }
}
