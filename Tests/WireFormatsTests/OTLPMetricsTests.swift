import Telemetry
import Testing
import WireFormats

@Suite("OTLP metrics as Prometheus series")
struct OTLPMetricsTests {
    /// A translator in the middle of a resource with these attributes.
    private func translator(_ resource: [Attribute]) -> OTLPMetricTranslator {
        var translator = OTLPMetricTranslator()
        let cells = translator.append(resource)
        translator.beginResource(cells)
        return translator
    }

    private func series(_ decoded: Decoded<MetricBatch>) -> [String] {
        let batch = decoded.batch
        return batch.sampleTimes.indices.map {
            "\(batch.labels(Int(batch.sampleSeries[$0]))) \(batch.sampleValues[$0])"
        }
    }

    @Test("labels are sanitised, sorted and joined on collision; job and instance win")
    func buildsLabels() {
        var translator = translator([
            Attribute("service.name", .string("cart")),
            Attribute("service.namespace", .string("shop")),
            Attribute("service.instance.id", .string("cart-1")),
        ])
        translator.begin("up.time", unit: "s", .counter)
        let attributes = [
            Attribute("z", .int(3)), Attribute("a.b", .string("1")), Attribute("a-b", .string("2")),
            Attribute("job", .string("mine")), Attribute("Upper", .bool(true)),
            Attribute("empty", .string("")), Attribute("__name__", .string("other")),
        ]
        translator.add(7, translator.point(attributes))
        translator.endResource()
        let decoded = translator.finish()
        // Values of colliding names are joined in the order of their keys: "a-b" before "a.b".
        #expect(
            series(decoded) == [
                "up_time_seconds_total{Upper=\"true\", a_b=\"2;1\", instance=\"cart-1\", "
                    + "job=\"shop/cart\", z=\"3\"} 7.0"
            ])
        #expect(decoded.batch.sampleTimes == [2])
        #expect(
            decoded.batch.metadata == [
                MetricMetadata(
                    family: "up_time_seconds_total", type: .counter, help: "help",
                    unit: "seconds")
            ])
        let labels = decoded.batch.labels(0)
        #expect(labels == Labels(labels.pairs))
        #expect(decoded.batch.seriesIDs == [labels.seriesID])
    }

    @Test("the other resource attributes become target_info, spread over the time of the points")
    func emitsTargetInfo() {
        var translator = translator([
            Attribute("service.name", .string("cart")), Attribute("host.name", .string("h1")),
        ])
        translator.begin("g", .gauge)
        translator.add(1, translator.point(time: 1_000_000_000_000))
        translator.add(1, translator.point(time: 1_200_000_000_000))
        translator.endResource()
        let batch = translator.finish().batch
        let info = Labels(["__name__": "target_info", "host_name": "h1", "job": "cart"])
        let rows = batch.sampleTimes.indices.filter {
            batch.labels(Int(batch.sampleSeries[$0])) == info
        }
        #expect(rows.map { batch.sampleTimes[$0] } == [1_000_000, 1_150_000, 1_200_000])
        #expect(rows.allSatisfy { batch.sampleValues[$0] == 1 })
    }

    @Test("cumulative points tell since when their series count, gauges and increments do not")
    func starts() {
        var translator = translator([])
        var point = translator.point(time: 9_000_000_000)
        point.start = 2_000_000_000
        translator.begin("c", .counter)
        translator.add(1, point)
        translator.begin("g", .gauge)
        translator.add(1, point)
        translator.begin("d", .counter, isDelta: true)
        translator.add(1, point)
        translator.endResource()
        let batch = translator.finish().batch
        #expect(
            batch.starts == [SeriesStart(series: 0, time: 2_000, firstSampleTime: 9_000)])
    }

    @Test("a resource that spans all of time gets a bounded number of target_info samples")
    func boundsTargetInfo() {
        var translator = translator([
            Attribute("service.name", .string("cart")), Attribute("host.name", .string("h1")),
        ])
        translator.begin("g", .gauge)
        translator.add(1, translator.point(time: 1))
        translator.add(1, translator.point(time: .max))
        translator.endResource()
        #expect(translator.finish().batch.sampleCount < 2_000)
    }

    @Test("a histogram becomes cumulative buckets whose bounds are written in plain decimals")
    func splitsHistograms() {
        var translator = translator([])
        translator.begin("latency", unit: "s", .histogram)
        var histogram = OTLPHistogramPoint()
        histogram.bounds = [0.005, 1, 1e7]
        histogram.bucketCounts = [1, 2, 0, 4]
        histogram.count = 7
        histogram.sum = 9.5
        translator.add(histogram, translator.point([Attribute("le", .string("x"))]))
        #expect(
            series(translator.finish()) == [
                "latency_seconds_sum 9.5", "latency_seconds_count 7.0",
                "latency_seconds_bucket{le=\"0.005\"} 1.0",
                "latency_seconds_bucket{le=\"1\"} 3.0",
                "latency_seconds_bucket{le=\"10000000\"} 3.0",
                "latency_seconds_bucket{le=\"+Inf\"} 7.0",
            ])
    }

    @Test("a point without recorded value ends all its series")
    func marksStale() {
        var translator = translator([])
        translator.begin("g", .gauge)
        translator.add(nil, translator.point(flags: 1))
        translator.begin("h", .histogram)
        translator.add(OTLPHistogramPoint(), translator.point(flags: 1))
        translator.begin("e", .exponentialHistogram)
        translator.add(OTLPExponentialPoint(), translator.point(flags: 1))
        let batch = translator.finish().batch
        #expect(batch.sampleValues.count == 3)
        let values = batch.sampleValues + batch.histograms.map(\.histogram.sum)
        #expect(values.allSatisfy { $0.bitPattern == Sample.staleMarker.bitPattern })
    }

    @Test("exponential buckets finer than schema 8 are merged, distant ones get a new span")
    func mergesExponentialBuckets() throws {
        var point = OTLPExponentialPoint()
        point.scale = 9
        point.positive.offset = -3
        point.positive.counts = [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]
        point.negative.offset = 0
        point.negative.counts = [7, 0, 0, 0, 7]
        point.count = 29
        let histogram = try #require(NativeHistogram(point))
        #expect(histogram.schema == 8)
        // Indices −3…0 fall into buckets −2, −1, −1, 0 of the coarser scale, then one is added.
        #expect(
            histogram.positiveSpans == [.init(offset: -1, length: 3), .init(offset: 4, length: 1)])
        #expect(histogram.positiveCounts == [1, 5, 4, 5])
        #expect(histogram.negativeSpans == [.init(offset: 1, length: 3)])
        #expect(histogram.negativeCounts == [7, 0, 7])
        #expect(histogram.zeroThreshold == 1e-128)
    }

    @Test("what cannot be kept is rejected point by point")
    func rejectsPoints() {
        var translator = translator([])
        translator.begin("...", .gauge)
        translator.add(1, translator.point())
        translator.begin("g", .gauge)
        translator.add(1, translator.point(time: 0))
        translator.add(nil, translator.point())
        translator.add(1, translator.point([Attribute("", .int(1))]))
        translator.begin("h", .histogram)
        var histogram = OTLPHistogramPoint()
        histogram.bounds = [2, 1]
        histogram.bucketCounts = [0, 0, 0]
        translator.add(histogram, translator.point())
        translator.begin("e", .exponentialHistogram)
        var coarse = OTLPExponentialPoint()
        coarse.scale = -5
        translator.add(coarse, translator.point())
        var distant = OTLPExponentialPoint()
        distant.positive.offset = .max
        distant.positive.counts = [1, 1]
        translator.add(distant, translator.point())
        let decoded = translator.finish()
        #expect(decoded.batch.sampleCount == 0)
        #expect(
            NeutralDump.rejections(decoded.rejections) == [
                "rejected invalid_histogram 3", "rejected invalid_name 2",
                "rejected malformed_item 1", "rejected missing_timestamp 1",
            ])
    }

    @Test("labels repeated over many buckets cannot outgrow the limit")
    func boundsLabelBytes() {
        var translator = translator([])
        translator.begin("h", .histogram)
        var histogram = OTLPHistogramPoint()
        histogram.bounds = (0..<10_000).map(Double.init)
        histogram.bucketCounts = [UInt64](repeating: 0, count: 10_001)
        let long = String(repeating: "x", count: 100_000)
        translator.add(histogram, translator.point([Attribute("long", .string(long))]))
        let decoded = translator.finish()
        #expect(decoded.batch.seriesCount == 0)
        #expect(NeutralDump.rejections(decoded.rejections) == ["rejected labels_too_long 1"])
    }

    @Test("points of delta temporality are rejected and counted")
    func rejectsDelta() throws {
        var writer = ProtobufWriter()
        writer.message(1) { resource in
            resource.message(2) { scope in
                scope.message(2) { metric in
                    metric.message(7) { sum in
                        for _ in 0..<3 { sum.message(1) { $0.fixed64(3, 5) } }
                        sum.varint(2, 1)
                    }
                    metric.string(1, "deltas")
                }
            }
        }
        let decoded = try OTLPMetrics.decode(protobuf: writer.bytes)
        #expect(decoded.batch.sampleCount == 0)
        #expect(decoded.rejectionMessage == "3 unsupported_temporality (first: metric \"deltas\")")
    }
}

extension OTLPMetricTranslator {
    fileprivate mutating func append(_ added: [Attribute]) -> Range<Int> {
        let start = attributes.count
        attributes.append(contentsOf: added, strings: &strings)
        return start..<attributes.count
    }

    fileprivate mutating func begin(
        _ name: String, unit: String = "", _ kind: PrometheusNaming.Kind, isDelta: Bool = false
    ) {
        beginMetric(
            OTLPMetricHeader(
                name: strings.intern(name), unit: strings.intern(unit),
                description: strings.intern("help"), kind: kind), isDelta: isDelta)
    }

    fileprivate mutating func point(
        _ attributes: [Attribute] = [], time: UInt64 = 2_000_000, flags: UInt32 = 0
    ) -> OTLPPointContext {
        var point = OTLPPointContext(attributes: append(attributes))
        point.time = time
        point.flags = flags
        return point
    }
}
