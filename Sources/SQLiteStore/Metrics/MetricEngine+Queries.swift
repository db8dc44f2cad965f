import ColumnEncoding
import Foundation
import Platform
import Store
import Synchronization
import Telemetry

extension MetricEngine {
    private func daysOverlapping(_ range: ClosedRange<Int64>) -> [UTCDay] {
        let first = UTCDay(containingMilliseconds: range.lowerBound)
        let last = UTCDay(containingMilliseconds: range.upperBound)
        return daysKept.filter { first <= $0 && $0 <= last }
    }

    /// A consistent view of head and days.
    struct View {
        var days: [MetricDay]
        var heads: [HeadView]
        /// Histograms and exemplars of the head.
        var extras: [MetricBatch]
        /// Journal sequences of the batches that these came with.
        var extraSequences: [UInt64]
        var generation: UInt64
        var lease: ReadLease
    }

    /// The part of the head that one registry numbered.
    struct HeadView {
        var owner: IndexOwner
        var index: SeriesIndex
        var batches: [HeadSamples]

        /// By registry, the oldest first.
        static func grouping(_ batches: [HeadSamples]) -> [HeadView] {
            var groups: [[HeadSamples]] = []
            for batch in batches where !batch.times.isEmpty {
                if let group = groups.firstIndex(where: { $0[0].registry === batch.registry }) {
                    groups[group].append(batch)
                } else {
                    groups.append([batch])
                }
            }
            return groups.map {
                HeadView(
                    owner: .head($0[0].registry.identity), index: $0[0].registry.index, batches: $0)
            }
        }

        /// The series that satisfy all matchers and have samples here.
        func match(_ matchers: [PreparedMatcher]) -> [UInt32] {
            present(index.match(matchers))
        }

        /// Those of some series, ascending, that have samples here.
        func present(_ found: [UInt32]) -> [UInt32] {
            if found.isEmpty { return [] }
            let lookup = SeriesLookup(found)
            var isPresent = [Bool](repeating: false, count: found.count)
            var absent = found.count
            for samples in batches {
                samples.forEachRun(among: found) { series, _ in
                    guard let place = lookup.place(series), !isPresent[place] else { return }
                    isPresent[place] = true
                    absent -= 1
                }
                if absent == 0 { return found }
            }
            return found.indices.filter { isPresent[$0] }.map { found[$0] }
        }
    }

    func view(of range: ClosedRange<Int64>) throws(StoreError) -> View {
        let wanted = daysOverlapping(range)
        state.withLock { $0.pin(wanted) }
        defer { state.withLock { $0.unpin(wanted) } }
        for day in wanted { _ = try load(day) }
        gatherHead()
        return View(state.withLock { $0.content(of: range) }, in: range, of: self)
    }

    /// As `view`, if all of it is in memory and nobody is to be waited for.
    func viewAtHand(of range: ClosedRange<Int64>) -> View? {
        let wanted = daysOverlapping(range)
        let content = state.withLock { state in
            wanted.allSatisfy { state.days[$0] != nil }
                && (state.sealing + state.head).allSatisfy { $0.registry.isFree }
                ? state.content(of: range) : nil
        }
        return content.map { View($0, in: range, of: self) }
    }

    /// Ends the use of a generation's blocks.
    func release(_ generation: UInt64) {
        state.withLock { state in
            let running = state.readers[generation, default: 1] - 1
            state.readers[generation] = running == 0 ? nil : running
        }
    }

    func selectSeries(
        _ matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> any SeriesSelection {
        let prepared = try MetricEngine.prepare(matchers)
        let view = try view(of: range)
        var days: [(day: MetricDay, numbers: [UInt32])] = []
        for day in view.days {
            let numbers = day.series.index.match(prepared)
            guard let first = numbers.first, let last = numbers.last else { continue }
            var day = day
            day.keepBlocks(of: first...last)
            guard !day.blocks.isEmpty || day.isThinned else { continue }
            days.append((day, numbers))
        }
        let heads = view.heads.map { ($0, $0.match(prepared)) }.filter { !$0.1.isEmpty }
        let extras = try extras(of: view, in: range)
        let sources =
            days.map {
                SelectedSeries.Source(
                    owner: .day($0.day.partition), index: $0.day.series.index, numbers: $0.numbers)
            }
            + heads.map {
                SelectedSeries.Source(owner: $0.owner, index: $0.index, numbers: $1)
            }
        // Exemplars, which came with them, add no series.
        let histograms = MetricEngine.histograms(in: extras, prepared)
        let series =
            histograms.isEmpty && !days.contains { $0.day.isThinned }
            ? selections.series(sources) : SelectedSeries(sources, others: histograms)
        let count = series.list.labels.count
        let parts = days.enumerated().map { source, found in
            var numbers = [UInt32](repeating: MetricSelection.DayPart.missing, count: count)
            for (number, position) in zip(found.numbers, series.positions[source]) {
                numbers[Int(position)] = number
            }
            return MetricSelection.DayPart(
                parts: MetricEngine.parts(found.day.blocks), numbers: numbers,
                end: found.day.endMilliseconds, rollups: found.day.rollups,
                isThinned: found.day.isThinned)
        }
        let head = HeadPart(
            heads.enumerated().map { place, head in
                HeadPart.Source(
                    batches: head.0.batches, numbers: head.1,
                    positions: series.positions[days.count + place])
            }, count: count, range: range)
        return MetricSelection(
            list: series.list, days: parts, head: head, extras: extras,
            range: range, engine: self, lease: view.lease)
    }

    /// Labels of the native histograms that satisfy all matchers.
    private static func histograms(
        in extras: [MetricBatch], _ matchers: [PreparedMatcher]
    ) -> [Labels] {
        var found: Set<Labels> = []
        for batch in extras {
            for series in Set(batch.histograms.map(\.series)) {
                let candidate = batch.labels(Int(series))
                if accepts(matchers, candidate) { found.insert(candidate) }
            }
        }
        return Array(found)
    }

    /// Blocks, which are ordered by part and series, part by part.
    private static func parts(_ blocks: [MetricBlockInfo]) -> [[MetricBlockInfo]] {
        var parts: [[MetricBlockInfo]] = []
        for block in blocks {
            if parts.last?.last?.part == block.part {
                parts[parts.count - 1].append(block)
            } else {
                parts.append([block])
            }
        }
        return parts
    }

    /// Native histograms and exemplars near `range`, oldest written first.
    func extras(
        of view: View, in range: ClosedRange<Int64>
    ) throws(StoreError) -> [MetricBatch] {
        var extras: [MetricBatch] = []
        for day in view.days where day.hasExtras {
            extras += try day.partition.read { try MetricTables.extras(overlapping: range, $0) }
        }
        return extras + view.extras
    }

    static func prepare(_ matchers: [LabelMatcher]) throws(StoreError) -> [PreparedMatcher] {
        var prepared: [PreparedMatcher] = []
        for matcher in matchers { prepared.append(try PreparedMatcher(matcher)) }
        return prepared
    }

    static func accepts(_ matchers: [PreparedMatcher], _ labels: Labels) -> Bool {
        matchers.allSatisfy { matcher in
            var value = labels[matcher.name] ?? ""
            return value.withUTF8 { matcher.accepts(UnsafeRawBufferPointer($0)) }
        }
    }

    /// The block, opened; `nil` (counted and logged) if it is missing or damaged.
    func reader(_ info: MetricBlockInfo) throws(StoreError) -> SeriesBlockReader? {
        try readers.reader(info) { () throws(StoreError) in try open(info) }
    }

    /// As `reader`, for a block that will not be read again soon.
    func open(_ info: MetricBlockInfo) throws(StoreError) -> SeriesBlockReader? {
        guard let body = try info.partition.read({ try MetricTables.body(info.id, $0) }) else {
            report(info, "block is missing")
            return nil
        }
        do throws(ColumnDecodeError) {
            return try SeriesBlockReader(body)
        } catch {
            report(info, error.description)
            return nil
        }
    }

    /// Decodes into `scratch`. False (counted and logged) if the chunk is damaged.
    func decode(
        _ chunk: Int, of reader: SeriesBlockReader, _ info: MetricBlockInfo,
        _ scratch: inout SeriesScratch
    ) throws(StoreError) -> Bool {
        guard try readSamples(of: reader, info) else { return false }
        do throws(ColumnDecodeError) {
            try reader.decode(chunk, &scratch)
            return true
        } catch {
            report(info, error.description)
            return false
        }
    }

    /// Appends all samples of a chunk; nothing (counted and logged) if it is damaged.
    /// - Returns: whether what was appended is in strict order of time.
    func append(
        _ chunk: Int, of reader: SeriesBlockReader, _ info: MetricBlockInfo,
        _ scratch: inout SeriesScratch, to target: inout SampleColumns
    ) throws(StoreError) -> Bool {
        guard try readSamples(of: reader, info) else { return true }
        do throws(ColumnDecodeError) {
            return try reader.append(chunk, &scratch, to: &target.times, &target.values)
        } catch {
            report(info, error.description)
            return true
        }
    }

    /// Reads what is in the chunks of a block, if it has not been read yet. False (counted and logged) if
    /// it is missing or damaged.
    func readSamples(
        of reader: SeriesBlockReader, _ info: MetricBlockInfo
    ) throws(StoreError) -> Bool {
        if reader.hasSamples { return true }
        guard let samples = try info.partition.read({ try MetricTables.samples(info.id, $0) })
        else {
            report(info, "samples are missing")
            return false
        }
        do throws(ColumnDecodeError) {
            readers.grow(info, by: try reader.attach(samples))
            return true
        } catch {
            report(info, error.description)
            return false
        }
    }

    private func report(_ info: MetricBlockInfo, _ reason: String) {
        events.emit(
            StoreDamage(kind: "block", path: "\(info.partition.path)#\(info.id)", reason: reason))
    }

    func exemplars(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesExemplars] {
        let prepared = try MetricEngine.prepare(matchers)
        var found: [Labels: Set<Exemplar>] = [:]
        for batch in try extras(of: try view(of: range), in: range) {
            var known: [UInt32: Labels?] = [:]
            for var exemplar in batch.exemplars where range.contains(exemplar.time) {
                let labels: Labels?
                if let seen = known[exemplar.series] {
                    labels = seen
                } else {
                    let candidate = batch.labels(Int(exemplar.series))
                    labels = MetricEngine.accepts(prepared, candidate) ? candidate : nil
                    known.updateValue(labels, forKey: exemplar.series)
                }
                guard let labels else { continue }
                exemplar.series = 0
                found[labels, default: []].insert(exemplar)
            }
        }
        return SeriesExemplars.sorted(found)
    }
}

extension MetricDay {
    /// Whether its series are listed for the range that its blocks were picked for.
    var isListed: Bool { !blocks.isEmpty || isThinned }
}

extension MetricEngine.State {
    fileprivate typealias Content = (days: [MetricDay], head: [HeadSamples], generation: UInt64)

    /// Days and batches of the head that may have samples in a range. From now on somebody reads them.
    fileprivate mutating func content(of range: ClosedRange<Int64>) -> Content {
        readers[generation, default: 0] += 1
        let first = UTCDay(containingMilliseconds: range.lowerBound)
        let last = UTCDay(containingMilliseconds: range.upperBound)
        let days = days.filter { first <= $0.key && $0.key <= last }.sorted { $0.key < $1.key }
            .map {
                var day = $0.value
                if day.blocks.contains(where: { !$0.overlaps(range) }) {
                    day.blocks = day.blocks.filter { $0.overlaps(range) }
                }
                day.removeRollups(outside: range)
                return day
            }
        let head = (sealing + head).filter { $0.overlaps(range) || !$0.extras.isEmpty }
        return (days, head, generation)
    }
}

extension MetricEngine.View {
    fileprivate init(
        _ content: MetricEngine.State.Content, in range: ClosedRange<Int64>, of engine: MetricEngine
    ) {
        self.init(
            days: content.days,
            heads: MetricEngine.HeadView.grouping(content.head.filter { $0.overlaps(range) }),
            extras: content.head.flatMap(\.extras),
            extraSequences: content.head.filter { !$0.extras.isEmpty }.map(\.sequence),
            generation: content.generation,
            lease: ReadLease(engine, generation: content.generation))
    }
}
