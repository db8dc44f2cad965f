import Foundation
import FunctionWrapper
import Telemetry
import Testing

@Suite("AWS's own runtime for Python")
struct LambdaRuntimeClientTests {
    /// A Python that has the package `awslambdaric`.
    private static let python = ProcessInfo.processInfo.environment["SIDELIGHT_PYTHON"] ?? ""

    private static let handler = """
        import logging, os
        logging.getLogger().setLevel("INFO")
        def handle(event, context):
            print("printed")
            logging.warning("several\\nlines")
            if event["rawPath"] == "/raise": raise ValueError("on purpose")
            return {"statusCode": 200, "headers": {"content-type": "text/plain"},
                    "body": context.aws_request_id + " " + event["headers"]["traceparent"] + " "
                            + os.environ["_X_AMZN_TRACE_ID"]}
        """

    @Test(
        "runs a handler, continues the trace and keeps records of several lines whole",
        .enabled(if: !python.isEmpty, "SIDELIGHT_PYTHON names no Python with awslambdaric"))
    func handler() async throws {
        let trace = "0af7651916cd43dd8448eb211c80319c"
        var receiver: RecordingReceiver?
        try await HostedFunction.with(
            ["app.py": Self.handler], [Self.python, "-m", "awslambdaric", "app.handle"]
        ) { function in
            receiver = function.receiver
            let answer = try await function.send(
                "/", headers: ["traceparent": "00-\(trace)-b7ad6b7169203331-01"])
            #expect(answer.status == 200)
            let parts = answer.body.split(separator: " ")
            try #require(parts.count == 3)
            #expect(parts[0] == answer.headers["x-amzn-requestid"] ?? "")
            #expect(parts[1].hasPrefix("00-\(trace)-"))
            #expect(parts[2].hasPrefix("Root=1-0af76519-16cd43dd8448eb211c80319c;Parent="))
            #expect(try await function.send("/raise").status == 502)
            #expect(try await function.send("/").status == 200)
        }
        let spans = try #require(receiver).spans()
        let handler = try #require(
            spans.first { $0.name == "handler" && $0.traceID.hex == trace })
        let logs = try #require(receiver).logs().filter { $0.spanID == handler.spanID }
        #expect(logs.contains { $0.body == .string("printed") })
        let record = try #require(logs.first { $0.body.text.contains("several\nlines") })
        #expect(record.attribute("log.iostream") == "telemetry")
        let raised = spans.filter { $0.kind == .server && $0.status == .error }
        #expect(raised.count == 1)
        #expect(try receiver?.last("faas_invocations_total") == 2)
        #expect(try receiver?.last("faas_errors_total") == 1)
        #expect(try receiver?.last("faas_coldstarts_total") == 1)
    }
}
