import Foundation
import Logging
import Pipeline
import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite("metrics of access logs") struct AccessLogMetricsTests {
    static let start = Timestamp(seconds: 1_767_323_045)

    /// Rows of requests as receivers make them.
    static func batch(
        _ rows: [[Attribute]], service: String = "front", scope: String = "envoy"
    ) -> LogBatch {
        var batch = LogBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string(service))]))
        let scope = batch.append(Scope(name: scope))
        for row in rows {
            var record = LogRecord(time: start, observedTime: start)
            record.attributes = row
            batch.append(record, resource: resource, scope: scope)
        }
        return batch
    }

    static func row(
        _ code: AttributeValue = .int(200), duration: AttributeValue? = .int(7),
        cluster: String = "outbound|9080||cart.shop.svc.cluster.local"
    ) -> [Attribute] {
        [
            Attribute("method", .string("GET")), Attribute("response_code", code),
            Attribute("response_flags", .string("-")), Attribute("bytes_received", .int(3)),
            Attribute("bytes_sent", .int(2_000)), Attribute("upstream_cluster", .string(cluster)),
        ] + (duration.map { [Attribute("duration", $0)] } ?? [])
    }

    /// A store, the deriver that it shows its batches, and sudden ends of both.
    private final class Life {
        let folder =
            FileManager.default.temporaryDirectory.path + "/sidelight-" + UUID().uuidString
        let clock = ManualClock(wallNanoseconds: AccessLogMetricsTests.start.nanoseconds)
        let events = EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        private let services: AccessLogServices
        private(set) var deriver: AccessLogDeriver
        private(set) var store: SQLiteTelemetryStore
        private var lives = 0

        init(_ services: String = "*") throws {
            self.services = try #require(AccessLogServices(services))
            deriver = AccessLogDeriver(services: self.services)
            store = try SQLiteTelemetryStore(
                configuration: StoreConfiguration(directory: folder + "/0"), clock: clock,
                events: events, logDerivation: deriver)
        }

        deinit {
            do { try FileManager.default.removeItem(atPath: folder) } catch { print(error) }
        }

        /// Goes on with a copy of the files as they are now; the old store goes on in its own.
        func crash() throws {
            lives += 1
            let next = "\(folder)/\(lives)"
            try FileManager.default.createDirectory(
                atPath: next, withIntermediateDirectories: true)
            for name in try FileManager.default.contentsOfDirectory(
                atPath: "\(folder)/\(lives - 1)") where name != "LOCK"
            {
                try FileManager.default.copyItem(
                    atPath: "\(folder)/\(lives - 1)/\(name)", toPath: "\(next)/\(name)")
            }
            try store.close()
            deriver = AccessLogDeriver(services: services)
            store = try SQLiteTelemetryStore(
                configuration: StoreConfiguration(directory: next), clock: clock,
                events: events, logDerivation: deriver)
        }

        @discardableResult
        func append(_ batch: LogBatch, digest: ContentHash? = nil) async throws -> AppendOutcome {
            try await withCheckedThrowingContinuation { continuation in
                store.append(logs: batch, digest: digest) { continuation.resume(with: $0) }
            }
        }

        func write() async {
            let loop = AccessLogMetricsLoop(
                deriver, metrics: store, clock: clock, events: events, intervalNanoseconds: 1)
            await withCheckedContinuation { continuation in
                loop.write { continuation.resume() }
            }
        }

        /// The samples of the series that have these labels, summed by time.
        func values(
            _ name: String, _ labels: KeyValuePairs<String, String> = [:]
        ) throws -> [Double] {
            let matchers =
                [LabelMatcher("__name__", .equal, name)]
                + labels.map { LabelMatcher($0.key, .equal, $0.value) }
            let selection = try store.selectSeries(matchers, in: 0...Int64.max)
            var values: [Double] = []
            for series in 0..<selection.count {
                var columns = SampleColumns()
                try selection.samples(series, into: &columns)
                for (index, value) in columns.values.enumerated() {
                    if index < values.count { values[index] += value } else { values.append(value) }
                }
            }
            return values
        }
    }

    @Test("requests, durations and sizes are counted under the names and labels of proxies")
    func counts() async throws {
        let life = try Life()
        try await life.append(
            Self.batch([
                Self.row(), Self.row(duration: .double(0.4)), Self.row(.string("503")),
                Self.row(duration: nil), Self.row(cluster: "inbound|8080||"),
                [Attribute("message", .string("no request"))],
                [Attribute("bytes_sent", .int(9)), Attribute("upstream_cluster", .string("tcp"))],
            ]))
        await life.write()
        let name = "istio_requests_total"
        #expect(try life.values(name) == [0, 5])
        #expect(try life.values(name, ["response_code": "503"]) == [0, 1])
        #expect(
            try life.values(
                name,
                [
                    "reporter": "source", "source_workload": "front", "response_code": "200",
                    "destination_service": "cart.shop.svc.cluster.local",
                    "destination_service_name": "cart", "destination_service_namespace": "shop",
                ]) == [0, 3])
        #expect(
            try life.values(
                name, ["reporter": "destination", "destination_workload": "front"]) == [0, 1])
        let duration = "istio_request_duration_milliseconds"
        #expect(try life.values(duration + "_count") == [0, 4])
        #expect(try life.values(duration + "_bucket", ["le": "0.5"]) == [0, 1])
        #expect(try life.values(duration + "_bucket", ["le": "10"]) == [0, 4])
        #expect(try life.values("istio_request_bytes_sum") == [0, 15])
        #expect(try life.values("istio_response_bytes_bucket", ["le": "1000"]) == [0, 0])
        #expect(try life.values("istio_response_bytes_bucket", ["le": "2500"]) == [0, 5])
        try life.store.close()
    }

    @Test("only the services named are counted, and never what exports the same metrics itself")
    func services() async throws {
        #expect(AccessLogServices("") == nil && AccessLogServices(",") == nil)
        let life = try Life("front, edge")
        try await life.append(Self.batch([Self.row()]))
        try await life.append(Self.batch([Self.row()], service: "edge"))
        try await life.append(Self.batch([Self.row()], service: "cart"))
        try await life.append(Self.batch([Self.row()], scope: "sidelight.proxy"))
        await life.write()
        #expect(try life.values("istio_requests_total") == [0, 2])
        try life.store.close()
    }

    @Test("a request on its way counts when it ends, and a program's method never")
    func onlyRequests() async throws {
        let life = try Life()
        let onItsWay = Self.row() + [Attribute("intermediate", .bool(true))]
        try await life.append(
            Self.batch([
                onItsWay, onItsWay, Self.row() + [Attribute("intermediate", .bool(false))],
                [Attribute("method", .string("handleOrder")), Attribute("msg", .string("x"))],
                // Without an answer, which Envoy has as 0.
                Self.row(.int(0)),
            ]))
        await life.write()
        #expect(try life.values("istio_requests_total") == [0, 2])
        #expect(try life.values("istio_requests_total", ["response_code": "0"]) == [0, 1])
        try life.store.close()
    }

    @Test("connections and calls over gRPC are counted as Istio's proxies count them")
    func protocols() async throws {
        let life = try Life()
        func connection(_ more: [Attribute]) -> [Attribute] {
            [
                Attribute("response_code", .int(0)), Attribute("response_flags", .string("-")),
                Attribute("upstream_cluster", .string("outbound|5432||db.shop.svc.cluster.local")),
                Attribute("bytes_received", .int(30)), Attribute("bytes_sent", .int(4_000)),
                Attribute("downstream_remote_address", .string("10.0.0.1:5555")),
            ] + more
        }
        try await life.append(
            Self.batch([
                connection([]), connection([Attribute("method", .string("-"))]),
                connection([Attribute("access_log_type", .string("TcpConnectionStart"))]),
                connection([Attribute("intermediate", .bool(true))]),
                Self.row() + [Attribute("grpc_status", .string("NotFound"))],
                Self.row() + [Attribute("grpc_status", .int(5))],
                Self.row() + [Attribute("grpc_status", .string("-"))],
                Self.row() + [
                    Attribute("http.request.header.content-type", .string("application/grpc+proto"))
                ],
            ]))
        await life.write()
        for name in ["opened", "closed"] {
            #expect(
                try life.values(
                    "istio_tcp_connections_\(name)_total",
                    [
                        "request_protocol": "tcp", "destination_service_name": "db",
                        "source_workload": "front",
                    ]) == [0, 2], "\(name)")
        }
        #expect(try life.values("istio_tcp_received_bytes_total") == [0, 60])
        #expect(try life.values("istio_tcp_sent_bytes_total") == [0, 8_000])
        #expect(try life.values("istio_requests_total", ["request_protocol": "http"]) == [0, 1])
        #expect(
            try life.values(
                "istio_requests_total", ["request_protocol": "grpc", "grpc_response_status": "5"])
                == [0, 2])
        #expect(try life.values("istio_requests_total", ["request_protocol": "grpc"]) == [0, 3])
        #expect(try life.values("istio_request_bytes_count", ["request_protocol": "tcp"]).isEmpty)
        // All of it is there after a sudden end.
        try life.crash()
        await life.write()
        #expect(
            try life.values("istio_tcp_sent_bytes_total", ["request_protocol": "tcp"]).last == 8_000
        )
        #expect(
            try life.values("istio_requests_total", ["grpc_response_status": "5"]).last == 2)
        try life.store.close()
    }

    @Test("label sets are bounded; what is beyond counts under __overflow__")
    func bounded() async throws {
        let life = try Life()
        for part in 0..<12 {
            try await life.append(
                Self.batch((0..<100).map { Self.row(cluster: "c\(part * 100 + $0)") }))
        }
        await life.write()
        #expect(try life.values("istio_requests_total") == [0, 1_200])
        #expect(
            try life.values(
                "istio_requests_total", ["destination_service": "__overflow__"]) == [0, 200])
        try life.store.close()
    }

    @Test(
        "counts are exact over sudden ends and retries, wherever the seals fall",
        arguments: 0..<8)
    func exact(seed: Int) async throws {
        var random = SplitMix(seed: UInt64(seed))
        let life = try Life()
        var expected = 0.0
        var written: [Double] = []
        for step in 0..<60 {
            life.clock.advance(byNanoseconds: 1_000_000_000)
            let batch = Self.batch([[Attribute]](repeating: Self.row(), count: 1 + random.below(5)))
            let digest = ContentHash(high: 1, low: UInt64(step))
            #expect(try await life.append(batch, digest: digest) == .stored)
            expected += Double(batch.count)
            if random.below(4) == 0 {
                #expect(try await life.append(batch, digest: digest) == .duplicate)
            }
            switch random.below(6) {
            case 0: try life.store.seal()
            case 1:
                await life.write()
                written.append(expected)
            case 2:
                try life.crash()
                #expect(try await life.append(batch, digest: digest) == .duplicate)
            default: break
            }
        }
        life.clock.advance(byNanoseconds: 1_000_000_000)
        await life.write()
        written.append(expected)
        #expect(try life.values("istio_requests_total") == [0] + written, "seed \(seed)")
        try life.store.close()
    }

    @Test("bytes that are no checkpoint are refused at every length")
    func damagedCheckpoints() async throws {
        let life = try Life()
        try await life.append(Self.batch([Self.row(), Self.row(.int(404))]))
        let bytes = life.deriver.checkpoint()
        let services = try #require(AccessLogServices("*"))
        for length in 0..<bytes.count {
            #expect(
                !AccessLogDeriver(services: services).restore(Array(bytes[..<length])), "\(length)")
        }
        let other = AccessLogDeriver(services: services)
        #expect(other.restore(bytes) && other.checkpoint() == bytes)
        try life.store.close()
    }
}

/// The same numbers for the same seed.
private struct SplitMix {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((word ^ (word >> 31)) % UInt64(bound))
    }
}
