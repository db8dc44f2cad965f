import Store
import Synchronization
import Telemetry

/// Where the samples of each series stand in samples that are sorted by series.
struct SeriesRuns: Sendable {
    /// Ascending.
    var numbers: [UInt32] = []
    /// Per number: where its samples end.
    var ends: [UInt32] = []
    /// Whether the samples of each series are known to be in order of time.
    var areAscending = false

    /// Where the samples of a series stand; `nil` if there are none.
    func run(of number: UInt32) -> Range<Int>? {
        let place = numbers.firstIndex(atLeast: number)
        guard place < numbers.count, numbers[place] == number else { return nil }
        return (place == 0 ? 0 : Int(ends[place - 1]))..<Int(ends[place])
    }

    fileprivate func ascend(_ times: [Int64]) -> Bool {
        times.withUnsafeBufferPointer { times in
            var start = 0
            for end in ends {
                for index in (start + 1)..<max(start + 1, Int(end))
                where times[index] < times[index - 1] {
                    return false
                }
                start = Int(end)
            }
            return true
        }
    }
}

extension HeadSamples {
    /// Calls `body` with neighbouring samples of one series.
    @inline(__always)
    func forEachRun(_ body: (_ series: UInt32, _ run: Range<Int>) -> Void) {
        guard let runs else {
            for index in series.indices { body(series[index], index..<(index + 1)) }
            return
        }
        var start = 0
        for (number, end) in zip(runs.numbers, runs.ends) {
            body(number, start..<Int(end))
            start = Int(end)
        }
    }

    /// Calls `body` with neighbouring samples of one series, of at least all series in `wanted`.
    /// - Parameter wanted: ascending; only worth looking up if they are few.
    @inline(__always)
    func forEachRun(
        among wanted: [UInt32], _ body: (_ series: UInt32, _ run: Range<Int>) -> Void
    ) {
        guard let runs, wanted.count * 16 < runs.numbers.count else { return forEachRun(body) }
        for number in wanted {
            if let run = runs.run(of: number) { body(number, run) }
        }
    }

    /// Batches of one registry as one, sorted by series; within a series in the order of arrival.
    /// `nil` if they are too many samples for one.
    static func gathering(_ batches: ArraySlice<HeadSamples>) -> HeadSamples? {
        guard var all = batches.first, let last = batches.last else { return nil }
        let count = batches.reduce(0) { $0 + $1.times.count }
        guard UInt32(exactly: count) != nil else { return nil }
        var next = [UInt32](repeating: 0, count: all.registry.count + 1)
        for batch in batches {
            batch.forEachRun { series, run in next[Int(series) + 1] += UInt32(run.count) }
        }
        var runs = SeriesRuns()
        for number in 1..<next.count {
            let samples = next[number]
            next[number] += next[number - 1]
            guard samples > 0 else { continue }
            runs.numbers.append(UInt32(number - 1))
            runs.ends.append(next[number])
        }
        all.place(batches, count: count, &next)
        runs.areAscending = runs.ascend(all.times)
        all.sequence = last.sequence
        all.arrival = last.arrival
        all.runs = runs
        for batch in batches.dropFirst() {
            all.extras += batch.extras
            all.starts.append(batch.starts)
            guard !batch.times.isEmpty else { continue }
            all.first = min(all.first, batch.first)
            all.last = max(all.last, batch.last)
        }
        return all
    }

    /// - Parameter next: per series, where its next sample goes.
    private mutating func place(
        _ batches: ArraySlice<HeadSamples>, count: Int, _ next: inout [UInt32]
    ) {
        var series = [UInt32](repeating: 0, count: count)
        var times = [Int64](repeating: 0, count: count)
        var values = [Double](repeating: 0, count: count)
        for batch in batches {
            batch.forEachRun { number, run in
                var place = Int(next[Int(number)])
                for index in run {
                    series[place] = number
                    times[place] = batch.times[index]
                    values[place] = batch.values[index]
                    place += 1
                }
                next[Int(number)] = UInt32(place)
            }
        }
        self.series = series
        self.times = times
        self.values = values
    }
}

extension MetricEngine {
    /// Sorts the latest batches of the head by series once there are many, so that queries find the
    /// samples of their series without looking at all. A few larger sorted pieces come about, each sorted
    /// again when as many samples have come after it, as in a log-structured merge tree.
    func gatherHead() {
        gatherLock.withLock { _ in
            let batches = state.withLock { $0.looseBatches(more: configuration.looseSamplesMax) }
            guard let gathered = HeadSamples.gathering(batches) else { return }
            state.withLock { $0.replace(batches.count, by: gathered) }
        }
    }
}

extension MetricEngine.State {
    /// The latest batches that one registry numbered, with the sorted pieces before them that are not
    /// larger than what came after; empty if that is not more than `count` samples.
    fileprivate func looseBatches(more count: Int) -> ArraySlice<HeadSamples> {
        guard let registry = head.last?.registry else { return [] }
        var start = head.count
        var samples = 0
        while start > 0, head[start - 1].registry === registry {
            let size = head[start - 1].times.count
            if head[start - 1].runs != nil, samples <= count || size > samples { break }
            samples += size
            start -= 1
        }
        return samples > count ? head[start...] : []
    }

    /// Puts samples in the place of the `count` batches that they are made of, unless these are being
    /// sealed by now.
    fileprivate mutating func replace(_ count: Int, by gathered: HeadSamples) {
        guard
            let start = head.firstIndex(where: { $0.firstSequence == gathered.firstSequence }),
            start + count <= head.count, head[start + count - 1].sequence == gathered.sequence
        else { return }
        let bytes = head[start..<(start + count)].reduce(0) { $0 + $1.bytes }
        headBytes += gathered.bytes - bytes
        head.replaceSubrange(start..<(start + count), with: [gathered])
    }
}
