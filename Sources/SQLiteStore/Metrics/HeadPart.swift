import Store
import Synchronization

/// The head's samples of a selection. Those that stand series by series are read where they are; the latest,
/// which do not yet, are gathered by series when the first is asked for.
final class HeadPart: Sendable {
    /// Batches numbered by one index, the numbers that are selected, ascending, and their positions among the
    /// selected series.
    struct Source: Sendable {
        var batches: [HeadSamples]
        var numbers: [UInt32]
        var positions: [UInt32]
    }

    /// Batches of one index that follow each other.
    private enum Piece: Sendable {
        case sorted(SortedSamples)
        case loose(LooseSamples)
    }

    /// Of one index: what it calls each of the selected series, and its batches in the order of arrival.
    private struct Part: Sendable {
        /// By position; `missing` if the index does not know it.
        var numbers: [UInt32]
        var pieces: [Piece]

        static let missing = UInt32.max
    }

    private let parts: [Part]
    private let range: ClosedRange<Int64>
    /// No sample is earlier.
    let firstTime: Int64

    /// - Parameter count: of the selected series.
    init(_ sources: [Source], count: Int, range: ClosedRange<Int64>) {
        let sources = sources.filter { !$0.batches.isEmpty && !$0.numbers.isEmpty }
        self.range = range
        firstTime = sources.flatMap(\.batches).map(\.first).min() ?? .max
        parts = sources.map { source in
            var numbers = [UInt32](repeating: Part.missing, count: count)
            for (number, position) in zip(source.numbers, source.positions) {
                numbers[Int(position)] = number
            }
            return Part(
                numbers: numbers, pieces: HeadPart.pieces(of: source, count: count, range: range))
        }
    }

    private static func pieces(
        of source: Source, count: Int, range: ClosedRange<Int64>
    ) -> [Piece] {
        var pieces: [Piece] = []
        var loose: [HeadSamples] = []
        func endLoose() {
            if loose.isEmpty { return }
            pieces.append(
                .loose(
                    LooseSamples(
                        loose, numbers: source.numbers, positions: source.positions, count: count,
                        range: range)))
            loose = []
        }
        for batch in source.batches where batch.overlaps(range) {
            guard let runs = batch.runs else {
                loose.append(batch)
                continue
            }
            endLoose()
            pieces.append(.sorted(SortedSamples(batch, runs, range: range)))
        }
        endLoose()
        return pieces
    }

    /// Appends the samples of a series in the order of arrival.
    func append(_ position: Int, to target: inout SampleColumns) {
        for part in parts {
            let number = part.numbers[position]
            if number == Part.missing { continue }
            for piece in part.pieces {
                switch piece {
                case .sorted(let samples): samples.append(number, to: &target)
                case .loose(let samples): samples.append(position, to: &target)
                }
            }
        }
    }
}

/// Samples that stand series by series, those of each in the order of arrival.
private final class SortedSamples: Sendable {
    private let times: [Int64]
    private let values: [Double]
    private let runs: SeriesRuns
    private let range: ClosedRange<Int64>
    private let isWithin: Bool

    init(_ batch: HeadSamples, _ runs: SeriesRuns, range: ClosedRange<Int64>) {
        times = batch.times
        values = batch.values
        self.runs = runs
        self.range = range
        isWithin = range.lowerBound <= batch.first && batch.last <= range.upperBound
    }

    func append(_ number: UInt32, to target: inout SampleColumns) {
        guard let run = runs.run(of: number) else { return }
        if isWithin || runs.areAscending {
            let kept = isWithin ? run : part(of: run)
            target.times += times[kept]
            target.values += values[kept]
            return
        }
        for index in run where range.contains(times[index]) {
            target.times.append(times[index])
            target.values.append(values[index])
        }
    }

    /// Of samples in order of time, those within the range.
    private func part(of run: Range<Int>) -> Range<Int> {
        times.withUnsafeBufferPointer { times in
            let first = Self.partition(times, run) { $0 < range.lowerBound }
            return first..<Self.partition(times, first..<run.upperBound) { $0 <= range.upperBound }
        }
    }

    /// The first place at which `isBefore` no longer holds.
    @inline(__always)
    private static func partition(
        _ times: UnsafeBufferPointer<Int64>, _ run: Range<Int>, _ isBefore: (Int64) -> Bool
    ) -> Int {
        var low = run.lowerBound
        var high = run.upperBound
        while low < high {
            let middle = (low + high) / 2
            if isBefore(times[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Samples that stand in the order of arrival.
private final class LooseSamples: Sendable {
    private struct Gathered: Sendable {
        /// Per series of the selection, one more than there are: where its samples begin.
        var starts: [Int]
        var times: [Int64]
        var values: [Double]
    }

    private let batches: [HeadSamples]
    private let numbers: [UInt32]
    private let positions: [UInt32]
    private let count: Int
    private let range: ClosedRange<Int64>
    private let gathered = Mutex<Gathered?>(nil)

    init(
        _ batches: [HeadSamples], numbers: [UInt32], positions: [UInt32], count: Int,
        range: ClosedRange<Int64>
    ) {
        self.batches = batches
        self.numbers = numbers
        self.positions = positions
        self.count = count
        self.range = range
    }

    func append(_ position: Int, to target: inout SampleColumns) {
        let gathered = gathered.withLock { known in
            if let known { return known }
            let new = gather()
            known = new
            return new
        }
        let run = gathered.starts[position]..<gathered.starts[position + 1]
        target.times += gathered.times[run]
        target.values += gathered.values[run]
    }

    /// Counts, then places: the order of arrival within a series stays.
    private func gather() -> Gathered {
        let lookup = SeriesLookup(numbers)
        var ends = [Int](repeating: 0, count: count + 1)
        forEachSample(lookup) { position, _, _ in ends[position + 1] += 1 }
        for index in 1..<ends.count { ends[index] += ends[index - 1] }
        var next = ends
        var times = [Int64](repeating: 0, count: ends[count])
        var values = [Double](repeating: 0, count: ends[count])
        forEachSample(lookup) { position, batch, index in
            times[next[position]] = batch.times[index]
            values[next[position]] = batch.values[index]
            next[position] += 1
        }
        return Gathered(starts: ends, times: times, values: values)
    }

    /// Calls `body` with each sample of the selected series that lies within the range.
    @inline(__always)
    private func forEachSample(
        _ lookup: SeriesLookup, _ body: (Int, HeadSamples, Int) -> Void
    ) {
        for batch in batches {
            batch.series.withUnsafeBufferPointer { series in
                batch.times.withUnsafeBufferPointer { times in
                    for index in series.indices {
                        guard range.contains(times[index]), let place = lookup.place(series[index])
                        else { continue }
                        body(Int(positions[place]), batch, index)
                    }
                }
            }
        }
    }
}
