import Store
import Telemetry
import Testing
import WireFormats

@Suite("federated native histograms")
struct FederatedHistogramTests {
    private static let protobuf =
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

    private func histogram(_ hint: NativeHistogram.ResetHint = .unknown) -> NativeHistogram {
        var histogram = NativeHistogram(schema: -1)
        histogram.count = 6
        histogram.sum = -6.5
        histogram.zeroThreshold = 0.25
        histogram.zeroCount = 1
        histogram.positiveSpans = [
            NativeHistogram.Span(offset: -3, length: 2), NativeHistogram.Span(offset: 1, length: 1),
        ]
        histogram.positiveCounts = [1.5, 1, 0.5]
        histogram.negativeSpans = [NativeHistogram.Span(offset: 4, length: 1)]
        histogram.negativeCounts = [2]
        histogram.resetHint = hint
        return histogram
    }

    /// Of the bounds 0.5, 1 and 2: one observation up to the first, two up to the last, one above.
    private func custom() -> NativeHistogram {
        var histogram = NativeHistogram(schema: NativeHistogram.customBucketsSchema)
        histogram.count = 4
        histogram.sum = 9
        histogram.customBounds = [0.5, 1, 2]
        histogram.positiveSpans = [
            NativeHistogram.Span(offset: 0, length: 1), NativeHistogram.Span(offset: 1, length: 2),
        ]
        histogram.positiveCounts = [1, 2, 1]
        return histogram
    }

    private func fill(_ store: MemoryStore) {
        var batch = MetricBatch()
        let time = APIServer.now * 1_000
        func add(_ name: String, _ histogram: NativeHistogram, at time: Int64) {
            let series = batch.append(Labels(["__name__": name, "job": "api"]))
            batch.histograms.append(
                HistogramSample(series: series, time: time, histogram: histogram))
        }
        add("exponential", histogram(), at: time)
        add("gauge", histogram(.gauge), at: time)
        add("empty", NativeHistogram(schema: 3), at: time)
        add("custom", custom(), at: time)
        var ended = histogram()
        ended.sum = Sample.staleMarker
        add("ended", histogram(), at: time - 15_000)
        add("ended", ended, at: time)
        store.append(metrics: batch, digest: nil) { _ in }
        store.add(["__name__": "number"], 1.5)
    }

    private let everything = "/federate?match%5B%5D=%7B__name__%21%3D%22%22%7D"

    @Test("go whole to whoever asks for protobuf, and are read again as they were")
    func protobuf() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get(everything, headers: ["accept": Self.protobuf])
            #expect(answer["content-type"] == "\(Self.protobuf); escaping=underscores")
            let read = try Exposition.decode(
                answer.body, format: .protobuf, options: ExpositionOptions(receivedAt: 0))
            #expect(read.rejections.isEmpty)
            let batch = read.batch.batch
            #expect(
                batch.metadata.map { "\($0.family) \($0.type)" } == [
                    "custom histogram", "empty histogram", "exponential histogram",
                    "gauge gaugeHistogram", "number unknown",
                ])
            var plain = histogram()
            let found = batch.histograms.map { sample in
                var histogram = sample.histogram
                histogram.resetHint = .unknown
                return histogram
            }
            plain.resetHint = .unknown
            #expect(found.count == 3)
            #expect(found.count { $0 == plain } == 2)
            #expect(found.contains { $0.schema == 3 && $0.count == 0 })
            let time = APIServer.now * 1_000
            #expect(batch.histograms.allSatisfy { $0.time == time })
        }
    }

    @Test("with custom bounds are classic histograms in text, which has no other form")
    func text() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get(everything)
            let time = APIServer.now * 1_000
            #expect(
                answer.text == """
                    # TYPE custom histogram
                    custom_bucket{job="api",instance="",le="0.5"} 1 \(time)
                    custom_bucket{job="api",instance="",le="1"} 1 \(time)
                    custom_bucket{job="api",instance="",le="2"} 3 \(time)
                    custom_bucket{job="api",instance="",le="+Inf"} 4 \(time)
                    custom_sum{job="api",instance=""} 9 \(time)
                    custom_count{job="api",instance=""} 4 \(time)
                    # TYPE number untyped
                    number{instance=""} 1.5 \(time)

                    """, "\(answer.text)")
        }
    }

    @Test("forms of protobuf that are not served fall back to text")
    func otherForms() async throws {
        try await APIServer.run(filledBy: fill) { server in
            for accept in [
                Self.protobuf.replacing("delimited", with: "compact-text"),
                "application/vnd.google.protobuf",
            ] {
                let answer = try await server.get(everything, headers: ["accept": accept])
                #expect(answer["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            }
            let preferring = "text/plain;q=0.3,\(Self.protobuf);q=0.7"
            let answer = try await server.get(everything, headers: ["accept": preferring])
            #expect(answer["content-type"]?.hasPrefix("application/vnd.google.protobuf") == true)
        }
    }
}
