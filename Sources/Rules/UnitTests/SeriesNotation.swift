import PromQL
import QueryCore
import Store
import Telemetry

/// Series in the notation of promtool's tests: values one interval apart, `_` for none, `stale`,
/// `a+bxn`, `a-bxn` and `axn` for runs, native histograms in `{{…}}`.
enum SeriesNotation {
    enum Value: Sendable, Equatable {
        case omitted
        case number(Double)
        case histogram(NativeHistogram)
    }

    struct Failure: Error {
        var reason: String
    }

    /// Far more than a test can want; a run of `x99999999999` must not exhaust memory.
    private static let countMax = 10_000_000

    /// A metric with its labels.
    static func metric(_ text: String) throws(Failure) -> Labels {
        let text = text.trimmedLines
        if text.isEmpty || text.filter({ !$0.isWhitespace }) == "{}" { return .empty }
        var isNamed = true
        var parsed: Expression
        do throws(QueryError) {
            parsed = try PromQLEngine.parse(text)
        } catch {
            guard text.hasPrefix("{") else { throw Failure(reason: error.message) }
            // Labels that select nothing by themselves, such as {a=""}, are a metric all the same.
            isNamed = false
            do throws(QueryError) {
                parsed = try PromQLEngine.parse("x" + text)
            } catch {
                throw Failure(reason: error.message)
            }
        }
        guard case .vectorSelector(let selector) = parsed, selector.shift == TimeShift(),
            selector.matchers.allSatisfy({ $0.operator == .equal })
        else { throw Failure(reason: "\"\(text)\" is no metric with labels") }
        let matchers = isNamed ? selector.allMatchers : selector.matchers
        return Labels(matchers.filter { !$0.value.isEmpty }.map { ($0.name, $0.value) })
    }

    static func values(_ text: String) throws(Failure) -> [Value] {
        var values: [Value] = []
        var scanner = SeriesScanner(text)
        while let run = try scanner.next() {
            guard values.count + run.count <= countMax else {
                throw Failure(reason: "there are more than \(countMax) values")
            }
            try append(run, to: &values)
        }
        return values
    }

    private static func append(
        _ run: SeriesScanner.Run, to values: inout [Value]
    ) throws(Failure) {
        switch (run.first, run.increment) {
        case (.omitted, _), (_, nil):
            values += [Value](repeating: run.first, count: run.count)
        case (.number(var value), .number(let increment)?):
            values.append(.number(value))
            for _ in 1..<max(1, run.count) {
                value += increment
                values.append(.number(value))
            }
        case (.histogram(var value), .histogram(let increment)?):
            values.append(.histogram(value))
            for _ in 1..<max(1, run.count) {
                value = try sum(value, increment)
                values.append(.histogram(value))
            }
        default: throw Failure(reason: "numbers and histograms do not add up")
        }
    }

    private static func sum(
        _ a: NativeHistogram, _ b: NativeHistogram
    ) throws(Failure) -> NativeHistogram {
        guard a.schema == b.schema, a.zeroThreshold == b.zeroThreshold,
            a.customBounds == b.customBounds
        else {
            throw Failure(reason: "a histogram's increment must have its schema and bounds")
        }
        var (left, right) = (HistogramValue(a), HistogramValue(b))
        left.count += right.count
        left.sum += right.sum
        left.zeroCount += right.zeroCount
        left.positive = sum(left.positive, right.positive)
        left.negative = sum(left.negative, right.negative)
        right.compact()
        left.compact()
        return left.native
    }

    private static func sum(_ a: HistogramBuckets, _ b: HistogramBuckets) -> HistogramBuckets {
        var counts: [Int32: Double] = [:]
        for (index, count) in zip(a.indices, a.counts) { counts[index, default: 0] += count }
        for (index, count) in zip(b.indices, b.counts) { counts[index, default: 0] += count }
        var buckets = HistogramBuckets()
        for (index, count) in counts.sorted(by: { $0.key < $1.key }) {
            buckets.append(index, count)
        }
        return buckets
    }

    /// A histogram in the notation, without buckets that are empty at either end.
    static func text(_ stored: NativeHistogram) -> String {
        var value = HistogramValue(stored)
        value.compact()
        var parts: [String] = []
        if value.schema != 0 { parts.append("schema:\(value.schema)") }
        let numbers = [
            ("count", value.count), ("sum", value.sum), ("z_bucket", value.zeroCount),
            ("z_bucket_w", value.zeroThreshold),
        ]
        for (name, number) in numbers where number != 0 {
            parts.append("\(name):\(NumberFormat.general(number))")
        }
        if value.usesCustomBuckets { parts.append("custom_values:\(list(value.customBounds))") }
        switch value.resetHint {
        case .unknown: break
        case .reset: parts.append("counter_reset_hint:reset")
        case .notReset: parts.append("counter_reset_hint:not_reset")
        case .gauge: parts.append("counter_reset_hint:gauge")
        }
        for (prefix, buckets) in [("", value.positive), ("n_", value.negative)] {
            guard let first = buckets.indices.first, let last = buckets.indices.last else {
                continue
            }
            if first != 0 { parts.append("\(prefix)offset:\(first)") }
            var counts = [Double](repeating: 0, count: Int(last) - Int(first) + 1)
            for (index, count) in zip(buckets.indices, buckets.counts) {
                counts[Int(index) - Int(first)] = count
            }
            parts.append("\(prefix)buckets:\(list(counts))")
        }
        return "{{\(parts.joined(separator: " "))}}"
    }

    private static func list(_ numbers: [Double]) -> String {
        "[\(numbers.map { NumberFormat.general($0) }.joined(separator: " "))]"
    }
}
