import Store

/// Puts samples in order that came as a few ascending runs: chunks of parts that overlap a little, as when
/// several connections bring what one scrape saw.
enum SampleOrder {
    /// With more runs than this, moving each into place may cost more than sorting all.
    private static let runsMax = 256

    /// By time; of equal times the last one stays.
    /// - Complexity: O(n) for runs that overlap at their ends only.
    /// - Returns: false, with nothing done, if there are too many runs.
    static func merge(_ columns: inout SampleColumns) -> Bool {
        let starts = starts(columns.times)
        guard starts.count <= runsMax else { return false }
        var tail: [(time: Int64, value: Double)] = []
        var end = starts.first ?? columns.times.count
        let total = columns.times.count
        columns.times.withUnsafeMutableBufferPointer { times in
            columns.values.withUnsafeMutableBufferPointer { values in
                for (index, start) in starts.enumerated() {
                    let limit = index + 1 < starts.count ? starts[index + 1] : total
                    end = join(times, values, end, start..<limit, &tail)
                }
            }
        }
        columns.times.removeLast(total - end)
        columns.values.removeLast(total - end)
        return true
    }

    /// Where runs begin, the first one left out.
    private static func starts(_ times: [Int64]) -> [Int] {
        var starts: [Int] = []
        times.withUnsafeBufferPointer { times in
            for index in 1..<max(1, times.count) where times[index] <= times[index - 1] {
                starts.append(index)
                if starts.count > runsMax { return }
            }
        }
        return starts
    }

    /// Merges a run into the `end` samples before it, which are in order, in place: what is written never
    /// overtakes what is read of the run.
    /// - Returns: how many are in order then.
    private static func join(
        _ times: UnsafeMutableBufferPointer<Int64>, _ values: UnsafeMutableBufferPointer<Double>,
        _ end: Int, _ run: Range<Int>, _ tail: inout [(time: Int64, value: Double)]
    ) -> Int {
        let place = lowerBound(times, end, times[run.lowerBound])
        tail.removeAll(keepingCapacity: true)
        for index in place..<end { tail.append((times[index], values[index])) }
        var (written, next, left) = (place, run.lowerBound, 0)
        while next < run.upperBound || left < tail.count {
            if left < tail.count, next == run.upperBound || tail[left].time < times[next] {
                (times[written], values[written]) = tail[left]
                left += 1
            } else {
                if left < tail.count, tail[left].time == times[next] { left += 1 }
                (times[written], values[written]) = (times[next], values[next])
                next += 1
            }
            written += 1
        }
        return written
    }

    /// The first of the `count` samples that is not before `time`.
    private static func lowerBound(
        _ times: UnsafeMutableBufferPointer<Int64>, _ count: Int, _ time: Int64
    ) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
