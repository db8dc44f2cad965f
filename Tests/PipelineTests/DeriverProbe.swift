import Foundation
import Logging
import Pipeline
import Platform
import Store
import Synchronization
import Telemetry

/// A deriver with a clock and a place for its samples.
final class DeriverProbe {
    /// Keeps the last batch of samples.
    final class Sink: MetricStore {
        let batches = Mutex<[MetricBatch]>([])
        let isRefusing = Mutex(false)

        func append(
            metrics batch: MetricBatch, digest: ContentHash?,
            completion: @escaping AppendCompletion
        ) {
            if isRefusing.withLock({ $0 }) {
                return completion(.failure(.overloaded(retryAfterMilliseconds: 1)))
            }
            batches.withLock { $0.append(batch) }
            completion(.success(.stored))
        }

        func selectSeries(
            _ matchers: [LabelMatcher], in range: ClosedRange<Int64>
        ) throws(StoreError) -> any SeriesSelection {
            throw .writeFailed(path: "", reason: "nothing can be read here")
        }
        func labelNames(
            matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
        ) throws(StoreError) -> [String] { [] }
        func labelValues(
            of name: String, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
        ) throws(StoreError) -> [String] { [] }
        func metricMetadata() throws(StoreError) -> [MetricMetadata] { [] }
        func exemplars(
            matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
        ) throws(StoreError) -> [SeriesExemplars] { [] }
    }

    static let start = Timestamp(seconds: 1_795_255_200)

    let deriver: SpanDeriver
    let sink = Sink()
    let clock = ManualClock(wallNanoseconds: DeriverProbe.start.nanoseconds)
    let loop: DerivedMetricsLoop

    init(
        naming: SpanMetricNaming = .tempo, limits: DerivationLimits = DerivationLimits(),
        checkpoint: [UInt8]? = nil
    ) {
        deriver = SpanDeriver(naming: naming, limits: limits)
        if let checkpoint { precondition(deriver.restore(checkpoint)) }
        loop = DerivedMetricsLoop(
            deriver, metrics: sink, clock: clock,
            events: EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
            intervalNanoseconds: 1)
    }

    func add(_ batch: SpanBatch) {
        deriver.prepare(batch)(Timestamp(nanoseconds: clock.wallNanoseconds))
    }

    func advance(seconds: Int64) { clock.advance(byNanoseconds: seconds * 1_000_000_000) }

    /// Writes, and tells every series' last sample of that write.
    func series() -> [(labels: Labels, value: Double)] {
        loop.write()
        guard let batch = sink.batches.withLock({ $0.last }) else { return [] }
        var values: [UInt32: Double] = [:]
        for index in batch.sampleTimes.indices {
            values[batch.sampleSeries[index]] = batch.sampleValues[index]
        }
        return values.map { (batch.labels(Int($0.key)), $0.value) }
    }

    func values() -> [String: Double] {
        Dictionary(series().map { ($0.labels.description, $0.value) }) { $1 }
    }
}

/// Made-up spans, the same for the same seed.
struct Generator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }

    mutating func text(_ max: Int) -> String {
        String(repeating: "é", count: below(2)) + String(repeating: "x", count: below(max))
    }

    mutating func attributes() -> [Attribute] {
        (0..<below(6)).map { index in
            let value: AttributeValue =
                switch below(6) {
                case 0: .empty
                case 1: .bool(below(2) == 0)
                case 2: .int(Int64(bitPattern: next() >> UInt64(below(64))))
                case 3: .double(Double(below(1_000)) / 7)
                case 4: .bytes([UInt8](repeating: 0xFF, count: below(200)))
                default: .string(text(300))
                }
            return Attribute("key.\(index)", value)
        }
    }

    mutating func span() -> SpanRecord {
        var span = SpanRecord(
            traceID: TraceID(high: next(), low: next()), spanID: SpanID(next() | 1),
            name: text(40), start: DeriverProbe.start, duration: Int64(below(5_000_000_000)))
        if below(2) == 0 { span.parentID = SpanID(next() | 1) }
        span.kind = SpanKind.allCases[below(SpanKind.allCases.count)]
        span.status = SpanStatus.allCases[below(3)]
        span.statusMessage = below(3) == 0 ? text(20) : ""
        span.traceState = below(3) == 0 ? "ot=th:\(below(9))" : ""
        span.flags = UInt32(below(3)) << 7
        span.attributes = attributes()
        for _ in 0..<below(3) {
            span.events.append(
                SpanEvent(
                    time: DeriverProbe.start, name: text(9), attributes: attributes(),
                    droppedAttributeCount: UInt32(below(200))))
            span.links.append(
                SpanLink(
                    traceID: TraceID(high: next(), low: next()), spanID: SpanID(next() | 1),
                    traceState: text(4), flags: UInt32(below(2)), attributes: attributes()))
        }
        span.droppedAttributeCount = UInt32(below(2) * below(300))
        return span
    }
}
