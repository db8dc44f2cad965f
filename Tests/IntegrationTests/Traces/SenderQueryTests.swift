import Foundation
import Testing

/// What real senders emit is answered for by every query API: each sender in a process of its own against
/// the real server, then each API asked for the trace.
@Suite(
    .serialized,
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct SenderQueryTests {
    @Test(
        "every query API answers for what a Python client sent", .timeLimit(.minutes(8)),
        .enabled(if: SenderScript.python != nil, "SIDELIGHT_PYTHON names no Python"),
        arguments: SenderScript.allCases)
    func python(sender: SenderScript) async throws {
        try await withServer { server, questions in
            let output = try await sender.run(against: server)
            let trace = try await questions.trace(
                of: "shop", spans: 2, otherwise: "\(output)\n\(server.standardError)")
            #expect(trace.names == sender.names)
            try await check(questions, "shop", trace)
        }
    }

    @Test(
        "every query API answers for what Envoy sent", .timeLimit(.minutes(8)),
        .enabled(if: EnvoyProcess.program != nil, "SIDELIGHT_ENVOY names no Envoy"),
        arguments: TracingEnvoy.Tracer.allCases)
    func envoy(tracer: TracingEnvoy.Tracer) async throws {
        let folder = try TemporaryFolder()
        try await withServer { server, questions in
            let port = try server.port(of: tracer == .zipkin ? "Zipkin" : "OTLP/gRPC")
            let envoy = try EnvoyProcess(
                folder: folder.path,
                configuration: TracingEnvoy.configuration(tracer, port: port),
                listeners: ["http"])
            defer { envoy.stop() }
            try await envoy.ready()
            #expect(try await envoy.get("/item", requestID: UUID().uuidString) == 200)
            let trace = try await questions.trace(
                of: "front", spans: 1, otherwise: "\(envoy.output)\n\(server.standardError)")
            try await check(questions, "front", trace)
        }
    }

    private func withServer(
        _ body: (ServerProcess, TraceQuestions) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(
            data: folder.path + "/data",
            [
                "--jaeger-http", "127.0.0.1:0", "--jaeger-query-grpc", "127.0.0.1:0", "--xray",
                "127.0.0.1:0",
            ], ports: .all)
        do {
            try await body(
                server,
                TraceQuestions(url: server.url, grpc: try server.port(of: "Jaeger queries")))
        } catch {
            _ = await server.stop()
            throw error
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    private func check(
        _ questions: TraceQuestions, _ service: String, _ trace: TraceQuestions.Trace
    ) async throws {
        for api in TraceQuestions.API.allCases {
            let services = try await questions.services(api)
            #expect(services.contains(service), "\(api): \(services)")
            let found = try await questions.search(api, service: service)
            #expect(found == [trace.id], "\(api): \(found)")
            let names = try await questions.spanNames(api, of: trace.id)
            let expected = api == .zipkin ? trace.names.map { $0.lowercased() } : trace.names
            #expect(names == expected.sorted(), "\(api): \(names)")
        }
        let counts = try await questions.countOverTime(service: service)
        #expect(counts == Double(trace.names.count))
    }
}
