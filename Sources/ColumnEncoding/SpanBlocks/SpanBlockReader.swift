import Telemetry

/// One encoded batch of spans, read column by column: what a search does not ask for stays encoded, and
/// what it asks for twice is decoded once.
///
/// It keeps a copy of the bytes, so that it can go on with another query.
///
/// Sendable without a check: whoever has a reader has it alone, for a cache hands each out to one at a
/// time.
package final class SpanBlockReader: @unchecked Sendable {
    typealias Column = SpanBatchCodec.Column

    /// A column of strings as codes into the few distinct ones.
    struct Coded {
        var dictionary: [StringID]
        var codes: [UInt32]
    }

    /// The groups of strings, each needing those before it.
    enum StringLevel: Int, Comparable {
        case none, core, attributes, rest

        static func < (a: StringLevel, b: StringLevel) -> Bool { a.rawValue < b.rawValue }
    }

    private let bytes: UnsafeMutableRawBufferPointer
    let container: ColumnContainerReader
    private(set) var strings = LazyStrings()
    private var level = StringLevel.none

    private var tracesRead: (distinct: [TraceID], ofRow: [UInt32])?
    private var startsRead: [Timestamp]?
    private var durationsRead: [Int64]?
    private var namesRead: Coded?
    private var sharedRead: SharedColumns?
    private var resourceIndicesRead: [UInt32]?
    private var setsRead: [UInt32: AttributeSetReader] = [:]

    /// - Parameter isVerified: whether the checksum of these bytes has been found right before.
    package init(
        copying source: UnsafeRawBufferPointer, isVerified: Bool = false
    ) throws(ColumnDecodeError) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 16)
        copy.copyMemory(from: source)
        do throws(ColumnDecodeError) {
            container = try ColumnContainerReader(
                UnsafeRawBufferPointer(copy), expecting: .spans, isVerified: isVerified)
        } catch {
            copy.deallocate()
            throw error
        }
        bytes = copy
    }

    deinit { bytes.deallocate() }

    package var rows: Int { container.rows }

    /// Bytes of memory, roughly: the encoded ones, the strings and the columns decoded so far.
    package var memoryBytes: Int {
        var count = bytes.count + strings.memoryBytes + 1_024
        if let tracesRead { count += 16 * tracesRead.distinct.count + 4 * rows }
        if startsRead != nil { count += 8 * rows }
        if durationsRead != nil { count += 8 * rows }
        if namesRead != nil { count += 4 * rows }
        if resourceIndicesRead != nil { count += 4 * rows }
        if let sharedRead { count += 16 * sharedRead.attributes.count }
        for set in setsRead.values { count += set.memoryBytes }
        return count
    }

    /// A decoder that knows the strings read so far.
    var decoder: BatchDecoder { BatchDecoder(container, stringCount: strings.count) }

    /// Reads the strings of `level` and those before.
    func readStrings(_ wanted: StringLevel) throws(ColumnDecodeError) {
        let sections = [Column.coreStrings, Column.attributeStrings, Column.restStrings]
        while level < wanted {
            try strings.append(sections[level.rawValue], from: container)
            guard let next = StringLevel(rawValue: level.rawValue + 1) else { return }
            level = next
        }
    }

    // MARK: Columns

    func traces() throws(ColumnDecodeError) -> (distinct: [TraceID], ofRow: [UInt32]) {
        if let tracesRead { return tracesRead }
        let traces = try decoder.traceIDs(Column.traces)
        tracesRead = traces
        return traces
    }

    package func starts() throws(ColumnDecodeError) -> [Timestamp] {
        if let startsRead { return startsRead }
        let (distinct, ofRow) = try traces()
        let firsts = try decoder.longs(
            Column.traceStarts, "trace starts", count: distinct.count)
        let steps = try decoder.longs(
            Column.startSteps, "start steps", count: rows - distinct.count)
        let starts = try TraceTimes.decode(firsts: firsts, steps: steps, traceOfRow: ofRow)
        startsRead = starts
        return starts
    }

    /// Nanoseconds.
    package func durations() throws(ColumnDecodeError) -> [Int64] {
        if let durationsRead { return durationsRead }
        let durations = try decoder.longs(Column.durations, "durations", count: rows)
        durationsRead = durations
        return durations
    }

    func names() throws(ColumnDecodeError) -> Coded {
        if let namesRead { return namesRead }
        try readStrings(.core)
        let names = try coded(Column.names, "names", count: rows)
        namesRead = names
        return names
    }

    /// Raw values of `SpanKind`, unchecked.
    package func kinds() throws(ColumnDecodeError) -> [UInt8] {
        try decoder.bytes(Column.kinds, "kinds", count: rows)
    }

    /// Raw values of `SpanStatus`, unchecked.
    package func statuses() throws(ColumnDecodeError) -> [UInt8] {
        try decoder.bytes(Column.statuses, "statuses", count: rows)
    }

    /// Whether each span is one without parent.
    package func roots() throws(ColumnDecodeError) -> [Bool] {
        let codes = try decoder.longs(Column.parents, "parents", count: rows)
        return codes.map { $0 == ParentLinks.root }
    }

    /// Resources and scopes; their string ids are those of `strings`.
    func shared() throws(ColumnDecodeError) -> SharedColumns {
        if let sharedRead { return sharedRead }
        try readStrings(.core)
        var shared = try SharedCodec.decode(id: Column.shared, from: decoder)
        shared.fillIfEmpty(rows: rows)
        sharedRead = shared
        return shared
    }

    func resourceIndices() throws(ColumnDecodeError) -> [UInt32] {
        if let resourceIndicesRead { return resourceIndicesRead }
        let indices = try decoder.indices(
            Column.resources, "resources", count: rows, below: try shared().resources.count)
        resourceIndicesRead = indices
        return indices
    }

    func scopeIndices() throws(ColumnDecodeError) -> [UInt32] {
        try decoder.indices(
            Column.scopes, "scopes", count: rows, below: try shared().scopes.count)
    }

    func eventEnds() throws(ColumnDecodeError) -> [UInt32] {
        try decoder.ends(
            Column.eventCounts, "event counts", count: rows, totalMax: ColumnLimits.cellsMax)
    }

    func linkEnds() throws(ColumnDecodeError) -> [UInt32] {
        try decoder.ends(
            Column.linkCounts, "link counts", count: rows, totalMax: ColumnLimits.cellsMax)
    }

    /// The attributes of `items` spans, events or links.
    func attributes(
        _ ids: AttributeSets.ColumnIDs, items: Int
    ) throws(ColumnDecodeError) -> AttributeSetReader {
        if let known = setsRead[ids.shapes] { return known }
        try readStrings(ids.shapes == Column.attributes.shapes ? .attributes : .rest)
        let set = try AttributeSetReader(decoder, ids, items: items)
        setsRead[ids.shapes] = set
        return set
    }

    /// A column of strings of the sections read so far; an absent one is all empty strings.
    func coded(
        _ id: UInt32, _ name: String, count: Int
    ) throws(ColumnDecodeError) -> Coded {
        let limit = strings.count
        let found = try container.read(id, name) {
            (reader) throws(ColumnDecodeError) -> Coded in
            let dictionary = try BatchDecoder.dictionary(&reader, count: count, limit: limit)
            let codes: [UInt32] = try IntegerCodec.decode(from: &reader, count: count)
            guard codes.allSatisfy({ Int($0) < dictionary.count }) else {
                throw reader.corrupt("rank beyond the dictionary")
            }
            return Coded(dictionary: dictionary, codes: codes)
        }
        return found ?? Coded(dictionary: [0], codes: [UInt32](repeating: 0, count: count))
    }
}
