import Pipeline
import Synchronization
import Telemetry
import Testing

@Suite struct SpanMetricsTests {
    /// Spans of one service, 10 ms each.
    static func spans(
        _ service: String, names: [String], trace: UInt64 = 1, status: SpanStatus = .unset
    ) -> SpanBatch {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string(service))]))
        let scope = batch.append(Scope())
        for (index, name) in names.enumerated() {
            var span = SpanRecord(
                traceID: TraceID(high: 1, low: trace), spanID: SpanID(UInt64(index + 1)),
                name: name, start: DeriverProbe.start, duration: 10_000_000)
            span.status = status
            batch.append(span, resource: resource, scope: scope)
        }
        return batch
    }

    @Test("series carry the names and labels that dashboards look for")
    func names() {
        let probe = DeriverProbe()
        probe.add(Self.spans("cart", names: ["GET /", "GET /"], status: .error))
        let values = probe.values()
        let labels = "service=\"cart\", span_kind=\"SPAN_KIND_UNSPECIFIED\", span_name=\"GET /\", "
        let status = "status_code=\"STATUS_CODE_ERROR\""
        #expect(values["traces_spanmetrics_calls_total{\(labels)\(status)}"] == 2)
        #expect(values["traces_spanmetrics_latency_count{\(labels)\(status)}"] == 2)
        #expect(values["traces_spanmetrics_latency_sum{\(labels)\(status)}"] == 0.02)
        #expect(
            values["traces_spanmetrics_latency_bucket{le=\"0.008\", \(labels)\(status)}"] == 0)
        #expect(
            values["traces_spanmetrics_latency_bucket{le=\"0.016\", \(labels)\(status)}"] == 2)
        #expect(values["traces_spanmetrics_latency_bucket{le=\"4.1\", \(labels)\(status)}"] == 2)
        #expect(values["traces_spanmetrics_latency_bucket{le=\"+Inf\", \(labels)\(status)}"] == 2)
    }

    @Test("OpenTelemetry's names, labels and milliseconds come by option")
    func otherNames() {
        let probe = DeriverProbe(naming: .openTelemetry)
        probe.add(Self.spans("cart", names: ["GET /"]))
        let labels =
            "service_name=\"cart\", span_kind=\"SPAN_KIND_UNSPECIFIED\", span_name=\"GET /\", "
            + "status_code=\"STATUS_CODE_UNSET\""
        let values = probe.values()
        #expect(values["traces_span_metrics_calls_total{\(labels)}"] == 1)
        #expect(values["traces_span_metrics_duration_milliseconds_sum{\(labels)}"] == 10)
        #expect(
            values["traces_span_metrics_duration_milliseconds_bucket{le=\"10\", \(labels)}"] == 1)
    }

    @Test("a series starts with zero before its first span, once")
    func startsWithZero() throws {
        let probe = DeriverProbe()
        probe.add(Self.spans("cart", names: ["a", "a"]))
        probe.advance(seconds: 5)
        _ = probe.series()
        probe.advance(seconds: 5)
        probe.add(Self.spans("cart", names: ["b"]))
        _ = probe.series()
        let batches = probe.sink.batches.withLock { $0 }
        let begin = DeriverProbe.start.milliseconds - 1
        #expect(samples(of: "a", in: batches[0]) == [begin: 0, begin + 5_001: 2])
        #expect(samples(of: "a", in: batches[1]) == [begin + 10_002: 2])
        #expect(samples(of: "b", in: batches[1]) == [begin + 10_000: 0, begin + 10_002: 1])
    }

    /// Calls by time.
    private func samples(of name: String, in batch: MetricBatch) -> [Int64: Double] {
        var found: [Int64: Double] = [:]
        for index in batch.sampleTimes.indices {
            let labels = batch.labels(Int(batch.sampleSeries[index]))
            guard labels["__name__"] == "traces_spanmetrics_calls_total",
                labels["span_name"] == name
            else { continue }
            found[batch.sampleTimes[index]] = batch.sampleValues[index]
        }
        return found
    }

    @Test("a refused write loses no count and no zero")
    func refusedWrite() {
        let probe = DeriverProbe()
        probe.add(Self.spans("cart", names: ["a"]))
        probe.sink.isRefusing.withLock { $0 = true }
        _ = probe.series()
        probe.sink.isRefusing.withLock { $0 = false }
        probe.add(Self.spans("cart", names: ["a"]))
        probe.advance(seconds: 15)
        _ = probe.series()
        let begin = DeriverProbe.start.milliseconds - 1
        #expect(
            samples(of: "a", in: probe.sink.batches.withLock { $0[0] })
                == [begin: 0, begin + 15_001: 2])
    }

    @Test("what is too many counts under an overflowing name, of its service first")
    func overflow() {
        var limits = DerivationLimits()
        limits.groupsMax = 10
        limits.groupsOfServiceMax = 4
        limits.overflowGroupsMax = 1
        let probe = DeriverProbe(limits: limits)
        probe.add(Self.spans("noisy", names: (0..<100).map { "GET /\($0)" }))
        probe.add(Self.spans("quiet", names: ["a", "b"]))
        for number in 0..<20 { probe.add(Self.spans("other-\(number)", names: ["x"])) }
        var calls: [String: Double] = [:]
        for (labels, value) in probe.series()
        where labels["__name__"] == "traces_spanmetrics_calls_total" {
            calls["\(labels["service"] ?? "") \(labels["span_name"] ?? "")"] = value
        }
        #expect(calls["noisy GET /3"] == 1)
        #expect(calls["noisy __overflow__"] == 96)
        #expect(calls["quiet a"] == 1)
        #expect(calls["__overflow__ __overflow__"] != nil)
        #expect(calls.values.reduce(0, +) == 122)
        #expect(calls.count <= 12)
    }

    @Test("names too long for labels count under the overflowing name")
    func longNames() {
        let probe = DeriverProbe(limits: DerivationLimits())
        let long = String(repeating: "x", count: 5_000)
        probe.add(Self.spans("shop", names: [long, "a", long + "y"]))
        probe.add(Self.spans(long, names: ["a"]))
        var calls: [String: Double] = [:]
        for (labels, value) in probe.series() {
            #expect(labels.pairs.allSatisfy { $0.value.utf8.count < 100 })
            guard labels["__name__"] == "traces_spanmetrics_calls_total" else { continue }
            calls["\(labels["service"] ?? "") \(labels["span_name"] ?? "")"] = value
        }
        #expect(calls == ["shop a": 1, "shop __overflow__": 2, "__overflow__ __overflow__": 1])
    }

    @Test("the longest span of a group since the last write is its exemplar")
    func exemplars() throws {
        let probe = DeriverProbe()
        var batch = Self.spans("cart", names: ["a", "a", "a"], trace: 9)
        batch.durations[1] = 3_000_000_000
        probe.add(batch)
        _ = probe.series()
        let written = try #require(probe.sink.batches.withLock { $0.first })
        #expect(written.exemplars.count == 1)
        let exemplar = written.exemplars[0]
        #expect(exemplar.value == 3)
        #expect(exemplar.labels["span_id"] == SpanID(2).hex)
        #expect(exemplar.labels["trace_id"] == TraceID(high: 1, low: 9).hex)
        #expect(written.labels(Int(exemplar.series))["le"] == "4.1")
        probe.advance(seconds: 15)
        _ = probe.series()
        #expect(probe.sink.batches.withLock { $0[1] }.exemplars.isEmpty)
    }

    @Test("a total that does not change is written on")
    func idle() {
        let probe = DeriverProbe()
        probe.add(Self.spans("cart", names: ["a"]))
        for _ in 0..<3 {
            #expect(probe.values().first { $0.key.contains("calls_total") }?.value == 1)
            probe.advance(seconds: 3_600)
        }
    }
}
