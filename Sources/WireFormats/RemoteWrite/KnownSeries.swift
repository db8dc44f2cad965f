import Synchronization
import Telemetry

/// Ids of series by the bytes that a sender's requests have for their labels, so that labels seen before
/// need not be read, ordered, checked and hashed again.
///
/// Holds up to two generations of series, about 48 bytes each; those that do not come any more go with
/// the older one.
package final class KnownSeries: Sendable {
    private struct State {
        var current = Table()
        var previous = Table()
    }

    private let state = Mutex(State())
    private let generationMax: Int

    /// - Parameter generationMax: series of a generation.
    package init(generationMax: Int = 2 << 20) { self.generationMax = generationMax }

    /// Sets the ids of the runs that are known.
    func identify(_ runs: inout [LabelRun]) {
        state.withLock { state in
            for index in runs.indices where !runs[index].isEmpty {
                let hash = runs[index].hash
                if let id = state.current.find(hash) {
                    runs[index].id = id
                } else if let id = state.previous.find(hash) {
                    runs[index].id = id
                    add(hash, id, &state)
                }
            }
        }
    }

    /// Remembers runs with the ids of their series.
    package func learn(_ runs: [LabelRun]) {
        if runs.isEmpty { return }
        state.withLock { state in
            for run in runs {
                if let id = run.id, state.current.find(run.hash) == nil {
                    add(run.hash, id, &state)
                }
            }
        }
    }

    private func add(_ hash: ContentHash, _ id: SeriesID, _ state: inout State) {
        if state.current.count >= generationMax {
            state.previous = state.current
            state.current = Table()
        }
        state.current.add(hash, id)
    }

    private struct Table {
        private var hashes: [ContentHash] = []
        private var ids: [SeriesID] = []
        /// Open-addressed: number + 1, zero is free; at most half full.
        private var slots = [UInt32](repeating: 0, count: 1_024)

        var count: Int { ids.count }

        @inline(__always)
        func find(_ hash: ContentHash) -> SeriesID? {
            var slot = Int(truncatingIfNeeded: hash.low) & (slots.count - 1)
            while slots[slot] != 0 {
                let number = Int(slots[slot] - 1)
                if hashes[number].low == hash.low, hashes[number].high == hash.high {
                    return ids[number]
                }
                slot = (slot + 1) & (slots.count - 1)
            }
            return nil
        }

        mutating func add(_ hash: ContentHash, _ id: SeriesID) {
            hashes.append(hash)
            ids.append(id)
            if ids.count * 2 > slots.count { grow() } else { place(ids.count - 1) }
        }

        private mutating func place(_ number: Int) {
            var slot = Int(truncatingIfNeeded: hashes[number].low) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(truncatingIfNeeded: number + 1)
        }

        private mutating func grow() {
            slots = [UInt32](repeating: 0, count: slots.count * 2)
            for number in ids.indices { place(number) }
        }
    }
}
