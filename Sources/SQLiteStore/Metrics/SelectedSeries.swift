import Foundation
import Store
import Synchronization
import Telemetry

/// The series that the days and the head have in common for a selection: their labels in order, and where
/// each of the series of a day or of the head stands among them.
struct SelectedSeries: Sendable {
    /// Series of one index.
    struct Source: Sendable {
        /// Whose index it is: it only grows, so that its numbers always mean the same series.
        var owner: IndexOwner
        var index: SeriesIndex
        /// Ascending.
        var numbers: [UInt32]
    }

    let list: SeriesList
    /// By source, for each of its numbers: the position among all series.
    let positions: [[UInt32]]

    /// - Parameter others: labels of series that may be in none of the sources.
    init(_ sources: [Source], others: [Labels] = []) {
        var slots: [SeriesID: UInt32] = [:]
        var labels: [Labels] = []
        // One source never has the same series twice.
        let areApart = sources.count + others.count < 2
        var found: [[UInt32]] = []
        for source in sources {
            var slotsOfSource: [UInt32] = []
            slotsOfSource.reserveCapacity(source.numbers.count)
            for number in source.numbers {
                let new = UInt32(labels.count)
                let slot =
                    areApart
                    ? new : Self.slot(of: source.index.id(number), in: &slots, otherwise: new)
                if slot == new { labels.append(source.index.labels(number)) }
                slotsOfSource.append(slot)
            }
            found.append(slotsOfSource)
        }
        for other in others {
            let new = UInt32(labels.count)
            if Self.slot(of: other.seriesID, in: &slots, otherwise: new) == new {
                labels.append(other)
            }
        }
        let order = labels.indices.sorted { labels[$0].comesBeforeBytewise(labels[$1]) }
        var place = [UInt32](repeating: 0, count: labels.count)
        for (new, old) in order.enumerated() { place[old] = UInt32(new) }
        list = SeriesList(order.map { labels[$0] })
        positions = found.map { $0.map { place[Int($0)] } }
    }

    @inline(__always)
    private static func slot(
        of id: SeriesID, in slots: inout [SeriesID: UInt32], otherwise new: UInt32
    ) -> UInt32 {
        if let known = slots[id] { return known }
        slots[id] = new
        return new
    }
}

/// What a series index belongs to, without holding on to the index.
enum IndexOwner: Sendable, Equatable {
    case day(Partition)
    case head(SeriesRegistry.Identity)

    static func == (a: IndexOwner, b: IndexOwner) -> Bool {
        switch (a, b) {
        case (.day(let a), .day(let b)): a === b
        case (.head(let a), .head(let b)): a === b
        default: false
        }
    }
}

extension Labels {
    /// The order of their canonical bytes.
    fileprivate func comesBeforeBytewise(_ other: Labels) -> Bool {
        bytes.withUnsafeBytes { ours in
            other.bytes.withUnsafeBytes { theirs in
                let shared = min(ours.count, theirs.count)
                if shared > 0, let a = ours.baseAddress, let b = theirs.baseAddress {
                    let order = memcmp(a, b, shared)
                    if order != 0 { return order < 0 }
                }
                return ours.count < theirs.count
            }
        }
    }
}

/// Selections made lately: the queries of a dashboard select the same series again and again, and to read, to
/// order and to group their labels takes longer than to decode their latest samples. Bounded by selections
/// and by series.
final class SelectedSeriesCache: Sendable {
    private struct Key {
        var owner: IndexOwner
        var numbers: [UInt32]

        func fits(_ source: SelectedSeries.Source) -> Bool {
            owner == source.owner && numbers == source.numbers
        }
    }

    private struct Entry {
        var sources: [Key]
        var series: SelectedSeries
        var lastUse: UInt64
    }

    private struct State {
        var entries: [Entry] = []
        var uses: UInt64 = 0
    }

    private static let entriesMax = 64
    /// Series of some 400 bytes each, or as much of numbers.
    private static let seriesMax = 32_768
    /// Numbers with their positions take as much room as one series.
    private static let numbersPerSeries = 50

    private let state = Mutex(State())

    /// The series of these sources, made out if they are not known.
    func series(_ sources: [SelectedSeries.Source]) -> SelectedSeries {
        if let known = known(sources) { return known }
        let series = SelectedSeries(sources)
        if Self.weight(series, sources.map(\.numbers)) <= Self.seriesMax / 2 {
            keep(series, of: sources)
        }
        return series
    }

    private func known(_ sources: [SelectedSeries.Source]) -> SelectedSeries? {
        state.withLock { state in
            let place = state.entries.firstIndex { entry in
                entry.sources.count == sources.count
                    && zip(entry.sources, sources).allSatisfy { $0.fits($1) }
            }
            guard let place else { return nil }
            state.uses &+= 1
            state.entries[place].lastUse = state.uses
            return state.entries[place].series
        }
    }

    private func keep(_ series: SelectedSeries, of sources: [SelectedSeries.Source]) {
        state.withLock { state in
            state.uses &+= 1
            // Another query may have made them out meanwhile.
            let isKnown = state.entries.contains { entry in
                entry.sources.count == sources.count
                    && zip(entry.sources, sources).allSatisfy { $0.fits($1) }
            }
            if isKnown { return }
            var total = Self.weight(series, sources.map(\.numbers))
            var kept: [Entry] = []
            for entry in state.entries.sorted(by: { $0.lastUse > $1.lastUse }) {
                total += Self.weight(entry.series, entry.sources.map(\.numbers))
                if total > Self.seriesMax || kept.count + 1 == Self.entriesMax { break }
                kept.append(entry)
            }
            let keys = sources.map { Key(owner: $0.owner, numbers: $0.numbers) }
            kept.append(Entry(sources: keys, series: series, lastUse: state.uses))
            state.entries = kept
        }
    }

    private static func weight(_ series: SelectedSeries, _ numbers: [[UInt32]]) -> Int {
        let numberCount = numbers.reduce(0) { $0 + $1.count }
        return series.list.labels.count + numberCount / numbersPerSeries
    }

    /// Lets go of days that are no longer there.
    func removeAll() { state.withLock { $0.entries = [] } }
}
