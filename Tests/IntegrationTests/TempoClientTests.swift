import Foundation
import Testing

/// What the OpenTelemetry SDK sends to the real server is found with TraceQL, and reads back as the
/// protobuf that Tempo's clients decode.
@Suite(
    .serialized,
    .enabled(
        if: ServerProcess.binary != nil && python != nil,
        "the release program is not built beside the tests, or SIDELIGHT_PYTHON names no Python"))
struct TempoClientTests {
    private static let script = """
        import json, sys, time, urllib.parse, urllib.request
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        url = sys.argv[1]
        def tracer(service):
            provider = TracerProvider(resource=Resource.create({"service.name": service}))
            exporter = OTLPSpanExporter(endpoint=url + "/v1/traces", timeout=300)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            return provider.get_tracer("checkout", "1.0")
        shop, bank = tracer("shop"), tracer("bank")
        with shop.start_as_current_span("POST /buy", kind=SpanKind.SERVER) as root:
            root.set_attribute("http.response.status_code", 500)
            with shop.start_as_current_span("charge", kind=SpanKind.CLIENT):
                with bank.start_as_current_span("debit", kind=SpanKind.SERVER) as debit:
                    debit.add_event("refused", {"reason": "no funds"})
                    debit.set_status(Status(StatusCode.ERROR, "refused"))
            id = format(root.get_span_context().trace_id, "032x")
        def get(path, accept="application/json", **parameters):
            target = url + path + "?" + urllib.parse.urlencode(parameters)
            request = urllib.request.Request(target, headers={"Accept": accept})
            return urllib.request.urlopen(request, timeout=300).read()
        def names(query):
            found = json.loads(get("/api/search", q=query))["traces"]
            assert all(trace["traceID"] == id for trace in found), found
            return [sorted(span["name"] for span in spans["spans"])
                    for trace in found for spans in trace["spanSets"]]
        print(json.dumps({
            "structure": names('{ resource.service.name = "shop" } >> { status = error }'),
            "typed": names('{ span.http.response.status_code >= 500 && kind = server }'),
            "event": names('{ event:name = "refused" && event.reason =~ "no.*" }'),
            "count": names('{ } | count() = 3'),
            "library": names('{ instrumentation:name = "checkout" } | by(resource.service.name)'),
            "nothing": names('{ name = "nobody" }'),
            "protobuf": sorted(
                span.name for part in TracesData.FromString(
                    get("/api/traces/" + id, "application/protobuf")).resource_spans
                for scope in part.scope_spans for span in scope.spans),
            "values": json.loads(get("/api/v2/search/tag/resource.service.name/values")),
            "series": [
                [series["labels"][0]["value"]["stringValue"],
                 sum(sample["value"] for sample in series["samples"])]
                for series in json.loads(get(
                    "/api/metrics/query_range", since="10m", step="1m",
                    q="{ } | count_over_time() by(resource.service.name)"))["series"]],
        }, sort_keys=True))
        """

    @Test("spans of the OpenTelemetry SDK are found with TraceQL and read back by Tempo's API")
    func sdk() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data", [])
        let output = try await run([server.url])
        #expect(await server.stop() == 0, "\(server.standardError)")
        let expected = """
            {"count": [["POST /buy", "charge", "debit"]], "event": [["debit"]], \
            "library": [["POST /buy", "charge"], ["debit"]], "nothing": [], \
            "protobuf": ["POST /buy", "charge", "debit"], \
            "series": [["bank", 1.0], ["shop", 2.0]], "structure": [["debit"]], \
            "typed": [["POST /buy"]], "values": {"tagValues": [\
            {"type": "string", "value": "bank"}, {"type": "string", "value": "shop"}]}}\n
            """
        #expect(output == expected)
    }

    private func run(_ arguments: [String]) async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(python))
        process.arguments = ["-c", Self.script] + arguments
        let pipe = Pipe()
        process.standardError = pipe
        process.standardOutput = pipe
        try process.run()
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                let output = pipe.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(returning: String(decoding: output, as: UTF8.self))
            }
        }
    }
}

private let python = ProcessInfo.processInfo.environment["SIDELIGHT_PYTHON"]
