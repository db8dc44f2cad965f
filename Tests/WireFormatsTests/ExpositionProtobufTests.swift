import Telemetry
import Testing
import WireFormats

@Suite("Delimited protobuf expositions")
struct ExpositionProtobufTests {
    /// A `MetricFamily` behind its length.
    private func family(
        _ name: String, type: UInt64, _ metric: (inout ProtobufWriter) -> Void
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.string(1, name)
        writer.string(2, "help of \(name)")
        writer.varint(3, type)
        writer.message(4) { metric in
            metric.message(1) {
                $0.string(1, "zone")
                $0.string(2, "z")
            }
        }
        // The first metric has no value and is passed over.
        writer.message(4, metric)
        var bytes: [UInt8] = []
        Varint.append(UInt64(writer.bytes.count), to: &bytes)
        return bytes + writer.bytes
    }

    private func label(_ name: String, _ value: String) -> (inout ProtobufWriter) -> Void {
        { writer in
            writer.string(1, name)
            writer.string(2, value)
        }
    }

    private func exemplar(_ field: UInt32) -> (inout ProtobufWriter) -> Void {
        { writer in
            writer.message(field) { exemplar in
                exemplar.message(1, label("trace_id", "abc"))
                exemplar.double(2, 0.25)
                exemplar.message(3) {
                    $0.varint(1, 12)
                    $0.varint(2, 500_000_000)
                }
            }
        }
    }

    private func decode(
        _ body: [UInt8], _ change: (inout ExpositionOptions) -> Void = { _ in }
    ) throws -> Decoded<ExposedMetrics> {
        var options = ExpositionOptions(receivedAt: 1_000)
        change(&options)
        return try Exposition.decode(body, format: .protobuf, options: options)
    }

    private var counter: [UInt8] {
        family("requests_total", type: 0) { metric in
            metric.message(1, label("b", "2"))
            metric.message(1, label("a", "1"))
            metric.message(3) { counter in
                counter.double(1, 7)
                exemplar(2)(&counter)
            }
            metric.varint(6, 5_000)
        }
    }

    private func histogram(isNative: Bool) -> [UInt8] {
        family("latency_seconds", type: 4) { metric in
            metric.message(7) { histogram in
                histogram.varint(1, 6)
                histogram.double(2, 3.5)
                histogram.message(3) { bucket in
                    bucket.varint(1, 4)
                    bucket.double(2, 1)
                    exemplar(3)(&bucket)
                }
                guard isNative else { return }
                histogram.sint32(5, 3)
                histogram.double(6, 1e-128)
                histogram.varint(7, 1)
                histogram.message(12) {
                    $0.sint32(1, -2)
                    $0.varint(2, 2)
                }
                // Not packed, as proto2 writes it.
                histogram.presentVarint(13, Varint.zigzag(3))
                histogram.presentVarint(13, Varint.zigzag(-1))
            }
        }
    }

    @Test("a counter keeps its labels, its time and its exemplar")
    func readsCounter() throws {
        let decoded = try decode(counter)
        let batch = decoded.batch.batch
        #expect(
            (0..<batch.seriesCount).map { batch.labels($0) } == [
                Labels(["__name__": "requests_total", "a": "1", "b": "2"])
            ])
        #expect(batch.sampleValues == [7])
        #expect(batch.sampleTimes == [5_000])
        #expect(decoded.batch.hasOwnTime == [true])
        #expect(
            batch.exemplars == [
                Exemplar(
                    series: 0, time: 12_500, value: 0.25, labels: Labels(["trace_id": "abc"]))
            ])
        #expect(
            batch.metadata == [
                MetricMetadata(
                    family: "requests_total", type: .counter, help: "help of requests_total")
            ])
    }

    @Test("what says when it was created gives its series their start")
    func created() throws {
        let body = family("c_total", type: 0) { metric in
            metric.message(3) { counter in
                counter.double(1, 7)
                counter.message(3) {
                    $0.varint(1, 4)
                    $0.varint(2, 250_000_000)
                }
            }
            metric.varint(6, 5_000)
        }
        #expect(
            try decode(body).batch.batch.starts == [
                SeriesStart(series: 0, time: 4_250, firstSampleTime: 5_000)
            ])
        let late = family("c_total", type: 0) { metric in
            metric.message(3) { counter in
                counter.double(1, 7)
                counter.message(3) { $0.varint(1, 6) }
            }
            metric.varint(6, 5_000)
        }
        #expect(try decode(late).batch.batch.starts == [])
    }

    @Test("a summary becomes quantiles, sum and count")
    func readsSummary() throws {
        let body = family("s", type: 2) { metric in
            metric.message(4) { summary in
                summary.varint(1, 3)
                summary.double(2, 1.5)
                summary.message(3) {
                    $0.double(1, 0.5)
                    $0.double(2, 0.75)
                }
            }
        }
        let batch = try decode(body).batch.batch
        #expect(
            (0..<batch.seriesCount).map { "\(batch.labels($0)) \(batch.sampleValues[$0])" } == [
                "s_count 3.0", "s_sum 1.5", "s{quantile=\"0.5\"} 0.75",
            ])
    }

    @Test("a classic histogram gets the bucket +Inf that its target leaves out")
    func readsClassic() throws {
        let batch = try decode(histogram(isNative: false)).batch.batch
        #expect(
            (0..<batch.seriesCount).map { "\(batch.labels($0)) \(batch.sampleValues[$0])" } == [
                "latency_seconds_count 6.0", "latency_seconds_sum 3.5",
                "latency_seconds_bucket{le=\"1.0\"} 4.0",
                "latency_seconds_bucket{le=\"+Inf\"} 6.0",
            ])
        #expect(batch.exemplars.map(\.series) == [2])
    }

    @Test("a native histogram stays one; its classic buckets come along only when wanted")
    func readsNative() throws {
        let batch = try decode(histogram(isNative: true)).batch.batch
        #expect(batch.sampleTimes.isEmpty)
        let histogram = try #require(batch.histograms.first?.histogram)
        #expect(histogram.schema == 3)
        #expect(histogram.count == 6)
        #expect(histogram.zeroCount == 1)
        #expect(histogram.positiveSpans == [.init(offset: -2, length: 2)])
        #expect(histogram.positiveCounts == [3, 2])
        let both = try decode(self.histogram(isNative: true)) {
            $0.keepsClassicHistograms = true
        }
        #expect(both.batch.batch.histograms.count == 1)
        #expect(both.batch.batch.sampleTimes.count == 4)
    }

    @Test("cut off at any byte it is refused, or what is whole is kept when a limit cut it")
    func truncated() throws {
        let first = counter
        let body = first + histogram(isNative: true)
        for end in 1..<body.count where end != first.count {
            #expect(throws: DecodeError.self, "\(end)") { try decode(Array(body[..<end])) }
            if end > first.count {
                let kept = try decode(Array(body[..<end])) { $0.isTruncated = true }
                #expect(kept.batch.batch.sampleValues == [7])
            }
        }
    }
}
