import QueryCore
import Store
import Telemetry

/// Calls, errors and durations of the spans of some services over time, counted from the spans themselves.
///
/// Each value stands at the end of a step and is of the `window` before it, as a rate over a range is.
struct SpanRates: Sendable {
    struct Question: Sendable {
        var services: [String]
        /// Empty: all.
        var kinds: Set<SpanKind>
        var byOperation: Bool
        var end: Timestamp
        /// Nanoseconds before `end` for which values are computed.
        var lookback: Int64
        /// Nanoseconds.
        var step: Int64
        /// Nanoseconds, a multiple of `step`.
        var window: Int64
    }

    struct Group: Hashable, Sendable {
        var service: String
        /// "" where operations are not told apart.
        var operation: String
    }

    /// Durations in eight buckets for each power of two of nanoseconds: 6 % apart at most from what is
    /// counted in them.
    private static let bucketCount = 64 * 8

    private struct Slot: Hashable, Sendable {
        var group: Group
        var step: Int
        var bucket: Int
        var isError: Bool
    }

    let question: Question
    private(set) var steps: Int
    private var counts: [Group: [Slot: Double]] = [:]

    /// - Throws: what the store and `context` throw.
    init(
        _ question: Question, _ store: any SpanStore, context: QueryContext
    ) throws {
        self.question = question
        steps = Int((question.lookback + question.window) / question.step)
        let first = question.end.advanced(byNanoseconds: -Int64(steps) * question.step)
        let range = TimeRange(
            start: first.advanced(byNanoseconds: 1), end: question.end.advanced(byNanoseconds: 1))
        for service in question.services {
            var scan = SpanScan(
                SpanPredicate([.service(service)]), in: range,
                fields: [.times, .kinds, .statuses], attributeKeys: [])
            if question.byOperation { scan.fields.insert(.names) }
            var failure: QueryError?
            try store.scanSpans(scan) { found in
                Self.count(found, question, service, first)
            } visit: { found, _ in
                do throws(QueryError) { try context.check() } catch {
                    failure = error
                    return false
                }
                for (slot, count) in found {
                    counts[slot.group, default: [:]][slot, default: 0] += count
                }
                return true
            }
            if let failure { throw failure }
        }
    }

    private static func count(
        _ found: FoundSpans, _ question: Question, _ service: String, _ first: Timestamp
    ) -> [Slot: Double] {
        let spans = found.batch
        let adjusted = spans.adjustedCounts()
        var counts: [Slot: Double] = [:]
        var names: [StringID: String] = [:]
        for row in found.rows {
            guard question.kinds.isEmpty || question.kinds.contains(spans.kinds[row]) else {
                continue
            }
            var operation = ""
            if question.byOperation {
                let id = spans.names[row]
                operation = names[id] ?? spans.strings[id]
                names[id] = operation
            }
            let offset = spans.starts[row].nanoseconds(since: first) - 1
            counts[
                Slot(
                    group: Group(service: service, operation: operation),
                    step: Int(offset / question.step), bucket: bucket(spans.durations[row]),
                    isError: spans.statuses[row] == .error), default: 0] += adjusted?[row] ?? 1
        }
        return counts
    }

    private static func bucket(_ nanoseconds: Int64) -> Int {
        guard nanoseconds >= 8 else { return Int(max(0, nanoseconds)) }
        let exponent = 63 - nanoseconds.leadingZeroBitCount
        return exponent * 8 + Int(nanoseconds >> Int64(exponent - 3) & 7)
    }

    /// The middle of a bucket in nanoseconds.
    private static func middle(_ bucket: Int) -> Double {
        guard bucket >= 24 else { return Double(bucket) }
        let width = Int64(1) << Int64(bucket / 8 - 3)
        return Double((8 + Int64(bucket % 8)) * width) + Double(width) / 2
    }

    // MARK: Results

    var groups: [Group] {
        counts.keys.sorted { ($0.service, $0.operation) < ($1.service, $1.operation) }
    }

    /// The ends of the steps that have values.
    var times: [Timestamp] {
        let count = Int(question.lookback / question.step)
        return (0..<count).map {
            question.end.advanced(byNanoseconds: -Int64(count - 1 - $0) * question.step)
        }
    }

    /// Spans a second.
    func calls(_ group: Group) -> [Double?] {
        sliding(group) { all, _, _ in all / (Double(question.window) / 1e9) }
    }

    /// The share of spans that failed; `nil` where there are no spans.
    func errorShares(_ group: Group) -> [Double?] {
        sliding(group) { all, errors, _ in all == 0 ? nil : errors / all }
    }

    /// A quantile of durations in nanoseconds; `nil` where there are no spans.
    func durations(_ group: Group, quantile: Double) -> [Double?] {
        sliding(group) { all, _, buckets in
            guard all > 0 else { return nil }
            let wanted = max(1, (quantile * all).rounded(.up))
            var seen = 0.0
            for (bucket, count) in buckets.enumerated() where count > 0 {
                seen += count
                if seen >= wanted { return Self.middle(bucket) }
            }
            return nil
        }
    }

    /// One value a time of what the window before it holds.
    private func sliding(
        _ group: Group, _ value: (_ all: Double, _ errors: Double, _ buckets: [Double]) -> Double?
    ) -> [Double?] {
        var bySteps = [[(bucket: Int, isError: Bool, count: Double)]](
            repeating: [], count: steps)
        for (slot, count) in counts[group] ?? [:] where bySteps.indices.contains(slot.step) {
            bySteps[slot.step].append((slot.bucket, slot.isError, count))
        }
        let width = Int(question.window / question.step)
        var buckets = [Double](repeating: 0, count: Self.bucketCount)
        var (all, errors) = (0.0, 0.0)
        var values: [Double?] = []
        for step in 0..<steps {
            for entry in bySteps[step] {
                buckets[entry.bucket] += entry.count
                all += entry.count
                errors += entry.isError ? entry.count : 0
            }
            if step >= width {
                for entry in bySteps[step - width] {
                    buckets[entry.bucket] -= entry.count
                    all -= entry.count
                    errors -= entry.isError ? entry.count : 0
                }
            }
            if step >= steps - Int(question.lookback / question.step) {
                values.append(value(all, errors, buckets))
            }
        }
        return values
    }
}
