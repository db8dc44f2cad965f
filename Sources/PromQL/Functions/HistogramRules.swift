import QueryCore
import Telemetry

/// What functions over range vectors make of windows with histograms, with the annotations of
/// Prometheus.
struct HistogramRules: Sendable {
    let notes: QueryNotes
    /// Of the argument that yields the range vector.
    let range: SourceRange

    /// Functions of numbers only.
    var ignoring: HistogramRule {
        { window, plain in
            guard window.hasNumbers else { return .absent }
            notes.inform(
                "ignored histograms in a range containing both floats and histograms for metric name "
                    + QuotedText.quote(window.metricName), at: range)
            return .number(plain())
        }
    }

    /// `count_over_time`.
    var counting: HistogramRule {
        { window, _ in .number(Double(window.numberRange.count + window.histograms.count)) }
    }

    /// `present_over_time`.
    var presence: HistogramRule { { _, _ in .number(1) } }

    /// `first_over_time` and `last_over_time`.
    func edge(isLast: Bool) -> HistogramRule {
        { window, plain in
            guard let point = isLast ? window.histograms.last : window.histograms.first else {
                return .absent
            }
            guard window.hasNumbers else { return .histogram(point.value) }
            let number =
                window.numbers.times[
                    isLast ? window.numberRange.upperBound - 1 : window.numberRange.lowerBound]
            let isNumber = isLast ? number > point.time : number < point.time
            return isNumber ? .number(plain()) : .histogram(point.value)
        }
    }

    /// `sum_over_time` and `avg_over_time`.
    func sum(isMean: Bool) -> HistogramRule {
        { window, _ in
            guard !window.hasNumbers, let first = window.histograms.first else {
                return mixed(window)
            }
            var sum = HistogramSum(first.value)
            do throws(IncompatibleHistograms) {
                for point in window.histograms.dropFirst() where try sum.add(point.value) {
                    noteBounds("aggregation")
                }
            } catch {
                return incompatible(window)
            }
            if sum.resetsCollide {
                notes.warn(
                    "conflicting counter resets during histogram aggregation", at: range)
            }
            return .histogram(isMean ? sum.mean : sum.value)
        }
    }

    /// `resets` and `changes`: numbers and histograms in the order of time; a change of kind counts.
    func transitions(countsResetsOnly: Bool) -> HistogramRule {
        { window, _ in
            var count = 0
            var number = window.numberRange.lowerBound
            var previousNumber: Double?
            var previous: HistogramValue?
            for point in window.histograms {
                while number < window.numberRange.upperBound,
                    window.numbers.times[number] < point.time
                {
                    let value = window.numbers.values[number]
                    if previous != nil {
                        count += 1
                    } else if let old = previousNumber {
                        count += Self.differs(value, old, countsResetsOnly) ? 1 : 0
                    }
                    (previous, previousNumber) = (nil, value)
                    number += 1
                }
                if let previous {
                    let differs =
                        countsResetsOnly
                        ? point.value.isReset(since: previous) : !point.value.isSame(as: previous)
                    count += differs ? 1 : 0
                } else if previousNumber != nil {
                    count += 1
                }
                (previous, previousNumber) = (point.value, nil)
            }
            while number < window.numberRange.upperBound {
                let value = window.numbers.values[number]
                if let old = previousNumber {
                    count += Self.differs(value, old, countsResetsOnly) ? 1 : 0
                } else {
                    count += 1
                }
                previousNumber = value
                number += 1
            }
            return .number(Double(count))
        }
    }

    private static func differs(_ new: Double, _ old: Double, _ resetsOnly: Bool) -> Bool {
        resetsOnly ? new < old : new != old && !(new.isNaN && old.isNaN)
    }

    // MARK: Annotations

    func mixed(_ window: MixedWindow) -> MixedValue {
        noteMix(window.labels)
        return .absent
    }

    func incompatible(_ window: MixedWindow) -> MixedValue {
        noteIncompatible(window.labels)
        return .absent
    }

    func noteMix(_ labels: Labels) {
        notes.warn(
            "encountered a mix of histograms and floats for metric name "
                + QuotedText.quote(labels[Labels.metricName] ?? ""), at: range)
    }

    func noteIncompatible(_ labels: Labels) {
        notes.warn(
            "vector contains a mix of histograms with exponential and custom buckets schemas for "
                + "metric name \(QuotedText.quote(labels[Labels.metricName] ?? ""))", at: range)
    }

    func noteBounds(_ operation: String) {
        notes.inform("mismatched custom buckets were reconciled during \(operation)", at: range)
    }

    func noteKind(_ window: MixedWindow, isCounter: Bool) {
        notes.warn(
            "this native histogram metric is not a \(isCounter ? "counter" : "gauge"): "
                + QuotedText.quote(window.metricName), at: range)
    }
}
