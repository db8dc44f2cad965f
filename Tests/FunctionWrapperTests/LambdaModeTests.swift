import Foundation
import FunctionWrapper
import Telemetry
import Testing

@Suite("A function behind the Runtime API", .timeLimit(.minutes(8)))
struct LambdaModeTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    private static let traceID = "0af7651916cd43dd8448eb211c80319c"

    private func hosted(
        _ flags: [String] = [], configure: (inout FunctionWrapperConfiguration) -> Void = { _ in },
        _ body: (HostedFunction) async throws -> Void
    ) async throws {
        try await HostedFunction.with(
            ScriptedRuntime.files, ScriptedRuntime.command + flags, configure: configure, body)
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test("gets a request as an event and its plain result is the body of a 200")
    func event() async throws {
        try await hosted { function in
            let answer = try await function.send(
                "/event?a=1&a=2&b=x%20y", method: "POST",
                headers: ["content-type": "text/plain", "cookie": "k=v; l=w", "X-Two": "2"],
                body: "grüße")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "application/json")
            let event = try object(answer.body)
            #expect(event["version"] as? String == "2.0")
            #expect(event["rawPath"] as? String == "/event")
            #expect(event["rawQueryString"] as? String == "a=1&a=2&b=x%20y")
            #expect(
                event["queryStringParameters"] as? [String: String] == ["a": "1,2", "b": "x y"])
            #expect(event["cookies"] as? [String] == ["k=v", "l=w"])
            #expect(event["body"] as? String == "grüße")
            #expect(event["isBase64Encoded"] as? Bool == false)
            #expect((event["headers"] as? [String: String])?["x-two"] == "2")
            let context = try #require(event["requestContext"] as? [String: Any])
            let http = try #require(context["http"] as? [String: Any])
            #expect(http["method"] as? String == "POST")
            #expect(http["sourceIp"] as? String == "127.0.0.1")
            #expect(context["requestId"] as? String == answer.headers["x-amzn-requestid"])
        }
    }

    @Test("answers with the status, headers, cookies and decoded body that it names")
    func answer() async throws {
        try await hosted { function in
            let answer = try await function.send("/answer")
            #expect(answer.status == 201)
            #expect(answer.headers["x-own"] == "yes")
            #expect(answer.headers["content-type"] == "text/plain")
            #expect(answer.headers["set-cookie"] == "a=1")
            #expect(answer.body == "hello")
            let nonsense = try await function.send("/nonsense")
            #expect(nonsense.status == 502)
        }
    }

    @Test("has its cold start in the trace of the request that caused it, and only there")
    func coldStart() async throws {
        var receiver: RecordingReceiver?
        try await hosted { function in
            receiver = function.receiver
            let first = try await function.send("/event", headers: ["traceparent": Self.parent])
            let event = try object(first.body)
            let headers = try #require(event["headers"] as? [String: String])
            #expect(headers["traceparent"]?.hasPrefix("00-\(Self.traceID)-") == true)
            _ = try await function.send("/plain")
        }
        let spans = try #require(receiver).spans()
        let ours = spans.filter { $0.traceID.hex == Self.traceID }
        #expect(Set(ours.map(\.name)) == ["hello", "queue", "init", "handler"])
        #expect(ours.count == 4)
        let server = try #require(ours.first { $0.name == "hello" })
        #expect(server.kind == .server)
        #expect(server.parentID.hex == "b7ad6b7169203331")
        #expect(server.attribute("faas.coldstart") == "true")
        #expect(server.attribute("faas.trigger") == "http")
        #expect(server.attribute("http.response.status_code") == "200")
        #expect(ours.filter { $0.name != "hello" }.allSatisfy { $0.parentID == server.spanID })
        let start = try #require(ours.first { $0.name == "init" })
        let handler = try #require(ours.first { $0.name == "handler" })
        #expect(start.duration > 0)
        #expect(start.end <= handler.start.advanced(byNanoseconds: 1_000_000))
        #expect(handler.end <= server.end.advanced(byNanoseconds: 1_000_000))
        let other = spans.filter { $0.traceID.hex != Self.traceID }
        #expect(Set(other.map(\.name)) == ["hello", "queue", "handler"])
        let warm = try #require(other.first { $0.name == "hello" })
        #expect(warm.attribute("faas.coldstart") == "false")
        let resource = try #require(try receiver?.resources().first)
        #expect(resource.serviceName == "hello")
        #expect(try receiver?.last("faas_invocations_total") == 2)
        #expect(try receiver?.last("faas_coldstarts_total") == 1)
        #expect(try receiver?.last("faas_init_duration_seconds_count") == 1)
        #expect(try receiver?.last("faas_invoke_duration_seconds_count") == 2)
    }

    @Test("is told of wrong ids, wrong states and unknown paths")
    func protocolErrors() async throws {
        try await hosted { function in
            let answer = try await function.send("/protocol")
            let json = try JSONSerialization.jsonObject(with: Data(answer.body.utf8))
            let answers = try #require(json as? [[Any]])
            #expect(answers.map { $0[0] as? Int } == [400, 403, 403, 400, 404])
            #expect(
                answers.map { $0[1] as? String } == [
                    "InvalidRequestID", "InvalidStateTransition", "InvalidStateTransition",
                    "InvalidResponseMode", "NotFound",
                ])
            #expect(try await function.send("/twice").status == 200)
            #expect(try await function.send("/plain").status == 200)
        }
    }

    @Test("has what it wrote in the logs of the invocation that ran, records whole")
    func logs() async throws {
        var receiver: RecordingReceiver?
        try await hosted { function in
            receiver = function.receiver
            _ = try await function.send("/print", headers: ["traceparent": Self.parent])
            _ = try await function.send("/long")
        }
        let spans = try #require(receiver).spans()
        let handler = try #require(
            spans.first { $0.name == "handler" && $0.traceID.hex == Self.traceID })
        let start = try #require(spans.first { $0.name == "init" })
        let logs = try #require(receiver).logs()
        let first = try #require(logs.first { $0.body == .string("first line") })
        #expect(first.traceID == handler.traceID)
        #expect(first.spanID == handler.spanID)
        #expect(first.attribute("faas.invocation_id") == handler.attribute("faas.invocation_id"))
        let unended = try #require(logs.first { $0.body == .string("second line") })
        #expect(unended.spanID == handler.spanID)
        let error = try #require(logs.first { $0.body == .string("to stderr") })
        #expect(error.attribute("log.iostream") == "stderr")
        let record = try #require(logs.first { $0.body == .string("a record\nof two lines") })
        #expect(record.severityNumber == 17)
        #expect(record.spanID == handler.spanID)
        let starting = try #require(logs.first { $0.body == .string("starting") })
        #expect(starting.spanID == start.spanID)
        let answered = try #require(
            logs.first { $0.body == .string(#"answered 202 {"status":"OK"}"#) })
        #expect(answered.spanID == .invalid)
        let long = logs.map(\.body.text).filter { $0.hasPrefix("xxx") }
        #expect(long.map(\.utf8.count) == [65_536, 34_464])
    }

    @Test("answers 502 when it crashes, and the next request starts it again")
    func crash() async throws {
        var receiver: RecordingReceiver?
        try await hosted { function in
            receiver = function.receiver
            let crash = try await function.send("/crash")
            #expect(crash.status == 502)
            #expect(
                try object(crash.body)["errorMessage"] as? String
                    == "ended during the invocation: exit status 3")
            #expect(try object(try await function.send("/plain").body)["count"] as? Int == 1)
        }
        let servers = try #require(receiver).spans().filter { $0.kind == .server }
        #expect(servers.map(\.status) == [.error, .unset])
        #expect(servers.first?.attribute("error.type") == "crash")
        #expect(servers.map { $0.attribute("faas.coldstart") } == ["true", "true"])
        #expect(try receiver?.last("faas_errors_total") == 1)
    }

    @Test("is killed when it takes too long: 504, a span that says so, and a cold start next")
    func timeout() async throws {
        var receiver: RecordingReceiver?
        var timeouts = 0
        try await hosted(configure: { $0.timeout = .seconds(1) }) { function in
            receiver = function.receiver
            // On a busy machine the quick ones may be late, too.
            func quick() async throws -> [String: Any] {
                var answer = try await function.send("/plain")
                while answer.status == 504 {
                    timeouts += 1
                    answer = try await function.send("/plain")
                }
                return try object(answer.body)
            }
            let before = try await quick()
            repeat {
                let late = try await function.send("/hang")
                timeouts += 1
                #expect(late.status == 504)
                #expect(try object(late.body)["errorType"] as? String == "timeout")
            } while !function.echoed.text.contains("hanging")
            #expect(try await quick()["count"] as? Int == 1)
            try await HostedFunction.haveEnded([#require(before["pid"] as? Int)])
        }
        let spans = try #require(receiver).spans()
        let late = spans.filter { $0.attribute("error.type") == "timeout" }
        #expect(Set(late.map(\.name)) == ["hello", "handler"])
        #expect(late.allSatisfy { $0.duration >= 1_000_000_000 })
        let logs = try #require(receiver).logs()
        let hanging = try #require(logs.first { $0.body == .string("hanging") })
        #expect(late.contains { $0.name == "handler" && $0.traceID == hanging.traceID })
        #expect(try receiver?.last("faas_timeouts_total") == Double(timeouts))
        #expect(try receiver?.last("faas_coldstarts_total") == Double(timeouts + 1))
    }

    @Test(
        "fails the request that started it when it does not get ready",
        arguments: [
            ("init-exit", 502, "crash"), ("init-hang", 504, "timeout"),
            ("init-error", 502, "Runtime.Import"),
        ])
    func initFailure(flag: String, status: Int, errorType: String) async throws {
        var receiver: RecordingReceiver?
        try await hosted(
            [flag], configure: { if flag == "init-hang" { $0.initTimeout = .seconds(1) } }
        ) { function in
            receiver = function.receiver
            let answer = try await function.send("/plain")
            #expect(answer.status == status)
            #expect(try object(answer.body)["errorType"] as? String == errorType)
        }
        let spans = try #require(receiver).spans()
        let server = try #require(spans.first { $0.name == "hello" })
        let start = try #require(spans.first { $0.name == "init" })
        #expect(start.traceID == server.traceID)
        #expect(start.status == .error)
        #expect(!spans.contains { $0.name == "handler" })
    }

    @Test("is tried again for the next request after a start that failed")
    func secondStart() async throws {
        try await hosted(["init-once"]) { function in
            let first = try await function.send("/plain")
            #expect(first.status == 502)
            let second = try await function.send("/plain")
            #expect(second.status == 200)
        }
    }

    @Test("may return six megabytes and no more")
    func huge() async throws {
        try await hosted { function in
            let answer = try await function.send("/huge")
            #expect(answer.status == 502)
            #expect(
                try object(answer.body)["errorType"] as? String == "Function.ResponseSizeTooLarge")
            #expect(try await function.send("/plain").status == 200)
        }
    }

    @Test("answers 502 for its own errors and counts them")
    func functionError() async throws {
        var receiver: RecordingReceiver?
        try await hosted { function in
            receiver = function.receiver
            let answer = try await function.send("/error")
            #expect(answer.status == 502)
            #expect(try object(answer.body)["errorType"] as? String == "Handler.ValueError")
        }
        #expect(try receiver?.last("faas_errors_total") == 1)
        #expect(try receiver?.last("faas_invocations_total") == 0)
    }

    @Test(
        "names the exception in the span where the runtime's header is general, not to the caller")
    func exception() async throws {
        var receiver: RecordingReceiver?
        try await hosted { function in
            receiver = function.receiver
            let answer = try await function.send("/raise")
            #expect(answer.status == 502)
            #expect(!answer.body.contains("cart"))
        }
        let servers = try #require(try receiver?.spans().filter { $0.kind == .server })
        #expect(servers.map { $0.attribute("error.type") } == ["KeyError"])
        #expect(servers.map(\.statusMessage) == ["KeyError: no \"cart\""])
    }

    @Test("has one invocation at a time; others wait, and are refused when too many do")
    func queue() async throws {
        try await hosted(configure: { $0.queueMax = 2 }) { function in
            _ = try await function.send("/plain")
            let statuses = try await withThrowingTaskGroup(of: HostedFunction.Answer.self) {
                group in
                // The runtime has the first before the others come: it may still be on its way to ask.
                group.addTask { try await function.send("/hold") }
                try await function.says("holding")
                for _ in 0..<5 { group.addTask { try await function.send("/hold") } }
                var answers: [HostedFunction.Answer] = []
                for try await answer in group {
                    answers.append(answer)
                    // Those that may wait do until the one before them is let go.
                    if answers.count == 3 { try function.release() }
                }
                return answers
            }
            let served = statuses.filter { $0.status == 200 }
            #expect(served.count == 3)
            #expect(statuses.count { $0.status == 429 } == 3)
            let counts = try served.map { try object($0.body)["count"] as? Int }
            #expect(Set(counts) == [2, 3, 4])
            let pids = try served.map { try object($0.body)["pid"] as? Int }
            #expect(Set(pids).count == 1)
        }
    }

    @Test("is reached by Lambda's Invoke API as well")
    func invokeAPI() async throws {
        try await hosted { function in
            let path = "/2015-03-31/functions/hello/invocations"
            let answer = try await function.send(
                path, method: "POST",
                headers: [
                    "x-amz-client-context": Data(#"{"custom":1}"#.utf8).base64EncodedString()
                ],
                body: #"{"rawPath":"/raw"}"#)
            #expect(answer.status == 200)
            let result = try object(answer.body)
            #expect(result["path"] as? String == "/raw")
            #expect(result["context"] as? String == #"{"custom":1}"#)
            #expect((result["trace"] as? String)?.hasPrefix("Root=1-") == true)
            let error = try await function.send(
                path, method: "POST", body: #"{"rawPath":"/error"}"#)
            #expect(error.status == 200)
            #expect(error.headers["x-amz-function-error"] == "Unhandled")
            #expect(try object(error.body)["errorMessage"] as? String == "went wrong")
            let event = try await function.send(
                path, method: "POST", headers: ["x-amz-invocation-type": "Event"], body: "{}")
            #expect(event.status == 400)
            let other = try await function.send(
                "/2015-03-31/functions/other/invocations", method: "POST", body: "{}")
            #expect(other.status == 404)
        }
    }

    @Test("leaves no process behind when it is stopped, nor what it started")
    func noOrphans() async throws {
        var processes: [Int] = []
        try await hosted { function in
            let result = try object(try await function.send("/child").body)
            processes = try [#require(result["pid"] as? Int), #require(result["child"] as? Int)]
            #expect(processes.allSatisfy(HostedFunction.isAlive))
        }
        try await HostedFunction.haveEnded(processes)
    }

    @Test("finishes what runs before it is stopped")
    func gracefulStop() async throws {
        try await hosted { function in
            _ = try await function.send("/plain")
            async let running = function.send("/hold")
            try await function.says("holding")
            async let stop: Void = function.host.stop()
            try await Task.sleep(for: .milliseconds(100))
            try function.release()
            #expect(try await running.status == 200)
            await stop
        }
    }

    @Test("that ignores SIGTERM and hangs is killed: stopping takes no longer than it may")
    func stubborn() async throws {
        try await hosted(
            ["stubborn"], configure: { $0.shutdownLimit = .seconds(2) }
        ) { function in
            let result = try object(try await function.send("/plain").body)
            let process = try #require(result["pid"] as? Int)
            async let hanging = function.send("/hang")
            try await function.says("hanging")
            let duration = await ContinuousClock().measure { await function.host.stop() }
            #expect(duration < .seconds(240))
            try await HostedFunction.haveEnded([process])
            let answer = try await hanging
            #expect(answer.status == 503)
        }
    }

    @Test("that writes noise where frames belong loses the noise alone; long records are cut")
    func noise() async throws {
        var receiver: RecordingReceiver?
        try await hosted { function in
            receiver = function.receiver
            _ = try await function.send("/noise")
        }
        let logs = try #require(receiver).logs().filter {
            $0.attribute("log.iostream") == "telemetry"
        }
        #expect(logs.map(\.body.text.utf8.count) == [11, 256 << 10, 16])
    }

    @Test(
        "is started at once when an instance is to be kept, and its first request is no cold start")
    func eager() async throws {
        var receiver: RecordingReceiver?
        try await hosted(configure: { $0.minInstances = 1 }) { function in
            receiver = function.receiver
            try await function.says("starting")
            let answer = try await function.send("/plain")
            #expect(answer.status == 200)
        }
        let spans = try #require(receiver).spans()
        let server = try #require(spans.first { $0.kind == .server })
        let start = try #require(spans.first { $0.name == "init" })
        #expect(server.attribute("faas.coldstart") == "false")
        #expect(start.traceID != server.traceID)
    }

    @Test("gets a body whose sender waits to be told to go on")
    func expectContinue() async throws {
        try await hosted { function in
            let answer = try await function.send(
                "/event", method: "POST",
                headers: ["expect": "100-continue", "content-type": "text/plain"], body: "waited")
            #expect(try object(answer.body)["body"] as? String == "waited")
        }
    }

    @Test("finds the variables in its environment that runtimes read")
    func environment() async throws {
        try await hosted(configure: { $0.handler = "app.main" }) { function in
            let environment = try object(try await function.send("/environment").body)
            #expect(environment["_HANDLER"] as? String == "app.main")
            #expect(environment["AWS_LAMBDA_FUNCTION_NAME"] as? String == "hello")
            #expect(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] as? String == "128")
            #expect(environment["AWS_LAMBDA_LOG_GROUP_NAME"] as? String == "/aws/lambda/hello")
            #expect(environment["TZ"] as? String == ":UTC")
        }
    }
}
