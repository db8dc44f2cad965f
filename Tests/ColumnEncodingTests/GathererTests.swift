import ColumnEncoding
import Telemetry
import Testing

@Suite("Gathering rows column by column")
struct GathererTests {
    /// Rows of all sources in random order, in runs, some left out.
    private func order(_ counts: [Int], _ random: inout SeededGenerator) -> [SourceRow] {
        var runs: [[SourceRow]] = []
        for (source, count) in counts.enumerated() {
            var row = 0
            while row < count {
                let end = min(count, row + Int.random(in: 1...9, using: &random))
                runs.append((row..<end).map { SourceRow(source: source, row: $0) })
                row = end + Int.random(in: 0...1, using: &random)
            }
        }
        return runs.shuffled(using: &random).flatMap(\.self)
    }

    @Test("spans are those that copying them one by one gives", arguments: 0..<12)
    func spans(seed: Int) {
        var batches = RandomBatches(seed: UInt64(seed) + 100)
        let sources = (0..<(1 + seed % 4)).map { _ in batches.spans(40, keys: 8) }
        let rows = order(sources.map(\.count), &batches.random)
        var merger = SpanBatchMerger()
        for source in sources { _ = merger.add(source) }
        for row in rows { merger.append(row: row.row, of: row.source) }
        var gatherer = SpanBatchGatherer(sources)
        // Twice: what is kept between batches must not show.
        _ = gatherer.batch(rows.prefix(rows.count / 2))
        expectEqual(gatherer.batch(rows[...]), merger.take())
    }

    @Test("columns that are zero in some sources and not in others are gathered", arguments: 0..<4)
    func sparseColumns(seed: Int) {
        var batches = RandomBatches(seed: UInt64(seed) + 150)
        var sources = (0..<3).map { _ in batches.spans(30) }
        let zeros = [UInt32](repeating: 0, count: 30)
        for index in sources.indices where index > 0 || seed % 2 == 0 {
            sources[index].flags = zeros
            sources[index].traceStates = zeros
            sources[index].statusMessages = zeros
            sources[index].droppedAttributeCounts = zeros
            sources[index].droppedEventCounts = zeros
        }
        let rows = order(sources.map(\.count), &batches.random)
        var merger = SpanBatchMerger()
        for source in sources { _ = merger.add(source) }
        for row in rows { merger.append(row: row.row, of: row.source) }
        var gatherer = SpanBatchGatherer(sources)
        expectEqual(gatherer.batch(rows[...]), merger.take())
    }

    @Test("log records are those that copying them one by one gives", arguments: 0..<12)
    func logs(seed: Int) {
        var batches = RandomBatches(seed: UInt64(seed) + 200)
        let sources = (0..<(1 + seed % 4)).map { _ in batches.logs(40) }
        let rows = order(sources.map(\.count), &batches.random)
        var gatherer = LogBatchGatherer(sources)
        _ = gatherer.batch(rows.prefix(rows.count / 2))
        let gathered = gatherer.batch(rows[...])
        #expect(gathered.count == rows.count)
        for (index, row) in rows.enumerated() {
            let source = sources[row.source]
            #expect(
                Fingerprint(gathered.record(at: index)) == Fingerprint(source.record(at: row.row)))
            #expect(
                Fingerprint(gathered.resource(at: gathered.resourceIndices[index]))
                    == Fingerprint(source.resource(at: source.resourceIndices[row.row])))
            #expect(
                gathered.scope(at: gathered.scopeIndices[index])
                    == source.scope(at: source.scopeIndices[row.row]))
        }
    }

    @Test("equal strings, resources and scopes of different batches become one")
    func union() {
        var source = LogBatch()
        let resource = source.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string("cart"))]))
        let scope = source.append(Scope(name: "scope"))
        for index in 0..<300 {
            var record = LogRecord(time: .zero, observedTime: .zero)
            record.attributes = [Attribute("key", .string("value \(index)"))]
            source.append(record, resource: resource, scope: scope)
        }
        var gatherer = LogBatchGatherer([source, source, source])
        let rows = (0..<900).map { SourceRow(source: $0 % 3, row: $0 / 3) }
        let batch = gatherer.batch(rows[...])
        #expect(batch.strings.count == source.strings.count)
        #expect(batch.shared.resources.count == 1)
        #expect(batch.shared.scopes.count == 1)
    }
}
