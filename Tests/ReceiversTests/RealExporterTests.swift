import Foundation
import HTTPServer
import Platform
import Receivers
import Telemetry
import Testing

/// The exporters of PyPI's OpenTelemetry SDK against our listeners. `SIDELIGHT_PYTHON` names an
/// interpreter that has `opentelemetry-sdk` and the `opentelemetry-exporter-otlp-proto-grpc` and `-http`
/// packages.
@Suite(.enabled(if: python != nil, "SIDELIGHT_PYTHON names no Python with the OpenTelemetry SDK"))
struct RealExporterTests {
    private static let script = """
        import logging, sys
        way, port = sys.argv[1], sys.argv[2]
        if way == "grpc":
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
            from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
            from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
            from grpc import Compression
            options = dict(endpoint="http://127.0.0.1:" + port, insecure=True, timeout=300,
                           compression=Compression.Gzip)
            make = lambda kind, path: kind(**options)
        else:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
            from opentelemetry.exporter.otlp.proto.http import Compression
            make = lambda kind, path: kind(endpoint="http://127.0.0.1:" + port + path, timeout=300,
                                           compression=Compression.Gzip)
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
        from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
        resource = Resource.create({"service.name": "python"})
        traces = TracerProvider(resource=resource)
        traces.add_span_processor(SimpleSpanProcessor(make(OTLPSpanExporter, "/v1/traces")))
        with traces.get_tracer("t").start_as_current_span("outer") as span:
            span.set_attribute("answer", 42)
        reader = PeriodicExportingMetricReader(
            make(OTLPMetricExporter, "/v1/metrics"), export_interval_millis=3600000,
            export_timeout_millis=300000)
        metrics = MeterProvider(resource=resource, metric_readers=[reader])
        metrics.get_meter("t").create_counter("orders").add(7)
        logs = LoggerProvider(resource=resource)
        logs.add_log_record_processor(SimpleLogRecordProcessor(make(OTLPLogExporter, "/v1/logs")))
        logging.getLogger("shop").addHandler(LoggingHandler(logger_provider=logs))
        logging.getLogger("shop").warning("stock is low")
        traces.shutdown()
        metrics.shutdown(timeout_millis=300000)
        logs.shutdown()
        """

    @Test("over gRPC with gzip, spans, metrics and logs arrive")
    func grpc() async throws {
        let bed = liveBed()
        let listener = try await GRPCListener.open(
            .init(address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--otlp-grpc"),
            ingest: bed.ingest)
        let output = try await run(["grpc", "\(listener.address.port)"])
        await listener.shutdown(within: .seconds(2))
        try check(bed, output)
    }

    @Test("over HTTP with gzip, spans, metrics and logs arrive")
    func http() async throws {
        let bed = liveBed()
        let output = try await bed.withHTTP { listener in
            try await run(["http", "\(listener.address.port)"])
        }
        try check(bed, output)
    }

    private func check(_ bed: TestBed, _ output: String) throws {
        let spans = try #require(bed.store.spans.first, "\(output)")
        #expect(spans.span(at: 0).name == "outer")
        #expect(spans.span(at: 0).attributes == [Attribute("answer", .int(42))])
        #expect(
            spans.resource(at: spans.resourceIndices[0]).attributes
                .contains(Attribute("service.name", .string("python"))))
        let samples = try #require(bed.store.metrics.first, "\(output)")
        let orders = try #require(
            (0..<samples.sampleCount).first {
                samples.labels(Int(samples.sampleSeries[$0]))["__name__"] == "orders_total"
            })
        #expect(samples.sampleValues[orders] == 7)
        let logs = try #require(bed.store.logs.first, "\(output)")
        #expect(logs.record(at: 0).body == .string("stock is low"))
    }

    /// The exporters stamp with the real time.
    private func liveBed() -> TestBed { TestBed(clock: SystemClock()) }

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
