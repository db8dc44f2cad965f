import Foundation
import FunctionWrapper
import Telemetry
import Testing

@Suite("A command that serves HTTP", .timeLimit(.minutes(8)))
struct HTTPModeTests {
    private static let server = [
        "server.py": """
        import gzip, http.server, json, os, sys, time
        if len(sys.argv) > 1: sys.exit(4)
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.path == "/crash": os._exit(3)
                if self.path == "/hang": time.sleep(600)
                if self.path == "/redirect":
                    self.send_response(302)
                    self.send_header("location", "/end")
                    self.send_header("content-length", "0")
                    return self.end_headers()
                if self.path == "/gzip":
                    answer = gzip.compress(b"small")
                    self.send_response(200)
                    self.send_header("content-encoding", "gzip")
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    return self.wfile.write(answer)
                print("serving " + self.path, flush=True)
                answer = json.dumps({"path": self.path, "pid": os.getpid(), "body": body.decode(),
                                     "headers": {k.lower(): v for k, v in self.headers.items()}})
                self.send_response(404 if self.path == "/missing" else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())
            do_GET = do_POST
            def log_message(self, *arguments): pass
        address = ("127.0.0.1", int(os.environ["PORT"]))
        http.server.ThreadingHTTPServer(address, Handler).serve_forever()
        """
    ]

    private func hosted(
        _ flags: [String] = [], configure: (inout FunctionWrapperConfiguration) -> Void = { _ in },
        _ body: (HostedFunction) async throws -> Void
    ) async throws {
        try await HostedFunction.with(
            Self.server, ["/usr/bin/env", "python3", "server.py"] + flags,
            configure: {
                $0.mode = .http
                configure(&$0)
            }, body)
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test("passes redirects and compressed answers on as they are")
    func passesOn() async throws {
        var receiver: RecordingReceiver?
        try await hosted { function in
            receiver = function.receiver
            // The client of this test follows the redirect and expands the answer.
            let end = try await function.send("/redirect", headers: ["x-request-id": "mine"])
            #expect(try object(end.body)["path"] as? String == "/end")
            let seen = try object(end.body)["headers"] as? [String: String]
            #expect(seen?["x-request-id"] == "mine" && end.headers["x-request-id"] == "mine")
            let small = try await function.send("/gzip")
            #expect(small.body == "small")
            #expect(small.headers["content-encoding"] == "gzip")
        }
        let spans = try #require(try receiver?.spans().filter { $0.kind == .server })
        #expect(
            Set(spans.compactMap { $0.attribute("url.path") }) == ["/redirect", "/end", "/gzip"])
    }

    @Test("gets requests as they are, in a trace with its cold start")
    func forwards() async throws {
        let trace = "0af7651916cd43dd8448eb211c80319c"
        var receiver: RecordingReceiver?
        var process = 0
        try await hosted { function in
            receiver = function.receiver
            let answer = try await function.send(
                "/a?b=c", method: "POST",
                headers: ["traceparent": "00-\(trace)-b7ad6b7169203331-01", "x-own": "1"],
                body: "body")
            #expect(answer.status == 200)
            let echoed = try object(answer.body)
            #expect(echoed["path"] as? String == "/a?b=c")
            #expect(echoed["body"] as? String == "body")
            let headers = try #require(echoed["headers"] as? [String: String])
            #expect(headers["x-own"] == "1")
            #expect(headers["x-forwarded-for"] == "127.0.0.1")
            #expect(headers["traceparent"]?.hasPrefix("00-\(trace)-") == true)
            process = try #require(echoed["pid"] as? Int)
            let missing = try await function.send("/missing")
            #expect(missing.status == 404)
        }
        try await HostedFunction.haveEnded([process])
        let spans = try #require(receiver).spans()
        let ours = spans.filter { $0.traceID.hex == trace }
        #expect(Set(ours.map(\.name)) == ["hello", "init", "handler"])
        let server = try #require(ours.first { $0.name == "hello" })
        #expect(server.parentID.hex == "b7ad6b7169203331")
        #expect(server.attribute("faas.coldstart") == "true")
        #expect(ours.filter { $0.name != "hello" }.allSatisfy { $0.parentID == server.spanID })
        #expect(try receiver?.last("faas_invocations_total") == 2)
        let logs = try #require(receiver).logs()
        #expect(logs.contains { $0.body == .string("serving /a?b=c") })
    }

    @Test("answers 502 when it crashes, and is started again")
    func crash() async throws {
        var receiver: RecordingReceiver?
        try await hosted { function in
            receiver = function.receiver
            let crash = try await function.send("/crash")
            #expect(crash.status == 502)
            var next = try await function.send("/a")
            // The end of a process is known a moment after that of its connections.
            while next.status == 502 { next = try await function.send("/a") }
            #expect(next.status == 200)
        }
        let spans = try #require(receiver).spans()
        #expect(spans.count { $0.name == "init" } == 2)
    }

    @Test("answers 504 when it is late")
    func late() async throws {
        var receiver: RecordingReceiver?
        try await hosted(configure: { $0.timeout = .seconds(1) }) { function in
            receiver = function.receiver
            let late = try await function.send("/hang")
            #expect(late.status == 504)
        }
        let spans = try #require(receiver).spans()
        #expect(spans.contains { $0.kind == .server && $0.attribute("error.type") == "timeout" })
        #expect(try receiver?.last("faas_timeouts_total") == 1)
    }

    @Test("fails requests with 502 when it ends before it is ready")
    func initFailure() async throws {
        var receiver: RecordingReceiver?
        try await hosted(["exit"]) { function in
            receiver = function.receiver
            let answer = try await function.send("/a")
            #expect(answer.status == 502)
        }
        let spans = try #require(receiver).spans()
        #expect(spans.first { $0.name == "init" }?.status == .error)
    }
}

@Suite("The configuration of a function")
struct ConfigurationTests {
    @Test("is refused with a reason when it cannot work")
    func refusals() async throws {
        var configuration = FunctionWrapperConfiguration(name: "hello", command: ["true"])
        configuration.mode = .fork
        await #expect(
            throws: FunctionWrapperError.configuration("mode fork is not supported yet")
        ) { try await FunctionHost.start(configuration) }
        configuration.mode = .lambda
        configuration.listen = "nowhere"
        await #expect(throws: FunctionWrapperError.self) {
            try await FunctionHost.start(configuration)
        }
        configuration.listen = "127.0.0.1:0"
        configuration.command = []
        await #expect(throws: FunctionWrapperError.self) {
            try await FunctionHost.start(configuration)
        }
    }

    @Test("may name a program that does not exist: requests are told so")
    func missingProgram() async throws {
        try await HostedFunction.with([:], ["/nowhere/program"]) { function in
            let answer = try await function.send("/")
            #expect(answer.status == 502)
            #expect(answer.body.contains("cannot start /nowhere/program"))
        }
    }
}
