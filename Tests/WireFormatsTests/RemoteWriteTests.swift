import Telemetry
import Testing
import WireFormats

@Suite("Remote write 1.0")
struct RemoteWriteTests {
    /// A `TimeSeries` with these labels as they are, and one sample.
    private func series(
        _ labels: [(String, String)], value: Double = 1, samplesFirst: Bool = false
    ) -> (inout ProtobufWriter) -> Void {
        { writer in
            if samplesFirst { writer.message(2) { $0.double(1, value) } }
            for (name, value) in labels {
                writer.message(1) {
                    $0.string(1, name)
                    $0.string(2, value)
                }
            }
            if !samplesFirst { writer.message(2) { $0.double(1, value) } }
        }
    }

    private func decode(
        _ series: [(inout ProtobufWriter) -> Void]
    ) throws -> Decoded<MetricBatch> {
        var writer = ProtobufWriter()
        for message in series { writer.message(1, message) }
        return try RemoteWrite.decode(protobuf: writer.bytes)
    }

    @Test("everything a batch holds survives encoding and decoding")
    func roundTrips() throws {
        let batch = SampleTelemetry.samples
        let decoded = try RemoteWrite.decode(protobuf: RemoteWrite.encode(batch))
        #expect(decoded.rejections.isEmpty)
        #expect(decoded.batch.labelBytes == batch.labelBytes)
        #expect(decoded.batch.labelEnds == batch.labelEnds)
        #expect(decoded.batch.seriesIDs == batch.seriesIDs)
        #expect(decoded.batch.sampleSeries == batch.sampleSeries)
        #expect(decoded.batch.sampleTimes == batch.sampleTimes)
        #expect(
            decoded.batch.sampleValues.map(\.bitPattern) == batch.sampleValues.map(\.bitPattern))
        #expect(decoded.batch.histograms == batch.histograms)
        #expect(decoded.batch.exemplars == batch.exemplars)
        #expect(decoded.batch.metadata == batch.metadata)
    }

    @Test("labels out of order are sorted, empty ones dropped, wherever the samples stand")
    func sortsLabels() throws {
        let decoded = try decode([
            series([("zone", "z"), ("__name__", "up"), ("none", ""), ("app", "a")]),
            series([("__name__", "up"), ("app", "b")], value: 2, samplesFirst: true),
        ])
        #expect(decoded.rejections.isEmpty)
        let expected = [
            Labels(["__name__": "up", "app": "a", "zone": "z"]),
            Labels(["__name__": "up", "app": "b"]),
        ]
        #expect((0..<2).map { decoded.batch.labels($0) } == expected)
        #expect(decoded.batch.seriesIDs == expected.map(\.seriesID))
        #expect(decoded.batch.sampleSeries == [0, 1])
        #expect(decoded.batch.sampleValues == [1, 2])
    }

    @Test("long names and values keep their multi-byte lengths")
    func copiesLongLabels() throws {
        let long = String(repeating: "ä", count: 10_000)
        let decoded = try decode([series([("__name__", "up"), ("long", long)])])
        #expect(decoded.batch.labels(0) == Labels(["__name__": "up", "long": long]))
    }

    @Test("a series that is not one is rejected with its samples, its neighbours are kept")
    func rejectsSeries() throws {
        let good = series([("__name__", "up")])
        let decoded = try decode([
            good, series([("__name__", "up"), ("a", "1"), ("a", "2")]),
            series([("b", "1"), ("__name__", "up"), ("b", "2")]), series([("a", "1")]),
            series([]), series([("", "x"), ("__name__", "up")]), good,
        ])
        #expect(decoded.batch.seriesCount == 2)
        #expect(decoded.batch.sampleSeries == [0, 1])
        #expect(
            NeutralDump.rejections(decoded.rejections) == [
                "rejected duplicate_label 2", "rejected empty_label_name 1",
                "rejected empty_metric_name 2",
            ])
        #expect(decoded.rejectionMessage.contains("up{a=\"1\", a=\"2\"}"))
    }

    @Test("labels that are not UTF-8 are rejected")
    func rejectsBrokenText() throws {
        let decoded = try decode([
            { writer in
                writer.message(1) {
                    $0.string(1, "__name__")
                    $0.raw(2, [0x75, 0xFF])
                }
            }
        ])
        #expect(NeutralDump.rejections(decoded.rejections) == ["rejected invalid_utf8 1"])
    }

    /// The integer histogram of the specification's text: deltas of deltas made absolute.
    @Test("integer histograms become absolute counts")
    func readsIntegerHistograms() throws {
        let decoded = try decode([
            { writer in
                series([("__name__", "h")])(&writer)
                writer.message(4) {
                    $0.varint(1, 14)
                    $0.double(3, 2.5)
                    $0.sint32(4, -1)
                    $0.varint(6, 1)
                    $0.message(11) { span in
                        span.sint32(1, -3)
                        span.varint(2, 3)
                    }
                    $0.packedVarints(12, [2, 3, 1].map { Varint.zigzag($0) })
                    $0.varint(14, 3)
                    $0.varint(15, 77)
                }
            }
        ])
        let sample = try #require(decoded.batch.histograms.first)
        #expect(sample.time == 77)
        #expect(sample.histogram.schema == -1)
        #expect(sample.histogram.positiveCounts == [2, 5, 6])
        #expect(sample.histogram.positiveSpans == [.init(offset: -3, length: 3)])
        #expect(sample.histogram.count == 14)
        #expect(sample.histogram.zeroCount == 1)
        #expect(sample.histogram.resetHint == .gauge)
    }

    @Test("a histogram whose spans do not match its counts is rejected, its series is kept")
    func rejectsBrokenHistograms() throws {
        let decoded = try decode([
            { writer in
                series([("__name__", "h")])(&writer)
                writer.message(4) {
                    $0.message(11) { span in span.varint(2, UInt64(UInt32.max)) }
                    $0.packedVarints(12, [2])
                }
            }
        ])
        #expect(decoded.batch.histograms.isEmpty)
        #expect(decoded.batch.sampleCount == 1)
        #expect(NeutralDump.rejections(decoded.rejections) == ["rejected invalid_histogram 1"])
    }

    /// What is wrong with a histogram, and its fields.
    private static let faults: [(String, @Sendable (inout ProtobufWriter) -> Void)] = [
        (
            "its count is not the sum of its buckets",
            {
                $0.varint(1, 99)
                $0.message(11) { span in span.varint(2, 2) }
                $0.packedVarints(12, [1, 1].map { Varint.zigzag($0) })
            }
        ),
        (
            "its count is below the sum of its buckets",
            {
                $0.varint(1, 2)
                $0.double(3, .nan)
                $0.message(11) { span in span.varint(2, 2) }
                $0.packedVarints(12, [1, 1].map { Varint.zigzag($0) })
            }
        ),
        (
            "a count is negative",
            {
                $0.double(2, 1)
                $0.message(11) { span in span.varint(2, 1) }
                $0.double(13, -1)
            }
        ),
        ("its zero threshold is negative or not finite", { $0.double(5, .nan) }),
        ("its zero threshold is negative or not finite", { $0.double(5, -5) }),
        (
            "its spans leave the range of buckets",
            {
                $0.varint(1, 2)
                for _ in 0..<2 {
                    $0.message(11) { span in
                        span.sint32(1, Int32.max)
                        span.varint(2, 1)
                    }
                }
                $0.packedVarints(12, [1, 0].map { Varint.zigzag($0) })
            }
        ),
        (
            "its custom bounds are not finite and ascending",
            {
                $0.sint32(4, -53)
                $0.double(16, 2)
                $0.double(16, 1)
            }
        ),
        (
            "its custom bounds are not finite and ascending",
            {
                $0.sint32(4, -53)
                $0.double(16, .nan)
            }
        ),
        (
            "it has more buckets than its custom bounds make",
            {
                $0.varint(1, 3)
                $0.sint32(4, -53)
                $0.message(11) { span in span.varint(2, 3) }
                $0.packedVarints(12, [1, 0, 0].map { Varint.zigzag($0) })
                $0.double(16, 1)
            }
        ),
        (
            "a span has a negative offset",
            {
                $0.varint(1, 1)
                $0.sint32(4, -53)
                $0.message(11) { span in
                    span.sint32(1, -3)
                    span.varint(2, 1)
                }
                $0.packedVarints(12, [Varint.zigzag(1)])
                $0.double(16, 1)
            }
        ),
        (
            "it has custom bounds and a zero bucket",
            {
                $0.varint(1, 1)
                $0.sint32(4, -53)
                $0.varint(6, 1)
                $0.double(16, 1)
            }
        ),
        ("its schema is neither -4 to 8 nor -53", { $0.sint32(4, 9) }),
    ]

    @Test("histograms that contradict themselves are refused one by one, with the reason")
    func namesFaults() throws {
        for (reason, fields) in Self.faults {
            let decoded = try decode([
                { writer in
                    series([("__name__", "h")])(&writer)
                    writer.message(4) { fields(&$0) }
                    writer.message(4) { $0.varint(15, 7) }
                }
            ])
            #expect(decoded.batch.histograms.map(\.time) == [7], "\(reason)")
            #expect(decoded.rejectionMessage.contains(reason), "\(decoded.rejectionMessage)")
        }
    }
}
