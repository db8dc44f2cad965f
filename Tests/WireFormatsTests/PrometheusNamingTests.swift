import Testing
import WireFormats

/// Expected names are those of Prometheus's documentation of its OTLP endpoint and of the OpenTelemetry
/// specification, "Prometheus and OpenMetrics Compatibility".
@Suite("Prometheus names of OTLP metrics")
struct PrometheusNamingTests {
    @Test(
        "name, unit and kind make a metric name",
        arguments: [
            (
                "http.server.request.duration", "s", .histogram,
                "http_server_request_duration_seconds"
            ),
            ("system.memory.usage", "By", .upDownCounter, "system_memory_usage_bytes"),
            ("system.io", "foo/bar", .counter, "system_io_foo_per_bar_total"),
            ("system.network.io", "By/s", .gauge, "system_network_io_bytes_per_second"),
            ("requests", "{request}", .counter, "requests_total"),
            ("requests", "{request}/s", .gauge, "requests_per_second"),
            ("total.requests.total", "1", .counter, "requests_total"),
            ("memory.utilization", "1", .gauge, "memory_utilization_ratio"),
            ("ratio.used", "1", .gauge, "used_ratio"),
            ("ratio.used", "1", .counter, "ratio_used_total"),
            ("cpu.seconds", "s", .counter, "cpu_seconds_total"),
            ("cpu.seconds.idle", "s", .counter, "cpu_seconds_idle_total"),
            ("a..b__c", "", .gauge, "a_b_c"),
            ("_leading_", "", .gauge, "leading"),
            ("2xx.responses", "", .counter, "_2xx_responses_total"),
            ("größe", "", .gauge, "gr_e"),
            ("job:rate", "%", .gauge, "job:rate_percent"),
            ("temperature", "Cel", .gauge, "temperature_celsius"),
            ("rate", "m/s", .gauge, "rate_meters_per_second"),
            ("rate", "1/min", .gauge, "rate_per_min"),
            ("odd", "a b__c", .gauge, "odd_a_b_c"),
            ("speed", " km / h ", .gauge, "speed_km_per_hour"),
        ] as [(String, String, PrometheusNaming.Kind, String)])
    func metricNames(name: String, unit: String, kind: PrometheusNaming.Kind, expected: String) {
        #expect(PrometheusNaming.metricName(name, unit: unit, kind: kind) == expected)
    }

    @Test("a name without a nameable character is refused", arguments: ["", "...", "日本", "_"])
    func refusesMetricNames(name: String) {
        #expect(PrometheusNaming.metricName(name, unit: "", kind: .gauge) == nil)
    }

    @Test(
        "an attribute key makes a label name",
        arguments: [
            ("http.method", "http_method"), ("größe", "gr__e"), ("1st", "key_1st"),
            ("_private", "key_private"), (".a", "key_a"), ("__reserved__", "__reserved__"),
            ("a..b", "a__b"), ("ä", "key_"), ("a:b", "a_b"),
        ])
    func labelNames(key: String, expected: String) {
        let name = PrometheusNaming.labelName(key.utf8)
        #expect(name.map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test("an attribute key of nothing but separators is refused", arguments: ["", "..", "日本"])
    func refusesLabelNames(key: String) {
        #expect(PrometheusNaming.labelName(key.utf8) == nil)
    }

    @Test(
        "units of metadata are spelt out",
        arguments: [
            ("s", "seconds"), ("By/s", "bytes_per_second"), ("1", ""), ("{request}", ""),
            ("1/s", "per_second"),
        ])
    func unitNames(unit: String, expected: String) {
        #expect(PrometheusNaming.unitName(unit) == expected)
    }
}
