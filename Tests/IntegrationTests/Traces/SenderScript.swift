import Foundation
import Testing

/// Tracing clients from PyPI. Each sends a server's span `buy` of the service `shop` with a client's child
/// `pay`; a segment of X-Ray is called like its service.
enum SenderScript: String, CaseIterable, CustomTestStringConvertible {
    case openTelemetryGRPC, openTelemetryHTTP, otlpJSON, openTelemetryZipkin, pyZipkinJSON
    case pyZipkinProtobuf, jaegerThrift, xray

    static let python = ProcessInfo.processInfo.environment["SIDELIGHT_PYTHON"]
        .flatMap { $0.isEmpty ? nil : $0 }

    var testDescription: String { rawValue }
    var names: [String] { self == .xray ? ["pay", "shop"] : ["buy", "pay"] }

    /// Runs until all is sent; returns what it printed.
    func run(against server: ServerProcess) async throws -> String {
        let port =
            switch self {
            case .openTelemetryGRPC: try server.port(of: "OTLP/gRPC")
            case .openTelemetryHTTP, .otlpJSON: try server.port(of: "OTLP/HTTP")
            case .openTelemetryZipkin, .pyZipkinJSON, .pyZipkinProtobuf:
                try server.port(of: "Zipkin")
            case .jaegerThrift: try server.port(of: "Jaeger HTTP")
            case .xray: try server.port(of: "X-Ray UDP")
            }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.python))
        process.arguments = ["-c", script, "127.0.0.1:\(port)"]
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

    private var script: String {
        switch self {
        case .openTelemetryGRPC:
            Self.openTelemetry(
                "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", "OTLPSpanExporter",
                "endpoint='http://' + sys.argv[1], insecure=True, timeout=300")
        case .openTelemetryHTTP:
            Self.openTelemetry(
                "opentelemetry.exporter.otlp.proto.http.trace_exporter", "OTLPSpanExporter",
                "endpoint='http://' + sys.argv[1] + '/v1/traces', timeout=300")
        case .openTelemetryZipkin:
            Self.openTelemetry(
                "opentelemetry.exporter.zipkin.json", "ZipkinExporter",
                "endpoint='http://' + sys.argv[1] + '/api/v2/spans', timeout=300")
        case .otlpJSON: Self.json
        case .pyZipkinJSON: Self.zipkin("V2_JSON", "application/json")
        case .pyZipkinProtobuf: Self.zipkin("V2_PROTO3", "application/x-protobuf")
        case .jaegerThrift: Self.jaeger
        case .xray: Self.segments
        }
    }

    private static func openTelemetry(
        _ module: String, _ exporter: String, _ arguments: String
    ) -> String {
        """
        import sys
        from \(module) import \(exporter)
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.trace import SpanKind
        provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
        provider.add_span_processor(SimpleSpanProcessor(\(exporter)(\(arguments))))
        tracer = provider.get_tracer("checkout")
        with tracer.start_as_current_span("buy", kind=SpanKind.SERVER):
            with tracer.start_as_current_span("pay", kind=SpanKind.CLIENT) as span:
                span.set_attribute("card", "visa")
        provider.shutdown()
        """
    }

    private static let json = """
        import json, secrets, sys, time, urllib.request
        now = time.time_ns()
        trace, root, child = secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(8)
        def span(id, parent, name, kind, start, end):
            return {"traceId": trace, "spanId": id, "parentSpanId": parent, "name": name, "kind": kind,
                    "startTimeUnixNano": str(start), "endTimeUnixNano": str(end),
                    "attributes": [{"key": "card", "value": {"stringValue": "visa"}}]}
        body = {"resourceSpans": [{
            "resource": {"attributes": [
                {"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [{"scope": {"name": "by hand"}, "spans": [
                span(root, "", "buy", 2, now - 9000000, now),
                span(child, root, "pay", 3, now - 8000000, now - 1000000)]}]}]}
        request = urllib.request.Request(
            "http://" + sys.argv[1] + "/v1/traces", data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        assert urllib.request.urlopen(request).status == 200
        """

    private static func zipkin(_ encoding: String, _ contentType: String) -> String {
        """
        import sys, urllib.request
        from py_zipkin import Encoding
        from py_zipkin.zipkin import zipkin_client_span, zipkin_server_span
        def send(body):
            data = body.encode() if isinstance(body, str) else body
            request = urllib.request.Request(
                "http://" + sys.argv[1] + "/api/v2/spans", data=data,
                headers={"Content-Type": "\(contentType)"})
            assert urllib.request.urlopen(request).status == 202
        with zipkin_server_span(service_name="shop", span_name="buy", transport_handler=send,
                                sample_rate=100.0, encoding=Encoding.\(encoding), port=80,
                                use_128bit_trace_id=True):
            with zipkin_client_span(service_name="shop", span_name="pay") as span:
                span.update_binary_annotations({"card": "visa"})
        """
    }

    private static let jaeger = """
        import sys, urllib.request
        from jaeger_client import ConstSampler, Tracer, thrift
        from jaeger_client.constants import MAX_TAG_VALUE_LENGTH
        from jaeger_client.reporter import InMemoryReporter
        from thrift.protocol.TBinaryProtocol import TBinaryProtocol
        from thrift.transport.TTransport import TMemoryBuffer
        reporter = InMemoryReporter()
        tracer = Tracer(service_name="shop", reporter=reporter, sampler=ConstSampler(True),
                        generate_128bit_trace_id=True)
        with tracer.start_span("buy", tags={"span.kind": "server"}) as parent:
            with tracer.start_span("pay", child_of=parent, tags={"span.kind": "client"}) as span:
                span.set_tag("card", "visa")
        process = thrift.make_process("shop", tracer.tags, MAX_TAG_VALUE_LENGTH)
        buffer = TMemoryBuffer()
        thrift.make_jaeger_batch(spans=reporter.get_spans(), process=process).write(
            TBinaryProtocol(buffer))
        request = urllib.request.Request(
            "http://" + sys.argv[1] + "/api/traces", data=buffer.getvalue(),
            headers={"Content-Type": "application/vnd.apache.thrift.binary"})
        assert urllib.request.urlopen(request).status == 202
        """

    private static let segments = """
        import sys
        from aws_xray_sdk.core import xray_recorder
        xray_recorder.configure(service="shop", sampling=False, daemon_address=sys.argv[1])
        xray_recorder.begin_segment("shop")
        child = xray_recorder.begin_subsegment("pay", namespace="remote")
        child.put_annotation("card", "visa")
        xray_recorder.end_subsegment()
        xray_recorder.end_segment()
        """
}
