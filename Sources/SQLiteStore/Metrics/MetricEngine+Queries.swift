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
            return groups.map { HeadView(index: $0[0].registry.index, batches: $0) }
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
            for samples in batches {
                samples.forEachRun(among: found) { series, _ in
                    if let place = lookup.place(series) { isPresent[place] = true }
                }
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
        let first = UTCDay(containingMilliseconds: range.lowerBound)
        let last = UTCDay(containingMilliseconds: range.upperBound)
        let (days, head, generation) = state.withLock { state in
            state.readers[state.generation, default: 0] += 1
            return (
                state.days.filter { first <= $0.key && $0.key <= last }.sorted { $0.key < $1.key }
                    .map {
                        var day = $0.value
                        if day.blocks.contains(where: { !$0.overlaps(range) }) {
                            day.blocks = day.blocks.filter { $0.overlaps(range) }
                        }
                        day.removeRollups(outside: range)
                        return day
                    },
                (state.sealing + state.head).filter {
                    $0.overlaps(range) || !$0.extras.isEmpty
                },
                state.generation
            )
        }
        return View(
            days: days, heads: HeadView.grouping(head.filter { $0.overlaps(range) }),
            extras: head.flatMap(\.extras),
            extraSequences: head.filter { !$0.extras.isEmpty }.map(\.sequence),
            generation: generation, lease: ReadLease(self, generation: generation))
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
        var slots: [SeriesID: Int] = [:]
        var labels: [Labels] = []
        func slot(_ number: UInt32, _ index: SeriesIndex) -> Int {
            let id = index.id(number)
            if let known = slots[id] { return known }
            labels.append(index.labels(number))
            slots[id] = labels.count - 1
            return labels.count - 1
        }
        var days: [(day: MetricDay, slots: [(slot: Int, number: UInt32)])] = []
        for day in view.days {
            let numbers = day.series.index.match(prepared)
            guard let first = numbers.first, let last = numbers.last else { continue }
            var day = day
            day.keepBlocks(of: first...last)
            guard !day.blocks.isEmpty || day.isThinned else { continue }
            days.append((day, numbers.map { (slot($0, day.series.index), $0) }))
        }
        var heads: [(batches: [HeadSamples], slots: [(slot: Int, number: UInt32)])] = []
        for head in view.heads {
            let numbers = head.match(prepared)
            heads.append((head.batches, numbers.map { (slot($0, head.index), $0) }))
        }
        let extras = try extras(of: view, in: range)
        for batch in extras {
            for series in Set(batch.histograms.map(\.series)) {
                let candidate = batch.labels(Int(series))
                guard slots[candidate.seriesID] == nil, MetricEngine.accepts(prepared, candidate)
                else { continue }
                labels.append(candidate)
                slots[candidate.seriesID] = labels.count - 1
            }
        }
        let order = labels.indices.sorted {
            labels[$0].bytes.lexicographicallyPrecedes(labels[$1].bytes)
        }
        var position = [Int](repeating: 0, count: labels.count)
        for (new, old) in order.enumerated() { position[old] = new }
        let parts = days.map { found in
            var numbers = [UInt32](
                repeating: MetricSelection.DayPart.missing, count: labels.count)
            for (slot, number) in found.slots { numbers[position[slot]] = number }
            return MetricSelection.DayPart(
                parts: MetricEngine.parts(found.day.blocks), numbers: numbers,
                end: found.day.endMilliseconds, rollups: found.day.rollups,
                isThinned: found.day.isThinned)
        }
        let head = HeadPart(
            heads.map { head in
                HeadPart.Source(
                    batches: head.batches, numbers: head.slots.map(\.number),
                    slots: head.slots.map { position[$0.slot] })
            }, count: labels.count)
        return MetricSelection(
            labels: order.map { labels[$0] }, days: parts, head: head, extras: extras,
            range: range, engine: self, lease: view.lease)
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
