import Store
import Synchronization

/// What a list of label names or values is made of. As long as that is the same, so is the list: days only
/// gain series, and a batch of the head never changes.
struct LabelListingKey: Hashable, Sendable {
    struct Day: Hashable, Sendable {
        var day: UTCDay
        var seriesCount: Int
    }

    var kind: LabelListing
    var matchers: [LabelMatcher]
    var days: [Day]
    /// The first and the last journal sequence of each of the head's batches.
    var batches: [UInt64]
    /// Where native histograms are listed, which are looked at one by one.
    var histograms: Histograms?

    struct Histograms: Hashable, Sendable {
        var range: ClosedRange<Int64>
        var generation: UInt64
        var sequences: [UInt64]
    }
}

/// Lists of label names and values asked for lately: dashboards ask for the same ones again and again.
/// Bounded by lists and by texts.
final class LabelListings: Sendable {
    private struct Entry {
        var texts: [String]
        var lastUse: UInt64
    }

    private struct State {
        var entries: [LabelListingKey: Entry] = [:]
        var texts = 0
        var uses: UInt64 = 0
    }

    private static let listsMax = 256
    /// Some 30 bytes each.
    private static let textsMax = 262_144

    private let state = Mutex(State())

    func texts(_ key: LabelListingKey) -> [String]? {
        state.withLock { state in
            state.uses &+= 1
            state.entries[key]?.lastUse = state.uses
            return state.entries[key]?.texts
        }
    }

    func keep(_ texts: [String], for key: LabelListingKey) {
        guard texts.count <= Self.textsMax / 4 else { return }
        state.withLock { state in
            state.uses &+= 1
            state.texts += texts.count - (state.entries[key]?.texts.count ?? 0)
            state.entries[key] = Entry(texts: texts, lastUse: state.uses)
            guard state.texts > Self.textsMax || state.entries.count > Self.listsMax else { return }
            for (key, entry) in state.entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
                if state.texts <= Self.textsMax / 4 * 3,
                    state.entries.count <= Self.listsMax / 4 * 3
                {
                    return
                }
                state.entries[key] = nil
                state.texts -= entry.texts.count
            }
        }
    }

    /// Days no longer hold what they held.
    func removeAll() {
        state.withLock { state in
            state.entries = [:]
            state.texts = 0
        }
    }
}
