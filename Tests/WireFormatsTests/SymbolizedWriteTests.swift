import Telemetry
import Testing
import WireFormats

@Suite("Remote write 2.0")
struct SymbolizedWriteTests {
    private let symbols = [
        "", "__name__", "requests_total", "job", "cart", "trace_id", "abc", "help text", "seconds",
        "latency_bucket", "le", "1",
    ]

    private func request(
        symbolsFirst: Bool = true, _ series: [(inout ProtobufWriter) -> Void]
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        if symbolsFirst { for symbol in symbols { writer.presentString(4, symbol) } }
        for message in series { writer.message(5, message) }
        if !symbolsFirst { for symbol in symbols { writer.presentString(4, symbol) } }
        return writer.bytes
    }

    private func labels(_ references: UInt64...) -> (inout ProtobufWriter) -> Void {
        { $0.packedVarints(1, references) }
    }

    private func sample(
        _ value: Double, at time: UInt64, start: UInt64 = 0
    ) -> (inout ProtobufWriter) -> Void {
        { writer in
            writer.message(2) {
                $0.double(1, value)
                $0.varint(2, time)
                $0.varint(3, start)
            }
        }
    }

    private func series(
        _ parts: (inout ProtobufWriter) -> Void...
    ) -> (inout ProtobufWriter) -> Void {
        { writer in for part in parts { part(&writer) } }
    }

    @Test("labels come out of the table, wherever it stands", arguments: [true, false])
    func readsLabels(symbolsFirst: Bool) throws {
        let body = request(
            symbolsFirst: symbolsFirst,
            [
                series(labels(1, 2, 3, 4), sample(1, at: 10), sample(2, at: 20)),
                series(sample(3, at: 30), labels(3, 4, 1, 2, 10, 0)),
            ])
        let decoded = try RemoteWrite.decode(symbolized: body)
        let batch = decoded.batch.batch
        let expected = Labels(["__name__": "requests_total", "job": "cart"])
        #expect((0..<batch.seriesCount).map { batch.labels($0) } == [expected, expected])
        #expect(batch.seriesIDs == [expected.seriesID, expected.seriesID])
        #expect(batch.sampleSeries == [0, 0, 1])
        #expect(batch.sampleTimes == [10, 20, 30])
        #expect(batch.sampleValues == [1, 2, 3])
        #expect(decoded.rejections.isEmpty)
        #expect(decoded.batch.starts.isEmpty)
    }

    @Test("each start of a series is told once")
    func readsStarts() throws {
        let body = request([
            series(
                labels(1, 2), sample(1, at: 10, start: 5), sample(2, at: 20, start: 5),
                sample(1, at: 40, start: 35)),
            series(
                labels(1, 2, 3, 4),
                { writer in
                    writer.message(3) { histogram in
                        histogram.presentVarint(1, 0)
                        histogram.sint32(4, 3)
                        histogram.varint(15, 50)
                        histogram.varint(17, 45)
                    }
                }),
        ])
        let decoded = try RemoteWrite.decode(symbolized: body)
        #expect(
            decoded.batch.starts == [
                SeriesStart(series: 0, time: 5, firstSampleTime: 10, histogramSchema: nil),
                SeriesStart(series: 0, time: 35, firstSampleTime: 40, histogramSchema: nil),
                SeriesStart(series: 1, time: 45, firstSampleTime: 50, histogramSchema: 3),
            ])
        #expect(decoded.batch.batch.histograms.map(\.time) == [50])
    }

    @Test("exemplars and metadata refer to the table; a bucket's metadata is its histogram's")
    func readsRest() throws {
        let metadata: (inout ProtobufWriter) -> Void = { writer in
            writer.message(5) {
                $0.varint(1, 3)
                $0.varint(3, 7)
                $0.varint(4, 8)
            }
        }
        let exemplar: (inout ProtobufWriter) -> Void = { writer in
            writer.message(4) { exemplar in
                // Not packed.
                exemplar.presentVarint(1, 5)
                exemplar.presentVarint(1, 6)
                exemplar.double(2, 0.5)
                exemplar.varint(3, 9)
            }
        }
        let body = request([
            series(metadata, labels(1, 9, 10, 11), sample(1, at: 10), exemplar),
            series(metadata, labels(1, 9, 10, 11), sample(1, at: 20)),
        ])
        let batch = try RemoteWrite.decode(symbolized: body).batch.batch
        #expect(
            batch.metadata == [
                MetricMetadata(
                    family: "latency", type: .histogram, help: "help text", unit: "seconds")
            ])
        #expect(
            batch.exemplars == [
                Exemplar(series: 0, time: 9, value: 0.5, labels: Labels(["trace_id": "abc"]))
            ])
    }

    @Test("series whose references lead nowhere are rejected, their neighbours are kept")
    func rejects() throws {
        let good = series(labels(1, 2), sample(1, at: 10))
        let body = request([
            good, series(labels(1, 99), sample(1, at: 10)), series(labels(1), sample(1, at: 10)),
            series(labels(3, 4), sample(1, at: 10), sample(2, at: 20)),
            series(labels(1, 2, 3, 4, 3, 2), sample(1, at: 10, start: 5)), good,
        ])
        let decoded = try RemoteWrite.decode(symbolized: body)
        #expect(decoded.batch.batch.seriesCount == 2)
        #expect(decoded.batch.batch.sampleSeries == [0, 1])
        #expect(decoded.batch.starts.isEmpty)
        #expect(
            decoded.rejections.map { "\($0.reason.rawValue) \($0.count)" } == [
                "invalid_reference 2", "empty_metric_name 2", "duplicate_label 1",
            ])
    }

    @Test("labels that only repeat long symbols may be longer than the body")
    func grows() throws {
        let long = String(repeating: "x", count: 5_000)
        var writer = ProtobufWriter()
        for symbol in ["", "__name__", long] { writer.presentString(4, symbol) }
        for index in UInt64(0)..<50 {
            writer.message(5, series(labels(1, 2), sample(Double(index), at: index)))
        }
        let batch = try RemoteWrite.decode(symbolized: writer.bytes).batch.batch
        #expect(batch.seriesCount == 50)
        #expect(batch.labels(49) == Labels(["__name__": long]))
    }

    @Test("cut off at any byte it is refused or read, never a crash")
    func truncated() {
        let body = request([
            series(labels(1, 2, 3, 4), sample(1, at: 10, start: 3), sample(2, at: 20))
        ])
        for end in body.indices {
            do {
                let decoded = try RemoteWrite.decode(symbolized: Array(body[..<end]))
                #expect(decoded.batch.batch.sampleCount <= 2)
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }
}
