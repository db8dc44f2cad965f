import Telemetry
import Testing
import WireFormats

@Suite("Translation strategies of OTLP metrics")
struct OTLPTranslationTests {
    private func name(
        _ name: String, _ unit: String, _ kind: PrometheusNaming.Kind,
        _ strategy: OTLPTranslation.Strategy
    ) -> String? {
        PrometheusNaming.metricName(name, unit: unit, kind: kind, strategy: strategy)
    }

    @Test(
        "names under each strategy",
        arguments: [
            (
                "http.server.duration", "ms", PrometheusNaming.Kind.histogram,
                [
                    "http_server_duration_milliseconds", "http.server.duration_milliseconds",
                    "http_server_duration", "http.server.duration",
                ]
            ),
            (
                "orders.total", "1", .counter,
                ["orders_total", "orders_total", "orders_total", "orders.total"]
            ),
            (
                "disk__io", "By/s", .gauge,
                [
                    "disk_io_bytes_per_second", "disk__io_bytes_per_second", "disk__io",
                    "disk__io",
                ]
            ),
            (
                "cpu.load", "1", .gauge,
                ["cpu_load_ratio", "cpu.load_ratio", "cpu_load", "cpu.load"]
            ),
            ("2xx", "", .counter, ["_2xx_total", "2xx_total", "_2xx", "2xx"]),
            (
                "mem.bytes", "By", .gauge,
                ["mem_bytes", "mem.bytes", "mem_bytes", "mem.bytes"]
            ),
        ])
    func names(name: String, unit: String, kind: PrometheusNaming.Kind, expected: [String]) {
        let strategies: [OTLPTranslation.Strategy] = [
            .underscoreEscapingWithSuffixes, .noUTF8EscapingWithSuffixes,
            .underscoreEscapingWithoutSuffixes, .noTranslation,
        ]
        #expect(strategies.map { self.name(name, unit, kind, $0) } == expected)
    }

    /// A counter of delta or cumulative temporality under a resource.
    private func body(temporality: UInt64) -> [UInt8] {
        func attribute(
            _ name: String, _ value: String
        ) -> (inout ProtobufWriter) -> Void {
            { writer in
                writer.string(1, name)
                writer.message(2) { $0.presentString(1, value) }
            }
        }
        var writer = ProtobufWriter()
        writer.message(1) { envelope in
            envelope.message(1) { resource in
                resource.message(1, attribute("service.name", "cart"))
                resource.message(1, attribute("k8s.pod.name", "cart-1"))
                resource.message(1, attribute("http.route", "of the resource"))
            }
            envelope.message(2) { scope in
                scope.message(2) { metric in
                    metric.string(1, "orders.placed")
                    metric.message(7) { sum in
                        sum.message(1) { point in
                            point.fixed64(3, 2_000_000)
                            point.fixed64(6, 7)
                            point.message(7, attribute("http.route", "/cart"))
                        }
                        sum.varint(2, temporality)
                        sum.varint(3, 1)
                    }
                }
            }
        }
        return writer.bytes
    }

    private func labels(_ translation: OTLPTranslation) throws -> Labels {
        let decoded = try OTLPMetrics.translate(
            protobuf: body(temporality: 2), translation)
        #expect(decoded.batch.isDelta.isEmpty)
        return decoded.batch.batch.labels(0)
    }

    @Test("labels keep their characters where names do")
    func labelNames() throws {
        var translation = OTLPTranslation()
        #expect(
            try labels(translation)
                == Labels([
                    "__name__": "orders_placed_total", "http_route": "/cart", "job": "cart",
                ]))
        translation.strategy = .noTranslation
        #expect(
            try labels(translation)
                == Labels(["__name__": "orders.placed", "http.route": "/cart", "job": "cart"]))
    }

    @Test("promoted resource attributes become labels; those of the point win")
    func promotes() throws {
        var translation = OTLPTranslation()
        translation.promoted = .only(["k8s.pod.name", "http.route", "absent"])
        #expect(
            try labels(translation)
                == Labels([
                    "__name__": "orders_placed_total", "http_route": "/cart", "job": "cart",
                    "k8s_pod_name": "cart-1",
                ]))
        translation.promoted = .all
        #expect(
            try labels(translation)
                == Labels([
                    "__name__": "orders_placed_total", "http_route": "/cart", "job": "cart",
                    "k8s_pod_name": "cart-1", "service_name": "cart",
                ]))
    }

    @Test("increments are rejected, or marked for those who sum them up")
    func deltas() throws {
        let delta = body(temporality: 1)
        let rejected = try OTLPMetrics.decode(protobuf: delta)
        #expect(rejected.rejections.map(\.reason) == [.unsupportedTemporality])
        var translation = OTLPTranslation()
        translation.passesDeltas = true
        let passed = try OTLPMetrics.translate(protobuf: delta, translation)
        #expect(passed.rejections.isEmpty)
        // target_info is no increment.
        #expect(passed.batch.isDelta == [true, false])
        #expect(passed.batch.batch.sampleValues == [7, 1])
        let json = """
            {"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"orders","sum":{\
            "aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"asInt":"7",\
            "timeUnixNano":"2000000"}]}}]}]}]}
            """
        let fromJSON = try OTLPMetrics.translate(json: Array(json.utf8), translation)
        #expect(fromJSON.batch.isDelta == [true])
        let unspecified = try OTLPMetrics.translate(
            protobuf: body(temporality: 0), translation)
        #expect(unspecified.rejections.map(\.reason) == [.unsupportedTemporality])
    }
}
