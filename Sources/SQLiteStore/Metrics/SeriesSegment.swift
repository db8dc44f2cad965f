import Store
import Synchronization
import Telemetry

/// Series that no longer change, with postings. A series costs about 4 bytes a label: the number of its
/// pair, and its place in the pair's posting, in two bytes each as long as they are below 65,536.
final class SeriesSegment: Sendable {
    let ids: [SeriesID]
    let symbols: StringTable
    /// Distinct (name, value) symbols, ascending, and where the posting of each ends.
    let keys: [UInt64]
    private let postingEnds: [UInt32]
    private let postings: CompactNumbers
    /// Per series, one after the other: indices into `keys`, in canonical order of the names.
    let pairs: CompactNumbers
    let pairEnds: [UInt32]
    /// By name: values of all series, sorted.
    private let kept = Mutex<[StringID: [String]]>([:])

    var count: Int { ids.count }

    init(_ builder: SegmentBuilder) {
        ids = builder.ids
        symbols = builder.symbols
        pairEnds = builder.pairEnds
        let found = builder.distinct.keys
        let order = found.indices.sorted { found[$0] < found[$1] }
        keys = order.map { found[$0] }
        var numbers = [UInt32](repeating: 0, count: found.count)
        for (number, place) in order.enumerated() { numbers[place] = UInt32(number) }
        let renumbered = builder.pairs.map { numbers[Int($0)] }
        let inverted = SeriesSegment.invert(renumbered, pairEnds, keyCount: keys.count)
        postings = CompactNumbers(inverted.postings, below: ids.count)
        postingEnds = inverted.ends
        pairs = CompactNumbers(renumbered, below: keys.count)
    }

    /// Lists, for every key, the series that have it, ascending.
    private static func invert(
        _ pairs: [UInt32], _ pairEnds: [UInt32], keyCount: Int
    ) -> (postings: [UInt32], ends: [UInt32]) {
        var next = [UInt32](repeating: 0, count: keyCount + 1)
        for pair in pairs { next[Int(pair) + 1] += 1 }
        for index in 1..<next.count { next[index] += next[index - 1] }
        var postings = [UInt32](repeating: 0, count: pairs.count)
        for series in pairEnds.indices {
            for index in SpanBatch.run(pairEnds, series) {
                let pair = Int(pairs[index])
                postings[Int(next[pair])] = UInt32(series)
                next[pair] += 1
            }
        }
        return (postings, Array(next.dropLast()))
    }

    func labelBytes(_ local: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in SpanBatch.run(pairEnds, local) {
            symbols.append(keys[Int(pairs[index])], to: &bytes)
        }
        return bytes
    }

    // MARK: Matching

    /// Up to this many series are looked at one by one rather than looked up in postings.
    private static let fewSeries = 32

    /// The series that satisfy all matchers, ascending.
    func match(_ matchers: [PreparedMatcher]) -> [UInt32] {
        // Conditions that a missing label fails come first: they select from postings, the rarest first.
        guard let literals = literalPostings(matchers) else { return [] }
        var result: [UInt32]?
        for (matcher, keys, size) in literals {
            if let known = result, known.count <= Self.fewSeries, size > Self.fewSeries {
                result = known.filter { accepts($0, matcher) }
            } else {
                let selected = Postings.union(keys.map(posting))
                result = result.map { Postings.intersect($0, selected) } ?? selected
            }
            if result?.isEmpty == true { return [] }
        }
        let others = matchers.filter { $0.acceptsMissing || $0.literals == nil }
        for matcher in others where !matcher.acceptsMissing {
            if let known = result, known.count <= Self.fewSeries {
                result = known.filter { accepts($0, matcher) }
            } else {
                let selected = select(matcher)
                result = result.map { Postings.intersect($0, selected) } ?? selected
            }
            if result?.isEmpty == true { return [] }
        }
        for matcher in others where matcher.acceptsMissing {
            if let known = result, known.count <= Self.fewSeries {
                result = known.filter { accepts($0, matcher) }
            } else {
                let refused = select(matcher.negated)
                result = Postings.subtract(result ?? Array(0..<UInt32(count)), refused)
            }
        }
        return result ?? Array(0..<UInt32(count))
    }

    /// Matchers for values that can be told, the one with the fewest series first; `nil` if one of them has
    /// none here.
    private func literalPostings(
        _ matchers: [PreparedMatcher]
    ) -> [(matcher: PreparedMatcher, keys: [Int], size: Int)]? {
        var found: [(matcher: PreparedMatcher, keys: [Int], size: Int)] = []
        for matcher in matchers where !matcher.acceptsMissing {
            guard let literals = matcher.literals else { continue }
            let keys = keys(of: matcher.name, literals)
            if keys.isEmpty { return nil }
            found.append(
                (matcher, keys, keys.reduce(0) { $0 + SpanBatch.run(postingEnds, $1).count }))
        }
        if found.count > 1 { found.sort { $0.size < $1.size } }
        return found
    }

    /// The pairs that a name has with any of some values.
    private func keys(of name: String, _ values: [String]) -> [Int] {
        guard let name = symbols.id(of: name) else { return [] }
        return values.compactMap { value in
            guard let value = symbols.id(of: value) else { return nil }
            let key = UInt64(name) << 32 | UInt64(value)
            let index = lowerBound(key)
            return index < keys.count && keys[index] == key ? index : nil
        }
    }

    private func accepts(_ series: UInt32, _ matcher: PreparedMatcher) -> Bool {
        guard let name = symbols.id(of: matcher.name) else { return matcher.acceptsMissing }
        for index in SpanBatch.run(pairEnds, Int(series)) {
            let key = keys[Int(pairs[index])]
            if StringID(truncatingIfNeeded: key >> 32) == name {
                return symbols.withBytes(of: StringID(truncatingIfNeeded: key)) {
                    matcher.accepts($0)
                }
            }
        }
        return matcher.acceptsMissing
    }

    private func select(_ matcher: PreparedMatcher) -> [UInt32] {
        if let literals = matcher.literals {
            return Postings.union(keys(of: matcher.name, literals).map(posting))
        }
        guard let name = symbols.id(of: matcher.name) else { return [] }
        let accepted = keyRange(of: name).filter { index in
            symbols.withBytes(of: StringID(truncatingIfNeeded: keys[index])) {
                matcher.accepts($0)
            }
        }
        return Postings.union(accepted.map(posting))
    }

    private func posting(_ key: Int) -> [UInt32] {
        postings.array(SpanBatch.run(postingEnds, key))
    }

    private func keyRange(of name: StringID) -> Range<Int> {
        lowerBound(UInt64(name) << 32)..<lowerBound((UInt64(name) + 1) << 32)
    }

    private func lowerBound(_ key: UInt64) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Names and values

    /// - Parameter series: none stands for all.
    func collectNames(of series: [UInt32], into names: inout Set<String>) {
        var seen = Set<StringID>()
        if series.isEmpty {
            var index = 0
            while index < keys.count {
                let name = StringID(truncatingIfNeeded: keys[index] >> 32)
                names.insert(symbols[name])
                index = keyRange(of: name).upperBound
            }
            return
        }
        for number in series {
            for index in SpanBatch.run(pairEnds, Int(number)) {
                seen.insert(StringID(truncatingIfNeeded: keys[Int(pairs[index])] >> 32))
            }
        }
        for name in seen { names.insert(symbols[name]) }
    }

    /// Values of all series that were asked for are kept, up to this many: lists of labels are asked for
    /// again and again.
    private static let keptMax = 65_536

    /// Values of a label, sorted.
    /// - Parameter series: none stands for all.
    func values(of name: String, in series: [UInt32]) -> [String] {
        guard let id = symbols.id(of: name) else { return [] }
        let range = keyRange(of: id)
        if series.isEmpty {
            if let known = kept.withLock({ $0[id] }) { return known }
            let values = texts(range)
            kept.withLock { kept in
                let count = kept.values.reduce(0) { $0 + $1.count }
                if count + values.count <= Self.keptMax { kept[id] = values }
            }
            return values
        }
        var isSeen = [Bool](repeating: false, count: range.count)
        for number in series {
            for index in SpanBatch.run(pairEnds, Int(number))
            where range.contains(Int(pairs[index])) {
                isSeen[Int(pairs[index]) - range.lowerBound] = true
            }
        }
        return texts(range.lazy.filter { isSeen[$0 - range.lowerBound] })
    }

    private func texts(_ indices: some Sequence<Int>) -> [String] {
        indices.map { symbols[StringID(truncatingIfNeeded: keys[$0])] }.sorted()
    }
}

/// Sorted lists of texts that become one, each text once.
struct SortedTexts {
    private var lists: [[String]] = []

    mutating func add(_ list: [String]) {
        // Segments and days mostly say the same.
        if !list.isEmpty, lists.last != list { lists.append(list) }
    }

    var union: [String] {
        if lists.count < 2 { return lists.first ?? [] }
        var union: [String] = []
        for text in lists.joined().sorted() where union.last != text { union.append(text) }
        return union
    }
}
