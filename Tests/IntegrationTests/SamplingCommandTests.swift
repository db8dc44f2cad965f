import Foundation
import Testing

/// Tail sampling by the real program, from trying policies to thinned traces.
@Suite(
    "sidelight sampling",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .timeLimit(.minutes(5)))
struct SamplingCommandTests {
    private static let policies = """
        after: 0s
        policies:
        - {name: rest, type: probabilistic, probabilistic: {sampling_percentage: 20}}
        - {name: posts, type: traceql, traceql: {query: '{ name = "post" }'}}
        """
    private static let traceCount = 300

    private func id(_ trace: Int) -> String {
        let digits = String(trace, radix: 16)
        return "7" + String(repeating: "0", count: 15 - digits.count) + digits
    }

    /// Traces of two spans; each thirtieth failed, each fiftieth is named otherwise.
    private func body() -> [UInt8] {
        let start = Int64(Date().timeIntervalSince1970 * 1_000_000) - 60_000_000
        let spans = (1...Self.traceCount).flatMap { trace -> [String] in
            let name = trace % 50 == 0 ? "post" : "get"
            let error = trace % 30 == 0 ? #","tags":{"error":"true"}"# : ""
            func span(_ number: Int, _ more: String) -> String {
                let spanID = id(trace * 4 + number)
                return "{\"traceId\":\"\(id(trace))\",\"id\":\"\(spanID)\",\"name\":\"\(name)\","
                    + "\"timestamp\":\(start + Int64(trace)),\"duration\":1000,"
                    + "\"localEndpoint\":{\"serviceName\":\"shop\"}\(more)}"
            }
            return [span(1, error), span(2, ",\"parentId\":\"\(id(trace * 4 + 1))\"")]
        }
        return Array("[\(spans.joined(separator: ","))]".utf8)
    }

    /// The value of a line of the program's own metrics.
    private func metric(_ name: String, _ server: ServerProcess) async throws -> Double {
        let text = try await Wire.get(server.url + "/metrics").text
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
    }

    /// The newest value of a query of one series.
    private func calls(_ server: ServerProcess) async throws -> Double {
        let query = "sum(traces_spanmetrics_calls_total)"
        let text = try await Wire.get(server.url + "/api/v1/query?query=\(query)").text
        let answer = try Answer(parsing: text)
        let value = answer["data"]["result"][0]["value"][1].value as? String
        return value.flatMap(Double.init) ?? 0
    }

    private func counted(_ server: ServerProcess) async throws -> Double {
        let now = Int(Date().timeIntervalSince1970)
        let query = "%7B%7D%20%7C%20count_over_time()"
        let text = try await Wire.get(
            server.url
                + "/tempo/api/metrics/query?q=\(query)&start=\(now - 3_600)&end=\(now + 60)"
        ).text
        let value = try Answer(parsing: text)["series"][0]["value"].value as? NSNumber
        return value?.doubleValue ?? -1
    }

    @Test("thins stored traces as a try of the policies said, and every count stays right")
    func life() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        let policies = try folder.file("policies.yml", Self.policies)
        let first = try await ServerProcess(data: data, ["--span-metrics-interval", "1s"])
        let sent = try await Wire.post(
            first.url + "/api/v2/spans", type: "application/json", body())
        #expect(sent.status == 202, "\(sent.text)")
        while try await calls(first) < 600 { try await Task.sleep(for: .milliseconds(50)) }
        #expect(await first.stop() == 0)

        let tried = try await Subprocess.run([
            "sampling", "backtest", "--policies", policies, "--data", data, "--output", "json",
        ])
        #expect(tried.status == 0, "\(tried)")
        let said = try Answer(parsing: tried.output)
        func number(_ answer: Answer) -> Double { (answer.value as? NSNumber)?.doubleValue ?? -1 }
        #expect(number(said["total"]["all"]["traces"]) == 300)
        #expect(number(said["total"]["all"]["spans"]) == 600)
        #expect(number(said["errors"]["keptTracesPercent"]) == 100)
        #expect(number(said["errors"]["all"]["traces"]) == 10)
        let kept = number(said["total"]["kept"]["traces"])
        #expect(kept > 30 && kept < 120, "\(kept)")
        #expect(number(said["savedBytesPercent"]) > 50)
        let table = try await Subprocess.run([
            "sampling", "backtest", "--policies", policies, "--data", data,
        ])
        #expect(table.output.contains("POLICY") && table.output.contains("posts"), "\(table)")
        #expect(table.output.contains("errors: 10 of 10 traces stay (100.0 %)"), "\(table)")

        var server = try await ServerProcess(data: data, ["--sampling-policies", policies])
        while try await metric("sidelight_sampling_due_blocks", server) > 0 {
            try await Task.sleep(for: .milliseconds(20))
        }
        await server.killHard()
        server = try await ServerProcess(
            data: data, ["--sampling-policies", policies, "--span-metrics-interval", "1s"])
        #expect(try await metric("sidelight_sampling_due_blocks", server) == 0)
        let again = try await Wire.post(
            server.url + "/api/sidelight/sampling/backtest", type: "application/json",
            Array(
                try JSONSerialization.data(withJSONObject: [
                    "path": "p", "text": Self.policies, "from": "now-1h", "to": "now",
                ])))
        #expect(again.status == 200, "\(again.text)")
        #expect(
            number(try Answer(parsing: again.text)["total"]["kept"]["traces"]) == kept)
        // Each of the rest stands for five: the sum is 600 but for chance, exactly what was kept says.
        let certain = 2 * 14.0
        #expect(try await counted(server) == certain + (kept - 14) * 2 * 5)
        #expect(try await calls(server) == 600)
        let trace = try await Wire.get(server.url + "/api/traces/\(id(50))").text
        #expect(trace.contains("post") && !trace.contains("sidelight.adjusted_count"))
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("a file is checked by itself, with the serving command and when it is read again")
    func mistakes() async throws {
        let folder = try TemporaryFolder()
        let good = try folder.file("good.yml", Self.policies)
        let bad = try folder.file(
            "bad.yml", "policies:\n- {name: a, type: traceql, traceql: {query: '{ .a = '}}")
        let checked = try await Subprocess.run(["sampling", "check", good])
        #expect(checked.status == 0, "\(checked)")
        #expect(
            checked.output
                == "\(good): 2 policies after 0 s; errors and what took longer than 1000 ms stay\n")
        for command in [["sampling", "check", bad], ["check", bad]] {
            let outcome = try await Subprocess.run(command)
            #expect(outcome.status == 1, "\(outcome)")
            #expect(outcome.error.contains("\(bad):2: ") && outcome.error.contains("parse error"))
        }
        let serving = try await Subprocess.run([
            "serve", "--data", folder.path + "/d", "--listen", "127.0.0.1:0", "--otlp-grpc", "off",
            "--otlp-http", "off", "--zipkin", "off", "--sampling-policies", bad,
        ])
        #expect(serving.status == 2 && serving.error.contains("\(bad):2: "), "\(serving)")
        #expect(try await Subprocess.run(["sampling", "check", "/none"]).status == 3)
        #expect(try await Subprocess.run(["sampling", "check"]).status == 2)
        #expect(
            try await Subprocess.run([
                "sampling", "backtest", "--policies", bad, "--data", folder.path,
            ]).status == 1)
        #expect(
            try await Subprocess.run([
                "sampling", "backtest", "--policies", good, "--data", folder.path + "/none",
            ]).status == 3)

        let server = try await ServerProcess(
            data: folder.path + "/data", ["--sampling-policies", good])
        _ = try folder.file("good.yml", "policies: nothing")
        server.send(SIGHUP)
        #expect(await server.says("the old sampling policies stay"))
        _ = try folder.file("good.yml", "policies: []")
        server.send(SIGHUP)
        #expect(await server.says("read the sampling policies again"))
        #expect(await server.stop() == 0)
    }
}
