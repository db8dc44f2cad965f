import Foundation
import Testing

@Suite(
    "sidelight query traceql",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct TraceQueryCommandTests {
    private func ask(_ url: String, _ arguments: String...) async throws -> Subprocess.Outcome {
        try await Subprocess.run(
            ["query", "traceql", "--server", url] + arguments,
            environment: ["COLUMNS": "70", "NO_COLOR": "1"])
    }

    /// A server that holds two traces of one span each, a minute old.
    private func withServer(_ body: (_ url: String) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let start = Int(Date().timeIntervalSince1970) - 60
        let spans = [1, 2].map { number in
            """
            {"traceId":"\(String(repeating: "0", count: 31))\(number)","spanId":"000000000000000a",
            "name":"GET /\(number)","startTimeUnixNano":"\(start)000000000",
            "endTimeUnixNano":"\(start)\(number)00000000",
            "attributes":[{"key":"size","value":{"intValue":"\(number)"}}]}
            """
        }
        let answer = try await Wire.post(
            server.url + "/v1/traces", type: "application/json",
            Array(
                """
                {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",
                "value":{"stringValue":"web"}}]},"scopeSpans":[{"spans":[
                \(spans.joined(separator: ","))]}]}]}
                """.utf8))
        try #require(answer.status == 200, "\(answer.text)")
        try await body(server.url)
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("traces come with the spans asked for, numbers as a table or a graph")
    func answers() async throws {
        try await withServer { url in
            let table = try await ask(url, "{ .size > 1 }")
            #expect(table.status == 0, "\(table)")
            let lines = table.output.split(separator: "\n")
            #expect(lines.count == 2, "\(table.output)")
            #expect(lines.first?.hasPrefix("2  ") == true || lines.first?.contains("2  20") == true)
            #expect(lines.first?.hasSuffix("200 ms  web: GET /2  1 span") == true)
            #expect(lines.last == "    000000000000000a  200 ms  GET /2  size=2")
            let csv = try await ask(url, "{ }", "--output", "csv", "--limit", "5")
            #expect(csv.output.split(separator: "\n").count == 3, "\(csv.output)")
            let json = try await ask(url, "{ }", "--output", "json")
            #expect(json.output.hasPrefix(#"{"traces":[{"traceID":"#), "\(json.output)")
            let numbers = try await ask(url, "{ } | count_over_time() by(.size)")
            #expect(numbers.status == 0 && numbers.output.contains("value"), "\(numbers)")
            #expect(numbers.output.split(separator: "\n").count == 3, "\(numbers.output)")
            let graph = try await ask(
                url, "{ } | rate()", "--from", "now-10m", "--step", "60s")
            #expect(graph.status == 0 && graph.output.contains("rate  last"), "\(graph.output)")
            #expect(try await ask(url, "{ .size > 9 }").output == "nothing found\n")
        }
    }

    @Test("what cannot be asked is said with an exit code")
    func mistakes() async throws {
        let nobody = "http://127.0.0.1:1"
        let parse = try await ask(nobody, "{ .size > }")
        #expect(parse.status == 2 && parse.error.contains("parse error"), "\(parse)")
        let step = try await ask(nobody, "{ }", "--step", "5s")
        #expect(step.status == 2 && step.error.contains("--step needs"), "\(step)")
        let order = try await ask(nobody, "{ }", "--from", "now", "--to", "now-1h")
        #expect(order.status == 2 && order.error.contains("is not before"), "\(order)")
        let server = try await ask(nobody, "{ }")
        #expect(server.status == 3 && server.error.contains("cannot reach"), "\(server)")
    }
}
