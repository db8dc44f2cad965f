import PromQL
import QueryCore
import Store
import Synchronization
import Telemetry
import Testing

/// A store filled from a compact notation, and queries on it.
///
/// A line holds a selector-like name and values one `interval` apart, from `start`: numbers, `_` for
/// no sample, `stale`, and `a+bxn` for `a` and `n` more values each `b` higher.
struct TestStore {
    let store = MemoryStore { pattern, value throws(StoreError) in
        do {
            return try Regex(pattern).wholeMatch(in: value) != nil
        } catch {
            throw .invalidPattern(pattern: pattern, reason: "\(error)")
        }
    }
    /// Milliseconds.
    var interval: Int64 = 60_000
    var start: Int64 = 0
    var options = PromQLOptions()

    init(interval: Int64 = 60_000, start: Int64 = 0, _ lines: String = "") {
        self.interval = interval
        self.start = start
        load(lines)
    }

    func load(_ lines: String) {
        for line in lines.split(separator: "\n") where !line.allSatisfy(\.isWhitespace) {
            let text = line.drop { $0 == " " }
            let nameEnd =
                text.firstIndex(of: "}").map { text.index(after: $0) }
                ?? text.firstIndex(of: " ") ?? text.endIndex
            load(Labels(notation: String(text[..<nameEnd])), text[nameEnd...])
        }
    }

    private func load(_ labels: Labels, _ values: Substring) {
        var time = start
        var batch = MetricBatch()
        let series = batch.append(labels)
        for word in values.split(separator: " ") {
            for value in Self.values(String(word)) {
                if let value { batch.append(series: series, time: time, value: value) }
                time += interval
            }
        }
        add(batch)
    }

    func add(_ batch: MetricBatch) { store.append(metrics: batch, digest: nil) { _ in } }

    private static func values(_ word: String) -> [Double?] {
        if word == "_" { return [nil] }
        if word == "stale" { return [Sample.staleMarker] }
        guard let times = word.lastIndex(of: "x") else { return [Double(word)] }
        let count = Int(word[word.index(after: times)...]) ?? 0
        let head = word[..<times]
        if head == "_" { return [Double?](repeating: nil, count: count) }
        guard let sign = head.dropFirst().firstIndex(where: { $0 == "+" || $0 == "-" }) else {
            return [Double?](repeating: Double(head), count: count + 1)
        }
        let first = Double(head[..<sign]) ?? .nan
        let increment = Double(head[sign...]) ?? .nan
        return (0...count).map { first + Double($0) * increment }
    }

    /// The instant result as `{labels} value` lines in order; times in seconds.
    func instant(_ query: String, at seconds: Double = 0) throws -> [String] {
        let result = try PromQLEngine(store: store, options: options)
            .instant(query, at: Int64((seconds * 1_000).rounded()))
        return Self.lines(result.value)
    }

    /// The range result as `{labels} v v _ v` lines.
    func range(
        _ query: String, _ start: Double, _ end: Double, step: Double
    ) throws -> [String] {
        let result = try PromQLEngine(store: store, options: options).range(
            query, start: Int64(start * 1_000), end: Int64(end * 1_000), step: Int64(step * 1_000))
        return Self.lines(result.value)
    }

    static func lines(_ value: QueryValue) -> [String] {
        switch value {
        case .scalar(_, let value): [text(value)]
        case .string(_, let value): ["\"\(value)\""]
        case .vector(_, let elements):
            elements.map { "\($0.labels) \($0.histogram?.text ?? text($0.value))" }
        case .matrix(_, let series):
            series.map { series in
                let values = series.values.enumerated().map {
                    series.histogram($0)?.text ?? text($1)
                }
                return "\(series.labels) \(values.joined(separator: " "))"
            }
        case .samples(let series):
            series.map { series in
                let points = zip(series.times, series.values).map {
                    "\(text($1))@\(text(Double($0) / 1_000))"
                }
                let histograms = series.histograms.map {
                    "\($0.value.text)@\(text(Double($0.time) / 1_000))"
                }
                return "\(series.labels) \((points + histograms).joined(separator: " "))"
            }
        }
    }

    static func text(_ value: Double) -> String {
        StepValue.isPresent(value) ? NumberFormat.decimal(value) : "_"
    }
}

extension Labels {
    /// From `name{a="b",c="d"}` without commas or quotes in values.
    init(notation: String) {
        var pairs: [(name: String, value: String)] = []
        let parts = notation.split(separator: "{", maxSplits: 1, omittingEmptySubsequences: false)
        if let name = parts.first, !name.isEmpty {
            pairs.append((Labels.metricName, String(name)))
        }
        if parts.count > 1 {
            for pair in parts[1].dropLast().split(separator: ",") {
                let sides = pair.split(separator: "=", maxSplits: 1)
                let value = sides.count > 1 ? sides[1].filter { $0 != "\"" } : ""
                pairs.append((String(sides[0].filter { $0 != " " }), String(value)))
            }
        }
        self.init(pairs)
    }
}

/// The error that `body` throws.
func failure(_ body: () throws -> Void) -> QueryError? {
    do {
        try body()
        return nil
    } catch {
        return error as? QueryError
    }
}
