import Store
import Telemetry

/// Series by id and by label: the labels of each, and for every label pair the series that have it.
///
/// Series are numbered from 0 in order of arrival, so postings are ascending by themselves. Label names
/// and values are interned: a series costs about 8 bytes a label here and 4 in a posting.
struct SeriesIndex: Sendable {
    private(set) var symbols = StringTable(capacity: 1_024)
    /// (name, value) symbols of all series, one after the other, in canonical order of the names.
    private var pairs: [UInt64] = []
    private var pairEnds: [UInt32] = []
    private(set) var ids: [SeriesID] = []
    private var slots = [UInt32](repeating: 0, count: 1_024)
    private var postings: [UInt64: [UInt32]] = [:]
    /// Values seen under a name, in order of arrival.
    private var values: [StringID: [StringID]] = [:]

    var count: Int { ids.count }

    /// The number of a series, if it is known.
    @inline(__always)
    func find(_ id: SeriesID) -> UInt32? {
        var slot = Int(truncatingIfNeeded: id.hash.low) & (slots.count - 1)
        while true {
            let entry = slots[slot]
            if entry == 0 { return nil }
            if ids[Int(entry - 1)] == id { return entry - 1 }
            slot = (slot + 1) & (slots.count - 1)
        }
    }

    /// Adds a series that is not known yet.
    /// - Parameter labels: canonical label bytes.
    mutating func add(_ id: SeriesID, labels: UnsafeRawBufferPointer) -> UInt32 {
        let number = UInt32(ids.count)
        ids.append(id)
        if ids.count * 2 > slots.count { grow() } else { place(number, id) }
        var cursor = LabelCursor(labels)
        while let pair = cursor.next() {
            let name = symbols.intern(bytes: pair.name)
            let value = symbols.intern(bytes: pair.value)
            let key = UInt64(name) << 32 | UInt64(value)
            pairs.append(key)
            if postings[key] == nil { values[name, default: []].append(value) }
            postings[key, default: []].append(number)
        }
        pairEnds.append(UInt32(pairs.count))
        return number
    }

    private mutating func place(_ number: UInt32, _ id: SeriesID) {
        var slot = Int(truncatingIfNeeded: id.hash.low) & (slots.count - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = number + 1
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 4)
        for (number, id) in ids.enumerated() { place(UInt32(number), id) }
    }

    /// The canonical label bytes of a series.
    func labels(_ number: UInt32) -> Labels {
        var bytes: [UInt8] = []
        for index in SpanBatch.run(pairEnds, Int(number)) {
            append(StringID(truncatingIfNeeded: pairs[index] >> 32), to: &bytes)
            append(StringID(truncatingIfNeeded: pairs[index]), to: &bytes)
        }
        return Labels(canonicalBytes: bytes)
    }

    private func append(_ symbol: StringID, to bytes: inout [UInt8]) {
        symbols.withBytes(of: symbol) { content in
            Varint.append(UInt64(content.count), to: &bytes)
            bytes.append(contentsOf: content)
        }
    }

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
                    symbols.id(of: literal).flatMap { postings[UInt64(name) << 32 | UInt64($0)] }
                })
        }
        let accepted = values[name, default: []].filter { value in
            symbols.withBytes(of: value) { matcher.accepts($0) }
        }
        return Postings.union(accepted.compactMap { postings[UInt64(name) << 32 | UInt64($0)] })
    }

    /// Names of labels that any of `series` has.
    func collectNames(of series: [UInt32], into names: inout Set<String>) {
        var seen = Set<StringID>()
        if series.count == count {
            seen = Set(values.keys)
        } else {
            for number in series {
                for index in SpanBatch.run(pairEnds, Int(number)) {
                    seen.insert(StringID(truncatingIfNeeded: pairs[index] >> 32))
                }
            }
        }
        for name in seen { names.insert(symbols[name]) }
    }

    /// Values of label `name` that any of `series` has.
    func collectValues(of name: String, in series: [UInt32], into found: inout Set<String>) {
        guard let id = symbols.id(of: name) else { return }
        var seen = Set<StringID>()
        if series.count == count {
            seen = Set(values[id, default: []])
        } else {
            for number in series {
                for index in SpanBatch.run(pairEnds, Int(number))
                where StringID(truncatingIfNeeded: pairs[index] >> 32) == id {
                    seen.insert(StringID(truncatingIfNeeded: pairs[index]))
                }
            }
        }
        for value in seen { found.insert(symbols[value]) }
    }
}

/// Set operations on ascending lists of series numbers.
enum Postings {
    static func intersect(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(min(a.count, b.count))
        var i = 0
        var j = 0
        while i < a.count, j < b.count {
            if a[i] < b[j] {
                i += 1
            } else if a[i] > b[j] {
                j += 1
            } else {
                result.append(a[i])
                i += 1
                j += 1
            }
        }
        return result
    }

    static func subtract(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        if b.isEmpty { return a }
        var result: [UInt32] = []
        result.reserveCapacity(a.count)
        var j = 0
        for value in a {
            while j < b.count, b[j] < value { j += 1 }
            if j == b.count || b[j] != value { result.append(value) }
        }
        return result
    }

    static func union(_ lists: [[UInt32]]) -> [UInt32] {
        if lists.count < 2 { return lists.first ?? [] }
        var all = lists.flatMap(\.self)
        all.sort()
        var result: [UInt32] = []
        result.reserveCapacity(all.count)
        for value in all where result.last != value { result.append(value) }
        return result
    }
}
