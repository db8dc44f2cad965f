import Glibc
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
    private(set) var symbols = StringTable(capacity: 256)
    private(set) var ids: [SeriesID] = []
    /// (name, value) symbols.
    private(set) var distinct = PairNumbers()
    /// Pairs of all series by number, one after the other, in canonical order of the names.
    private(set) var pairs: [UInt32] = []
    private(set) var pairEnds: [UInt32] = []
    /// Canonical labels of the series added last: the next one mostly has the same but for a few.
    private var lastLabels: [UInt8] = []

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
        let last = pairEnds.isEmpty ? 0..<0 : SpanBatch.run(pairEnds, count - 1)
        var previous: [UInt8] = []
        swap(&previous, &lastLabels)
        previous.withUnsafeBytes { append(labels, sharing: $0, last) }
        swap(&previous, &lastLabels)
        lastLabels.removeAll(keepingCapacity: true)
        lastLabels.append(contentsOf: labels)
        ids.append(id)
        pairEnds.append(UInt32(pairs.count))
    }

    /// Numbers the pairs of a series; those that the series before has in the same place are known.
    private mutating func append(
        _ labels: UnsafeRawBufferPointer, sharing previous: UnsafeRawBufferPointer,
        _ previousPairs: Range<Int>
    ) {
        var cursor = LabelCursor(labels)
        var known = LabelCursor(previous)
        var next = previousPairs.lowerBound
        var candidate = previousPairs.isEmpty ? nil : known.next()
        while let pair = cursor.next() {
            while let other = candidate, Self.precedes(other.name, pair.name) {
                candidate = known.next()
                next += 1
            }
            if let other = candidate, Self.areEqual(other.encoded, pair.encoded) {
                pairs.append(pairs[next])
            } else {
                let name = symbols.intern(bytes: pair.name)
                let value = symbols.intern(bytes: pair.value)
                pairs.append(distinct.number(of: UInt64(name) << 32 | UInt64(value)))
            }
        }
    }

    private static func areEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count, let left = a.baseAddress, let right = b.baseAddress else {
            return a.count == b.count
        }
        return memcmp(left, right, a.count) == 0
    }

    /// Bytewise, as canonical labels are ordered.
    private static func precedes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard let left = a.baseAddress, let right = b.baseAddress else { return a.count < b.count }
        let order = memcmp(left, right, min(a.count, b.count))
        return order != 0 ? order < 0 : a.count < b.count
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

extension StringTable {
    /// Appends a label pair in the form of canonical label bytes.
    func append(_ pair: UInt64, to bytes: inout [UInt8]) {
        for symbol in [pair >> 32, pair] {
            withBytes(of: StringID(truncatingIfNeeded: symbol)) { content in
                Varint.append(UInt64(content.count), to: &bytes)
                bytes.append(contentsOf: content)
            }
        }
    }
}
