import QueryCore
import Store
import Telemetry

/// A form that many lines have, and how many there were over time.
package struct LinePatternCount: Sendable {
    /// Words with `<_>` for those that differ; fits as the line filter `|>`.
    package var pattern: String
    /// Lines by the beginning of their step: milliseconds, ascending.
    package var counts: [(time: Int64, count: Int)]
    package var total: Int
}

extension LogQLEngine {
    /// The forms of the lines of a log query, the most frequent first.
    /// - Parameter step: milliseconds that are counted together.
    package func patterns(
        _ query: LogQuery, start: Timestamp, end: Timestamp, step: Int64,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> [LinePatternCount] {
        var collector = PatternCollector(step: max(1, step))
        try LineScan(query, labels: [], context: context).run(
            on: store, in: TimeRange(start: start, end: end), direction: .oldestFirst,
            into: &collector)
        return collector.results
    }
}

/// Groups lines by their words, as the Drain algorithm does (He et al., ICWS 2017) with one level: lines
/// with the same number of words and the same first word join the first group that shares at least half
/// of the words.
struct PatternCollector: LineConsumer {
    private static let groupsMax = 1_000
    private static let wordsMax = 64
    private static let lineBytesMax = 2_048
    private static let blank = Array("<_>".utf8)

    private struct Group {
        var words: [[UInt8]]
        var counts: [Int64: Int] = [:]
        var total = 0
    }

    private struct Key: Hashable {
        var wordCount: Int
        var first: [UInt8]
    }

    private let step: Int64
    private var groups: [Group] = []
    private var byKey: [Key: [Int]] = [:]
    private var line: [UInt8] = []

    init(step: Int64) { self.step = step }

    func wants(_ time: Timestamp) -> Bool { true }

    func isComplete(whenRestIsBeyond bound: Timestamp) -> Bool { false }

    mutating func take(
        _ batch: borrowing LogBatch, row: Int, labels: inout LineLabels
    ) throws(QueryError) {
        if let made = labels.replacement {
            line = made
        } else {
            line.removeAll(keepingCapacity: true)
            LogLine.append(batch, row: row, to: &line)
        }
        let words = PatternCollector.words(of: line)
        guard !words.isEmpty else { return }
        guard let number = group(for: words) else { return }
        for place in words.indices where groups[number].words[place] != words[place] {
            groups[number].words[place] = PatternCollector.blank
        }
        let time = batch.times[row].milliseconds
        let bucket = time - ((time % step) + step) % step
        groups[number].counts[bucket, default: 0] += 1
        groups[number].total += 1
    }

    /// `nil` when there are too many groups for another.
    private mutating func group(for words: [[UInt8]]) -> Int? {
        let key = Key(wordCount: words.count, first: words[0])
        let candidates = byKey[key] ?? []
        for number in candidates {
            let equal = words.indices.count { groups[number].words[$0] == words[$0] }
            if equal * 2 >= words.count { return number }
        }
        guard groups.count < PatternCollector.groupsMax else { return candidates.first }
        byKey[key, default: []].append(groups.count)
        groups.append(Group(words: words))
        return groups.count - 1
    }

    /// Words between spaces; those with a digit may be anything.
    private static func words(of line: [UInt8]) -> [[UInt8]] {
        line.prefix(lineBytesMax).split(separator: UInt8(ascii: " "), maxSplits: wordsMax - 1)
            .map { word in word.contains(where: Lexer.isDigit) ? blank : Array(word) }
    }

    var results: [LinePatternCount] {
        groups.map { group in
            var text: [UInt8] = []
            for (place, word) in group.words.enumerated() {
                // Captures next to each other are one.
                if word == Self.blank, place > 0, group.words[place - 1] == Self.blank { continue }
                if place > 0 { text.append(UInt8(ascii: " ")) }
                text += word
            }
            return LinePatternCount(
                pattern: String(decoding: text, as: UTF8.self),
                counts: group.counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
                total: group.total)
        }.sorted { $0.total == $1.total ? $0.pattern < $1.pattern : $0.total > $1.total }
    }
}
