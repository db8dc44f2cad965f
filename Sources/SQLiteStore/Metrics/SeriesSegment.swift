import Store
import Synchronization
import Telemetry

/// Numbers distinct label pairs (name and value symbols) from 0 in order of first appearance.
struct PairNumbers: Sendable {
    private(set) var keys: [UInt64] = []
    /// Open-addressed: number + 1, zero is free; at most half full.
    private var slots = [UInt32](repeating: 0, count: 1_024)

    mutating func number(of key: UInt64) -> UInt32 {
        var slot = place(key)
        while slots[slot] != 0 {
            let number = slots[slot] - 1
            if keys[Int(number)] == key { return number }
            slot = (slot + 1) & (slots.count - 1)
        }
        keys.append(key)
        slots[slot] = UInt32(keys.count)
        if keys.count * 2 > slots.count { grow() }
        return UInt32(keys.count - 1)
    }

    /// Multiplicative hashing: the upper bits are the well mixed ones.
    private func place(_ key: UInt64) -> Int {
        Int((key &* 0x9E37_79B9_7F4A_7C15) >> 32) & (slots.count - 1)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 4)
        for (number, key) in keys.enumerated() {
            var slot = place(key)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number) + 1
        }
    }
}

/// Series that are added to: labels as numbered pairs, no postings yet.
struct SegmentBuilder: Sendable {
    fileprivate var symbols = StringTable(capacity: 256)
    private(set) var ids: [SeriesID] = []
    /// (name, value) symbols.
    fileprivate var distinct = PairNumbers()
    /// Pairs of all series by number, one after the other, in canonical order of the names.
    fileprivate var pairs: [UInt32] = []
    fileprivate var pairEnds: [UInt32] = []

    var count: Int { ids.count }

    init() {}

    /// All series of some segments.
    init(_ segments: ArraySlice<SeriesSegment>) {
        ids.reserveCapacity(segments.reduce(0) { $0 + $1.count })
        pairEnds.reserveCapacity(ids.capacity)
        pairs.reserveCapacity(segments.reduce(0) { $0 + $1.pairs.count })
        for segment in segments { add(segment) }
    }

    mutating func add(_ id: SeriesID, labels: UnsafeRawBufferPointer) {
        ids.append(id)
        var cursor = LabelCursor(labels)
        while let pair = cursor.next() {
            let name = symbols.intern(bytes: pair.name)
            let value = symbols.intern(bytes: pair.value)
            pairs.append(distinct.number(of: UInt64(name) << 32 | UInt64(value)))
        }
        pairEnds.append(UInt32(pairs.count))
    }

    /// Adds all series of a segment. Each distinct pair is looked up once.
    private mutating func add(_ segment: SeriesSegment) {
        var numbers: [UInt32] = []
        numbers.reserveCapacity(segment.keys.count)
        for key in segment.keys {
            let name = segment.symbols.withBytes(of: StringID(truncatingIfNeeded: key >> 32)) {
                symbols.intern(bytes: $0)
            }
            let value = segment.symbols.withBytes(of: StringID(truncatingIfNeeded: key)) {
                symbols.intern(bytes: $0)
            }
            numbers.append(distinct.number(of: UInt64(name) << 32 | UInt64(value)))
        }
        let start = UInt32(pairs.count)
        ids += segment.ids
        segment.pairs.forEach { pairs.append(numbers[Int($0)]) }
        for end in segment.pairEnds { pairEnds.append(start + end) }
    }

    private func key(_ index: Int) -> UInt64 { distinct.keys[Int(pairs[index])] }

    func labelBytes(_ local: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in SpanBatch.run(pairEnds, local) { symbols.append(key(index), to: &bytes) }
        return bytes
    }

    /// The distinct pairs of these series, of all without looking at each.
    private func pairs(of series: [Int]) -> [UInt64] {
        if series.count == count { return distinct.keys }
        var found = Set<UInt64>()
        for local in series {
            for index in SpanBatch.run(pairEnds, local) { found.insert(key(index)) }
        }
        return Array(found)
    }

    func collectNames(of series: [Int], into names: inout Set<String>) {
        var seen = Set<StringID>()
        for pair in pairs(of: series) {
            let name = StringID(truncatingIfNeeded: pair >> 32)
            if seen.insert(name).inserted { names.insert(symbols[name]) }
        }
    }

    /// Values of a label, sorted.
    func values(of name: String, in series: [Int]) -> [String] {
        guard let id = symbols.id(of: name) else { return [] }
        return pairs(of: series).filter { StringID(truncatingIfNeeded: $0 >> 32) == id }
            .map { symbols[StringID(truncatingIfNeeded: $0)] }.sorted()
    }

    func accepts(_ local: Int, _ matchers: [PreparedMatcher]) -> Bool {
        matchers.allSatisfy { matcher in
            guard let name = symbols.id(of: matcher.name) else { return matcher.acceptsMissing }
            for index in SpanBatch.run(pairEnds, local)
            where StringID(truncatingIfNeeded: key(index) >> 32) == name {
                return symbols.withBytes(of: StringID(truncatingIfNeeded: key(index))) {
                    matcher.accepts($0)
                }
            }
            return matcher.acceptsMissing
        }
    }

    func frozen() -> SeriesSegment { SeriesSegment(self) }
}

/// Series that no longer change, with postings. A series costs about 4 bytes a label: the number of its
/// pair, and its place in the pair's posting, in two bytes each as long as they are below 65,536.
final class SeriesSegment: Sendable {
    let ids: [SeriesID]
    fileprivate let symbols: StringTable
    /// Distinct (name, value) symbols, ascending, and where the posting of each ends.
    fileprivate let keys: [UInt64]
    private let postingEnds: [UInt32]
    private let postings: CompactNumbers
    /// Per series, one after the other: indices into `keys`, in canonical order of the names.
    fileprivate let pairs: CompactNumbers
    fileprivate let pairEnds: [UInt32]
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

    /// The series that satisfy all matchers, ascending.
    func match(_ matchers: [PreparedMatcher]) -> [UInt32] {
        var result: [UInt32]?
        // Conditions that a missing label fails come first: they select from postings.
        for matcher in matchers where !matcher.acceptsMissing {
            let selected = select(matcher)
            result = result.map { Postings.intersect($0, selected) } ?? selected
            if result?.isEmpty == true { return [] }
        }
        for matcher in matchers where matcher.acceptsMissing {
            let refused = select(matcher.negated)
            result = Postings.subtract(result ?? Array(0..<UInt32(count)), refused)
        }
        return result ?? Array(0..<UInt32(count))
    }

    private func select(_ matcher: PreparedMatcher) -> [UInt32] {
        guard let name = symbols.id(of: matcher.name) else { return [] }
        if let literals = matcher.literals {
            return Postings.union(
                literals.compactMap { literal in
                    guard let value = symbols.id(of: literal) else { return nil }
                    let key = UInt64(name) << 32 | UInt64(value)
                    let index = lowerBound(key)
                    return index < keys.count && keys[index] == key ? posting(index) : nil
                })
        }
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

extension StringTable {
    /// Appends a label pair in the form of canonical label bytes.
    fileprivate func append(_ pair: UInt64, to bytes: inout [UInt8]) {
        for symbol in [pair >> 32, pair] {
            withBytes(of: StringID(truncatingIfNeeded: symbol)) { content in
                Varint.append(UInt64(content.count), to: &bytes)
                bytes.append(contentsOf: content)
            }
        }
    }
}
