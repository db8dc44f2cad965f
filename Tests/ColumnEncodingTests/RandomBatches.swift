import Telemetry

/// Batches that mix every type, emptiness, repetition and extreme.
struct RandomBatches {
    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private mutating func number(_ range: Range<Int>) -> Int {
        Int.random(in: range, using: &random)
    }

    private mutating func chance(_ oneIn: Int) -> Bool { number(0..<oneIn) == 0 }

    mutating func text() -> String {
        switch number(0..<9) {
        case 6: return uuid()
        case 7: return hexadecimal(number(0..<70))
        // One character off a form that is packed.
        case 8: return chance(2) ? uuid().uppercased() : hexadecimal(31) + "g"
        case 0: return ""
        case 1: return "GET"
        case 2: return "zażółć gęślą jaźń 🦆"
        case 3: return String(number(0..<1_000))
        case 4: return String(repeating: "x", count: number(0..<300))
        default: return "value-\(number(0..<20))"
        }
    }

    private mutating func hexadecimal(_ count: Int) -> String {
        String((0..<count).map { _ in Array("0123456789abcdef")[number(0..<16)] })
    }

    private mutating func uuid() -> String {
        [8, 4, 4, 4, 12].map { hexadecimal($0) }.joined(separator: chance(10) ? "_" : "-")
    }

    mutating func integer() -> Int64 {
        switch number(0..<5) {
        case 0: return .min
        case 1: return .max
        case 2: return 0
        default: return Int64.random(in: .min ... .max, using: &random) >> Int64(number(0..<64))
        }
    }

    mutating func double() -> Double {
        switch number(0..<8) {
        case 0: return .infinity
        case 1: return -0.0
        case 2: return Double(bitPattern: 0x7FF0_0000_0000_0002)
        case 3: return Double(bitPattern: 0xFFF8_1234_5678_9ABC)
        case 4: return .leastNonzeroMagnitude
        case 5: return Double(bitPattern: random.next())
        default: return Double(number(-1_000..<1_000)) / 100
        }
    }

    mutating func value(depth: Int = 0) -> AttributeValue {
        switch number(0..<(depth < 3 ? 10 : 7)) {
        case 0: return .empty
        case 1: return .bool(chance(2))
        case 2: return .int(integer())
        case 3: return .double(double())
        case 4:
            return .bytes(
                (0..<number(0..<20)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        case 7: return .array((0..<number(0..<4)).map { _ in value(depth: depth + 1) })
        case 8:
            return .map((0..<number(0..<4)).map { _ in Attribute(text(), value(depth: depth + 1)) })
        default: return .string(text())
        }
    }

    /// Up to `max` attributes; keys repeat.
    mutating func attributes(_ max: Int, keys: Int = 8) -> [Attribute] {
        (0..<number(0..<(max + 1))).map { _ in
            Attribute(chance(20) ? "" : "key.\(number(0..<keys))", value())
        }
    }

    mutating func spans(_ count: Int, keys: Int = 8) -> SpanBatch {
        var batch = SpanBatch()
        let resources = (0..<number(1..<4)).map { _ in
            batch.append(
                Resource(
                    attributes: attributes(4), droppedAttributeCount: UInt32(number(0..<3)),
                    schemaURL: text()))
        }
        let scopes = (0..<number(1..<4)).map { _ in
            batch.append(Scope(name: text(), version: text(), attributes: attributes(2)))
        }
        var known: [(trace: TraceID, span: SpanID)] = []
        for _ in 0..<count {
            var span = SpanRecord(
                traceID: chance(3) || known.isEmpty
                    ? TraceID(high: chance(4) ? 0 : random.next(), low: random.next())
                    : known[number(0..<known.count)].trace,
                spanID: chance(10) && !known.isEmpty
                    ? known[number(0..<known.count)].span : SpanID(random.next()),
                name: text(), start: Timestamp(nanoseconds: integer()),
                duration: max(0, integer()))
            if !known.isEmpty, chance(2) { span.parentID = known[number(0..<known.count)].span }
            if chance(6) { span.parentID = SpanID(random.next()) }
            if chance(12) { span.parentID = span.spanID }
            known.append((span.traceID, span.spanID))
            span.kind = SpanKind.allCases[number(0..<6)]
            span.status = SpanStatus.allCases[number(0..<3)]
            span.statusMessage = text()
            span.traceState = chance(2) ? text() : ""
            span.flags = chance(2) ? UInt32(truncatingIfNeeded: random.next()) : 1
            span.attributes = attributes(6, keys: keys)
            span.events = (0..<number(0..<3)).map { _ in
                SpanEvent(
                    time: Timestamp(nanoseconds: integer()), name: text(),
                    attributes: attributes(3, keys: keys),
                    droppedAttributeCount: UInt32(number(0..<2)))
            }
            span.links = (0..<number(0..<3)).map { _ in
                SpanLink(
                    traceID: TraceID(high: random.next(), low: random.next()),
                    spanID: SpanID(random.next()), traceState: text(), flags: UInt32(number(0..<9)),
                    attributes: attributes(3, keys: keys))
            }
            span.droppedAttributeCount = UInt32(number(0..<2))
            span.droppedEventCount = chance(9) ? .max : 0
            span.droppedLinkCount = UInt32(number(0..<2))
            batch.append(
                span, resource: resources[number(0..<resources.count)],
                scope: scopes[number(0..<scopes.count)])
        }
        return batch
    }

    mutating func logs(_ count: Int) -> LogBatch {
        var batch = LogBatch()
        let resource = batch.append(Resource(attributes: attributes(4)))
        let scope = batch.append(Scope(name: text()))
        for _ in 0..<count {
            var record = LogRecord(
                time: Timestamp(nanoseconds: integer()),
                observedTime: Timestamp(nanoseconds: integer()), body: value())
            record.severityNumber = UInt8(number(0..<25))
            record.severityText = text()
            record.eventName = text()
            if chance(2) {
                record.traceID = TraceID(high: random.next(), low: random.next())
                record.spanID = SpanID(random.next())
            }
            record.flags = UInt32(number(0..<2))
            record.attributes = attributes(5)
            record.droppedAttributeCount = UInt32(number(0..<2))
            batch.append(record, resource: resource, scope: scope)
        }
        return batch
    }

    mutating func metrics(series: Int, samples: Int) -> MetricBatch {
        var batch = MetricBatch()
        for index in 0..<series {
            _ = batch.append(
                Labels(["__name__": "m\(index % 3)", "pod": "p\(index)", "text": text()]))
        }
        guard series > 0 else { return batch }
        for _ in 0..<samples {
            batch.append(
                series: UInt32(number(0..<series)), time: integer(), value: double())
            if chance(5) {
                batch.exemplars.append(
                    Exemplar(
                        series: UInt32(number(0..<series)), time: integer(), value: double(),
                        labels: Labels(["trace_id": text()])))
            }
            if chance(5) { batch.histograms.append(histogram(series: UInt32(number(0..<series)))) }
        }
        batch.metadata = MetricType.allCases.map {
            MetricMetadata(family: text(), type: $0, help: text(), unit: text())
        }
        return batch
    }

    private mutating func histogram(series: UInt32) -> HistogramSample {
        var histogram = NativeHistogram(schema: Int32(number(-53..<9)))
        histogram.zeroThreshold = double()
        histogram.zeroCount = double()
        histogram.count = double()
        histogram.sum = double()
        for _ in 0..<number(0..<4) {
            histogram.positiveSpans.append(
                .init(offset: Int32(number(-99..<99)), length: UInt32(number(0..<9))))
            histogram.negativeSpans.append(
                .init(offset: .min, length: .max))
            histogram.positiveCounts.append(double())
            histogram.negativeCounts.append(double())
            histogram.customBounds.append(double())
        }
        histogram.resetHint = [.unknown, .reset, .notReset, .gauge][number(0..<4)]
        return HistogramSample(series: series, time: integer(), histogram: histogram)
    }
}
