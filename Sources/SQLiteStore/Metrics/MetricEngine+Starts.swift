import ColumnEncoding
import Platform
import Store
import Synchronization
import Telemetry

extension MetricEngine {
    /// Every day tells the starts of its samples anew, so that a day goes with all that belongs to it.
    func startTimes(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesStarts] {
        let prepared = try MetricEngine.prepare(matchers)
        let firstDay = UTCDay(containingMilliseconds: range.lowerBound)
        let (first, isEarly) = firstDay.number.multipliedReportingOverflow(by: 86_400_000)
        let wide = (isEarly ? range.lowerBound : min(first, range.lowerBound))...range.upperBound
        // The head first: what is sealed meanwhile is then found twice rather than never.
        let batches = state.withLock { state in
            (state.sealing + state.head).filter { !$0.starts.series.isEmpty }
        }
        var found: [Labels: [Int64: Int64]] = [:]
        func add(_ labels: Labels, _ time: Int64, _ start: Double) {
            guard wide.contains(time), let start = Int64(exactly: start) else { return }
            found[labels, default: [:]][time] = start
        }
        for day in try daysLoaded(in: wide) {
            let wanted = Set(day.series.index.match(prepared))
            if wanted.isEmpty { continue }
            for block in try startBlocks(of: day.partition) {
                for (place, start) in zip(block.series, block.starts()).enumerated()
                where wanted.contains(start.0) {
                    let labels = day.series.index.labels(start.0)
                    for row in start.1..<(start.1 + Int(block.counts[place])) {
                        add(labels, block.times[row], block.values[row])
                    }
                }
            }
        }
        for batch in batches {
            let index = batch.registry.index
            let wanted = Set(index.match(prepared))
            for (row, number) in batch.starts.series.enumerated() where wanted.contains(number) {
                add(index.labels(number), batch.starts.times[row], batch.starts.values[row])
            }
        }
        return SeriesStarts.sorted(found)
    }

    /// Days that still have their samples.
    private func daysLoaded(in range: ClosedRange<Int64>) throws(StoreError) -> [MetricDay] {
        let first = UTCDay(containingMilliseconds: range.lowerBound)
        let last = UTCDay(containingMilliseconds: range.upperBound)
        var days: [MetricDay] = []
        for day in partitions.days where first <= day && day <= last {
            let loaded = try load(day)
            if !loaded.isThinned { days.append(loaded) }
        }
        return days
    }

    /// Damaged ones are counted, logged and left out.
    private func startBlocks(of partition: Partition) throws(StoreError) -> [SeriesBlock] {
        var blocks: [SeriesBlock] = []
        for body in try partition.read({ try MetricTables.starts($0) }) {
            do throws(ColumnDecodeError) {
                blocks.append(try SeriesBlockCodec.decode(body))
            } catch {
                events.emit(
                    StoreDamage(
                        kind: "start times", path: partition.path, reason: error.description))
            }
        }
        return blocks
    }
}
