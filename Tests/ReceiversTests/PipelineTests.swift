import Pipeline
import Store
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
        var batch = Samples.spans(2, start: time)
        // Their ends have the same bound.
        batch.durations = [0, 0]
        let spans = pipeline.run(batch, at: TestBed.now)
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

    @Test("texts over the limit are cut at a character and named, wherever they stand")
    func longTexts() throws {
        var limits = IngestLimits()
        limits.textBytesMax = 100
        let long = String(repeating: "x", count: 99) + "é!"
        let cut = String(repeating: "x", count: 99)
        var record = Samples.spans(1).span(at: 0)
        record.name = long
        record.events = [SpanEvent(time: TestBed.now, name: long)]
        record.attributes = [
            Attribute("k", .string(long)),
            Attribute("b", .bytes([UInt8](repeating: 1, count: 101))),
            Attribute("list", .array([.string(long)])),
            Attribute("fits", .string(String(repeating: "y", count: 100))),
        ]
        var other = record
        other.name = "other"
        other.attributes = [Attribute("a", .int(1))]
        other.events = []
        other.spanID = SpanID(77)
        var batch = SpanBatch()
        let plain = batch.append(Resource(attributes: []))
        let heavy = batch.append(Resource(attributes: [Attribute("r", .string(long))]))
        let scope = batch.append(Scope())
        batch.append(record, resource: plain, scope: scope)
        batch.append(other, resource: heavy, scope: scope)
        let piped = Pipeline(limits: limits).run(batch, at: TestBed.now)
        #expect(piped.tally.refusals.isEmpty && piped.tally.cutTexts == 6)
        let first = piped.batch.span(at: 0)
        #expect(first.name == cut && first.events.map(\.name) == [cut])
        let values = Dictionary(uniqueKeysWithValues: first.attributes.map { ($0.key, $0.value) })
        #expect(values["k"] == .string(cut))
        #expect(values["b"] == .bytes([UInt8](repeating: 1, count: 100)))
        #expect(values["list"]?.text.utf8.count ?? 0 <= 100)
        #expect(values["fits"] == .string(String(repeating: "y", count: 100)))
        let note = try #require(values[SpanNote.truncated])
        #expect(note.text.contains("span name was cut from 102 bytes"))
        #expect(note.text.contains("k was cut from 102 bytes"))
        #expect(piped.batch.span(at: 1) == other)
        let resource = piped.batch.resource(at: piped.batch.resourceIndices[1])
        #expect(resource.attributes.first == Attribute("r", .string(cut)))
        #expect(resource.attributes.last?.key == SpanNote.truncated)
        // Nothing of what was cut away is stored.
        for id in 0..<piped.batch.strings.count {
            let text = piped.batch.strings[StringID(id)]
            #expect(!text.contains("é!"))
        }
    }

    @Test("a log record with a text over the limit is refused, its neighbours stay")
    func longRecords() {
        var limits = IngestLimits()
        limits.textBytesMax = 100
        var batch = Samples.logs(2)
        let long = batch.strings.intern(String(repeating: "x", count: 101))
        batch.bodyTypes[1] = .string
        batch.bodyPayloads[1] = UInt64(long)
        let piped = Pipeline(limits: limits).run(batch, at: TestBed.now)
        #expect(piped.batch.count == 1)
        #expect(piped.tally.refusals.map(\.reason) == [.textTooLong])
    }

    @Test("a span that ends in the future cannot have been measured")
    func absurdEnds() {
        var batch = Samples.spans(3)
        batch.durations[1] = .max
        batch.durations[2] = 86_400_000_000_000
        let piped = pipeline.run(batch, at: TestBed.now)
        #expect(piped.batch.count == 1)
        #expect(piped.tally.refusals.map(\.reason) == [.endTooFarInFuture])
        #expect(piped.tally.count == 2)
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
