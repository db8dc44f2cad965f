import Foundation
import Telemetry
import Testing

/// `sidelight query logql` against the real program.
@Suite(
    "query logql",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct LogQueryCommandTests {
    private func send(_ lines: String, to server: ServerProcess) async throws {
        let answer = try await Wire.post(
            server.url + "/api/sidelight/logs?service=cart", type: "application/x-ndjson",
            Array(lines.utf8))
        #expect(answer.status == 200)
    }

    @Test("lines come in order of time, as a table, as CSV and as the server's JSON")
    func lines() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let now = Int64(Date().timeIntervalSince1970)
        try await send(
            "{\"time\":\(now - 1),\"n\":2}\n{\"time\":\(now - 2),\"n\":1,\"x\":\"a \\\"b\\\"\"}\n",
            to: server)
        func query(_ arguments: String...) async throws -> Subprocess.Outcome {
            try await Subprocess.run(["query", "logql", "--server", server.url] + arguments)
        }
        let selector = #"{service_name="cart"}"#
        let first = RFC3339.string(Timestamp(seconds: now - 2))
        let table = try await query(selector)
        #expect(table.status == 0, "\(table)")
        let lines = table.output.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(
            lines.first.map(String.init)
                == "\(first) {service_name=\"cart\"} {\"time\":\(now - 2),\"n\":1,"
                + "\"x\":\"a \\\"b\\\"\"}")
        let csv = try await query(selector + " | json | n=1", "--output", "csv").output
        #expect(csv.hasPrefix("time,labels,line\n\"\(first)\",") || csv.contains(first), "\(csv)")
        #expect(csv.split(separator: "\n").count == 2)
        let json = try await query(selector, "--output", "json").output
        #expect(json.hasPrefix(#"{"status":"success","data":{"resultType":"streams""#))
        let numbers = try await query("sum by (service_name) (count_over_time(\(selector)[5m]))")
        #expect(numbers.output.hasPrefix("{service_name=\"cart\"}  "))
        #expect(numbers.output.hasSuffix("  2\n"))
        let steps = try await query(
            "sum(count_over_time(\(selector)[1m]))", "--from", "now-2m", "--step", "30s",
            "--output", "csv")
        #expect(steps.output.hasPrefix("labels,time,value\n"))
        for wrong in [["{"], [selector, "--from", "then"], [selector, "--follow", "--to", "now"]] {
            let outcome = try await Subprocess.run(
                ["query", "logql", "--server", server.url] + wrong)
            #expect(outcome.status == 2, "\(wrong): \(outcome)")
        }
        #expect(await server.stop() == 0)
        #expect(try await query(selector).status == 3)
    }

    @Test(
        "--follow prints what is there and then each line as it arrives, until it is told to stop")
    func follow() async throws {
        let folder = try TemporaryFolder()
        // Not any: nobody else may get it before the second server does.
        let port = ForeignServer.freePort()
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--listen", "127.0.0.1:\(port)"])
        try await send("before\n", to: server)
        let tail = try Subprocess(
            ["query", "logql", #"{service_name="cart"}"#, "--follow", "--server", server.url])
        #expect(await tail.prints("before\n"))
        try await send("after\n", to: server)
        #expect(await tail.prints("after\n"))
        #expect(tail.standardOutput.split(separator: "\n").count == 2)
        #expect(await server.stop() == 0)
        // A server that stops says so; its lines are not the end of the story.
        #expect(await tail.line(startingWith: "sidelight: \(server.url): ") != nil)
        #expect(await tail.says("1001"))
        let second = try await ServerProcess(
            data: folder.path + "/data", ["--listen", "127.0.0.1:\(port)"])
        #expect(await tail.line(startingWith: "sidelight: \(server.url) is back") != nil)
        try await send("later\n", to: second)
        #expect(await tail.prints("later\n"))
        #expect(tail.standardOutput.split(separator: "\n").count == 3)
        kill(tail.pid, SIGTERM)
        _ = await tail.exit()
        #expect(await second.stop() == 0)
    }
}
