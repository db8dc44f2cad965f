import Pipeline
import Telemetry
import Testing

@Suite struct PipelineTests {
    private static let day: Int64 = 86_400_000_000_000
    private let pipeline = Pipeline(limits: IngestLimits(retention: .seconds(86_400)))

    @Test(
        "times are accepted from the retention horizon to ten minutes ahead, both included",
        arguments: [
            (Int64(0), true), (600_000_000_000, true), (600_000_000_001, false), (-Self.day, true),
            (-Self.day - 1_001, false), (.max, false), (.min, false),
        ])
    func times(offset: Int64, isKept: Bool) {
        let time = TestBed.now.advanced(byNanoseconds: offset)
        let spans = pipeline.run(Samples.spans(2, start: time), at: TestBed.now)
        #expect(spans.batch.count == (isKept ? 2 : 0))
        #expect(spans.tally.count == (isKept ? 0 : 2))
        #expect(
            spans.tally.refusals.first?.reason
                == (isKept ? nil : offset > 0 ? .tooFarInFuture : .beforeRetention))
    }

    @Test("a span that began before the horizon and ended after it is kept")
    func longSpan() {
        var batch = Samples.spans(1, start: TestBed.now.advanced(byNanoseconds: -2 * Self.day))
        batch.durations[0] = Self.day
        #expect(pipeline.run(batch, at: TestBed.now).batch.count == 1)
    }

    @Test("what is kept is unchanged and in order")
    func order() {
        var batch = Samples.spans(100)
        for row in stride(from: 0, to: 100, by: 3) { batch.starts[row] = .zero }
        let piped = pipeline.run(batch, at: TestBed.now)
        let expected = (0..<100).filter { $0 % 3 != 0 }
        #expect(piped.batch.count == expected.count)
        for (row, original) in expected.enumerated() {
            #expect(piped.batch.span(at: row) == batch.span(at: original))
        }
    }

    @Test("without a retention nothing is too old")
    func noRetention() {
        let piped = Pipeline(limits: IngestLimits())
            .run(Samples.logs(1, time: Timestamp(seconds: 1)), at: TestBed.now)
        #expect(piped.batch.count == 1)
    }

    @Test("only items that carry a text over the limit are refused, wherever it stands")
    func longTexts() {
        var limits = IngestLimits()
        limits.textBytesMax = 100
        let long = String(repeating: "x", count: 101)
        var batch = Samples.spans(6)
        var spans = (0..<6).map { batch.span(at: $0) }
        spans[0].name = long
        spans[1].attributes.append(Attribute("k", .string(long)))
        spans[2].events = [SpanEvent(time: TestBed.now, name: long)]
        spans[3].attributes.append(Attribute(long, .int(1)))
        spans[4].attributes.append(
            Attribute("k", .string(String(repeating: "y", count: 100))))
        batch = SpanBatch()
        let resource = batch.append(Resource(attributes: []))
        let heavy = batch.append(Resource(attributes: [Attribute("r", .string(long))]))
        let scope = batch.append(Scope())
        for (index, span) in spans.enumerated() {
            batch.append(span, resource: index == 5 ? heavy : resource, scope: scope)
        }
        let piped = Pipeline(limits: limits).run(batch, at: TestBed.now)
        #expect(piped.batch.spanIDs == [SpanID(2), SpanID(5)])
        #expect(piped.tally.refusals.map(\.reason) == [.textTooLong])
        #expect(piped.tally.count == 4)
    }

    @Test("values of attributes that are too long are cut between characters, and the span says so")
    func cutValues() {
        var limits = IngestLimits()
        limits.textBytesMax = 30
        let digits = String(repeating: "1", count: 29)
        var span = SpanRecord(
            traceID: TraceID(high: 1, low: 1), spanID: SpanID(1), name: "n", start: TestBed.now,
            duration: 1)
        span.attributes = [
            Attribute("a", .string(digits + "é1")), Attribute("b", .string(digits + "2")),
            Attribute("c", .string(digits + "é1")), Attribute("d", .int(1)),
        ]
        span.events = [
            SpanEvent(
                time: TestBed.now, name: "e", attributes: [Attribute("m", .string(digits + "23"))])
        ]
        var short = span
        short.spanID = SpanID(99)
        short.attributes = [Attribute("a", .string("é"))]
        short.events = []
        var batch = SpanBatch()
        let resource = batch.append(Resource(attributes: []))
        let scope = batch.append(Scope())
        for each in [span, short] { batch.append(each, resource: resource, scope: scope) }
        let piped = Pipeline(limits: limits).run(batch, at: TestBed.now)
        #expect(piped.tally.count == 0 && piped.tally.cutTexts == 3)
        guard piped.batch.count == 2 else { return }
        let cut = piped.batch.span(at: 0)
        #expect(
            cut.attributes == [
                Attribute("a", .string(digits)), Attribute("b", .string(digits + "2")),
                Attribute("c", .string(digits)), Attribute("d", .int(1)),
                Attribute(SpanBatch.cutAttributesKey, .string("m,a,c")),
            ])
        #expect(cut.events.map(\.attributes) == [[Attribute("m", .string(digits + "2"))]])
        #expect(piped.batch.span(at: 1) == short)
        #expect(piped.batch.strings.byteCount < 150)
    }

    @Test("series with too many or too long labels are refused with all their samples")
    func labels() {
        var limits = IngestLimits()
        limits.labelsMax = 3
        limits.labelValueBytesMax = 10
        var batch = MetricBatch()
        let good = batch.append(Labels(["__name__": "a", "b": "0123456789"]))
        let long = batch.append(Labels(["__name__": "a", "b": "0123456789x"]))
        let many = batch.append(Labels(["__name__": "a", "b": "1", "c": "1", "d": "1"]))
        for (series, value) in [(good, 1.0), (long, 2), (many, 3), (good, 4), (long, 5)] {
            batch.append(series: series, time: TestBed.now.milliseconds, value: value)
        }
        batch.exemplars = [
            Exemplar(series: many, time: TestBed.now.milliseconds, value: 1, labels: .empty),
            Exemplar(series: good, time: TestBed.now.milliseconds, value: 2, labels: .empty),
        ]
        let piped = Pipeline(limits: limits).run(batch, at: TestBed.now)
        #expect(piped.batch.sampleValues == [1, 4])
        #expect(piped.batch.seriesCount == 1)
        #expect(piped.batch.labels(0) == Labels(["__name__": "a", "b": "0123456789"]))
        #expect(piped.batch.exemplars.map(\.value) == [2])
        #expect(
            piped.tally.refusals.map { "\($0.count) \($0.reason.rawValue)" }
                == ["2 label_too_long", "1 too_many_labels"])
    }
}
