import Foundation
import HTTPServer
import Platform
import Receivers
import Store
import Telemetry
import Testing

/// Tracing clients from PyPI against our listeners, each in a process of its own: py_zipkin in two
/// encodings of Zipkin's format, OpenTelemetry's Zipkin exporter, Jaeger's client and AWS's X-Ray SDK.
/// `SIDELIGHT_PYTHON` names an interpreter that has them.
@Suite(.enabled(if: python != nil, "SIDELIGHT_PYTHON names no Python with tracing clients"))
struct RealTraceClientTests {
    @Test("py_zipkin's spans arrive in each of its encodings", arguments: ["V2_JSON", "V2_PROTO3"])
    func pyZipkin(encoding: String) async throws {
        let script = """
            import sys, urllib.request
            from py_zipkin import Encoding
            from py_zipkin.zipkin import zipkin_client_span, zipkin_server_span
            encoding = Encoding[sys.argv[2]]
            kind = "json" if encoding == Encoding.V2_JSON else "x-protobuf"
            def send(body):
                data = body.encode() if isinstance(body, str) else body
                request = urllib.request.Request(
                    "http://127.0.0.1:" + sys.argv[1] + "/api/v2/spans", data=data,
                    headers={"Content-Type": "application/" + kind})
                assert urllib.request.urlopen(request).status == 202
            with zipkin_server_span(service_name="shop", span_name="buy", transport_handler=send,
                                    sample_rate=100.0, encoding=encoding, port=80,
                                    use_128bit_trace_id=True):
                with zipkin_client_span(service_name="shop", span_name="pay") as span:
                    span.update_binary_annotations({"card": "visa"})
                    span.add_sa_binary_annotation(port=443, service_name="bank", host="10.1.2.3")
            """
        let spans = try await received { try await run(script, ["\($0)", encoding]) }
        try checkTree(spans, names: ("buy", "pay"))
        let client = try #require(spans.first { $0.span.name == "pay" }).span
        #expect(client.attributes.contains(Attribute("card", .string("visa"))))
        #expect(client.attributes.contains(Attribute("peer.service", .string("bank"))))
        #expect(client.attributes.contains(Attribute("network.peer.address", .string("10.1.2.3"))))
    }

    @Test("OpenTelemetry's Zipkin exporter's spans arrive")
    func openTelemetry() async throws {
        let script = """
            import sys
            from opentelemetry.exporter.zipkin.json import ZipkinExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import SimpleSpanProcessor
            from opentelemetry.trace import SpanKind, Status, StatusCode
            exporter = ZipkinExporter(
                endpoint="http://127.0.0.1:" + sys.argv[1] + "/api/v2/spans", timeout=300)
            provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            tracer = provider.get_tracer("lib", "1.2")
            with tracer.start_as_current_span("buy", kind=SpanKind.SERVER):
                with tracer.start_as_current_span("pay", kind=SpanKind.CLIENT) as span:
                    span.set_attribute("card", "visa")
                    span.add_event("declined")
                    span.set_status(Status(StatusCode.ERROR, "no money"))
            provider.shutdown()
            """
        let spans = try await received { try await run(script, ["\($0)"]) }
        try checkTree(spans, names: ("buy", "pay"))
        let client = try #require(spans.first { $0.span.name == "pay" }).span
        #expect(client.attributes.contains(Attribute("card", .string("visa"))))
        // The Zipkin exporter puts it into JSON.
        #expect(client.events.count == 1 && client.events[0].name.contains("declined"))
        #expect(client.status == .error && client.statusMessage == "no money")
    }

    @Test(
        "spans of Jaeger's client arrive in both of Thrift's protocols",
        arguments: ["binary", "compact"])
    func jaegerClient(protocol name: String) async throws {
        let script = """
            import sys, urllib.request
            from jaeger_client import ConstSampler, Tracer, thrift
            from jaeger_client.constants import MAX_TAG_VALUE_LENGTH
            from jaeger_client.reporter import InMemoryReporter
            from thrift.protocol.TBinaryProtocol import TBinaryProtocol
            from thrift.protocol.TCompactProtocol import TCompactProtocol
            from thrift.transport.TTransport import TMemoryBuffer
            reporter = InMemoryReporter()
            tracer = Tracer(service_name="shop", reporter=reporter, sampler=ConstSampler(True),
                            generate_128bit_trace_id=True)
            tags = {"span.kind": "client", "card": "visa", "tries": 3, "share": 0.5, "new": True}
            with tracer.start_span("buy", tags={"span.kind": "server"}) as parent:
                with tracer.start_span("pay", child_of=parent, tags=tags) as span:
                    span.log_kv({"event": "declined", "left": 2})
                    span.set_tag("error", True)
            process = thrift.make_process("shop", tracer.tags, MAX_TAG_VALUE_LENGTH)
            batch = thrift.make_jaeger_batch(spans=reporter.get_spans(), process=process)
            buffer = TMemoryBuffer()
            batch.write((TCompactProtocol if sys.argv[2] == "compact" else TBinaryProtocol)(buffer))
            request = urllib.request.Request(
                "http://127.0.0.1:" + sys.argv[1] + "/api/traces", data=buffer.getvalue(),
                headers={"Content-Type": "application/vnd.apache.thrift." + sys.argv[2]})
            assert urllib.request.urlopen(request).status == 202
            """
        let spans = try await received { try await run(script, ["\($0)", name]) }
        try checkTree(spans, names: ("buy", "pay"))
        let client = try #require(spans.first { $0.span.name == "pay" }).span
        #expect(
            client.attributes.filter { $0.key != "sampler.type" && $0.key != "sampler.param" } == [
                Attribute("card", .string("visa")), Attribute("tries", .int(3)),
                Attribute("share", .double(0.5)), Attribute("new", .bool(true)),
            ])
        #expect(client.status == .error && client.events.map(\.name) == ["declined"])
        #expect(client.events.first?.attributes == [Attribute("left", .int(2))])
    }

    @Test("AWS's X-Ray SDK's segments arrive by UDP")
    func xray() async throws {
        let bed = TestBed(clock: SystemClock())
        let listener = try await XRayDatagramListener.open(
            ListenAddress(host: "127.0.0.1", port: 0), flag: "--xray", ingest: bed.ingest)
        let output = try await run(
            """
            import sys
            from aws_xray_sdk.core import xray_recorder
            xray_recorder.configure(service="shop", sampling=False,
                                    daemon_address="127.0.0.1:" + sys.argv[1])
            segment = xray_recorder.begin_segment("shop")
            segment.put_http_meta("status", 200)
            child = xray_recorder.begin_subsegment("pay", namespace="remote")
            child.put_annotation("card", "visa")
            child.put_metadata("basket", {"items": [1, 2]})
            try:
                raise ValueError("no money")
            except ValueError as error:
                child.add_exception(error, [])
            xray_recorder.end_subsegment()
            xray_recorder.end_segment()
            """, ["\(listener.address.port)"])
        let deadline = ContinuousClock.now + .seconds(300)
        while bed.store.spans.isEmpty, ContinuousClock.now < deadline { await Task.yield() }
        await listener.shutdown()
        let spans = listed(bed)
        try #require(!spans.isEmpty, "\(output)")
        try checkTree(spans, names: ("shop", "pay"))
        let child = try #require(spans.first { $0.span.name == "pay" }).span
        #expect(child.attributes.contains(Attribute("card", .string("visa"))))
        #expect(
            child.attributes.contains(
                Attribute(
                    "aws.xray.metadata.default",
                    .map([
                        Attribute(
                            "basket", .map([Attribute("items", .array([.int(1), .int(2)]))]))
                    ]))))
        #expect(child.status == .error && child.statusMessage == "no money")
        #expect(child.events.map(\.name) == ["exception"])
    }

    private static let strategies = SamplingStrategies(
        services: ["shop": .init(strategy: .rateLimiting(perSecond: 7))],
        standard: .init(strategy: .probabilistic(0.25)))

    @Test(
        "Jaeger's client samples as it is told",
        arguments: [
            ("shop", "RateLimitingSampler(7)"), ("other", "ProbabilisticSampler(0.25)"),
        ])
    func jaegerSampling(service: String, sampler: String) async throws {
        let script = """
            import sys, time
            from jaeger_client import Config
            config = Config(config={"local_agent": {"sampling_port": int(sys.argv[1])},
                                    "sampling_refresh_interval": 1},
                            service_name=sys.argv[2], validate=True)
            tracer = config.new_tracer()
            for _ in range(3000):
                if str(tracer.sampler.sampler) == sys.argv[3]:
                    break
                time.sleep(0.1)
            print("told", tracer.sampler.sampler)
            tracer.close()
            """
        let output = try await TestBed().withHTTP(strategies: Self.strategies) { server in
            try await run(script, ["\(server.address.port)", service, sampler])
        }
        #expect(output.contains("told \(sampler)"), "\(output)")
    }

    @Test("AWS's X-Ray SDK finds its sampling rules")
    func xraySampling() async throws {
        let script = """
            import os, sys, time
            from aws_xray_sdk.core import xray_recorder
            xray_recorder.configure(service="shop", sampling=True,
                                    daemon_address="127.0.0.1:" + sys.argv[1])
            xray_recorder.sampler.start()
            for _ in range(3000):
                rules = xray_recorder.sampler._cache.rules
                if rules:
                    break
                time.sleep(0.1)
            print("told", [(rule.name, rule.rate) for rule in rules], flush=True)
            os._exit(0)
            """
        let output = try await TestBed().withHTTP(strategies: Self.strategies) { server in
            try await run(script, ["\(server.address.port)"])
        }
        #expect(output.contains("told [('shop', 0.0), ('Default', 0.25)]"), "\(output)")
    }

    // MARK: Support

    private struct Listed {
        var service: String
        var span: SpanRecord
    }

    /// What is stored after `send` has been told a port.
    private func received(_ send: (Int) async throws -> String) async throws -> [Listed] {
        let bed = TestBed(clock: SystemClock())
        let output = try await bed.withHTTP { try await send($0.address.port) }
        let spans = listed(bed)
        try #require(!spans.isEmpty, "\(output)")
        return spans
    }

    private func listed(_ bed: TestBed) -> [Listed] {
        bed.store.spans.flatMap { batch in
            (0..<batch.count).map { row in
                Listed(
                    service: batch.resource(at: batch.resourceIndices[row]).serviceName,
                    span: batch.span(at: row))
            }
        }
    }

    /// A server's span and its client's child, of one service and one trace.
    private func checkTree(_ spans: [Listed], names: (String, String)) throws {
        let outer = try #require(spans.first { $0.span.name == names.0 })
        let inner = try #require(spans.first { $0.span.name == names.1 })
        #expect(spans.count == 2)
        #expect(outer.service == "shop" && inner.service == "shop")
        #expect(outer.span.kind == .server && inner.span.kind == .client)
        #expect(outer.span.traceID == inner.span.traceID && outer.span.traceID.high != 0)
        #expect(inner.span.parentID == outer.span.spanID && !outer.span.parentID.isValid)
        #expect(outer.span.duration > 0 && outer.span.start <= inner.span.start)
    }

    private func run(_ script: String, _ arguments: [String]) async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(python))
        process.arguments = ["-c", script] + arguments
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
