/// Builds one batch from rows of others, in any order; the counterpart of `SpanBatchMerger`.
package struct LogBatchMerger {
    fileprivate struct Source {
        var batch: LogBatch
        var strings: StringMapping
        var shared: SharedMapping
    }

    private var sources: [Source] = []
    private var merged = LogBatch()
    private var shared = SharedColumnsBuilder()

    package init() {}

    package var count: Int { merged.count }

    /// Adds a batch to take rows from; returns its number.
    package mutating func add(_ batch: LogBatch) -> Int {
        sources.append(
            Source(
                batch: batch, strings: StringMapping(source: batch.strings),
                shared: SharedMapping(source: batch.shared)))
        return sources.count - 1
    }

    package mutating func append(row: Int, of source: Int) {
        sources[source].append(row: row, to: &merged, &shared)
    }

    /// The batch built so far; the merger starts over with the same sources.
    package mutating func take() -> LogBatch {
        var batch = LogBatch()
        swap(&batch, &merged)
        batch.shared = shared.columns
        shared = SharedColumnsBuilder()
        for index in sources.indices {
            sources[index].strings = StringMapping(source: sources[index].batch.strings)
            sources[index].shared = SharedMapping(source: sources[index].batch.shared)
        }
        return batch
    }
}

extension LogBatchMerger.Source {
    fileprivate mutating func append(
        row: Int, to merged: inout LogBatch, _ sharedColumns: inout SharedColumnsBuilder
    ) {
        let from = batch.strings
        merged.times.append(batch.times[row])
        merged.observedTimes.append(batch.observedTimes[row])
        merged.severityNumbers.append(batch.severityNumbers[row])
        merged.severityTexts.append(
            strings.map(batch.severityTexts[row], from: from, to: &merged.strings))
        merged.eventNames.append(
            strings.map(batch.eventNames[row], from: from, to: &merged.strings))
        let type = batch.bodyTypes[row]
        let payload = batch.bodyPayloads[row]
        merged.bodyTypes.append(type)
        merged.bodyPayloads.append(
            type.isInterned
                ? UInt64(
                    strings.map(
                        StringID(truncatingIfNeeded: payload), from: from, to: &merged.strings))
                : payload)
        merged.traceIDs.append(batch.traceIDs[row])
        merged.spanIDs.append(batch.spanIDs[row])
        merged.flags.append(batch.flags[row])
        merged.resourceIndices.append(
            shared.resource(
                batch.resourceIndices[row], of: batch.shared, from, mapping: &strings,
                to: &sharedColumns, &merged.strings))
        merged.scopeIndices.append(
            shared.scope(
                batch.scopeIndices[row], of: batch.shared, from, mapping: &strings,
                to: &sharedColumns, &merged.strings))
        strings.copy(
            batch.attributeRange(row), of: batch.attributes, from, to: &merged.attributes,
            &merged.strings)
        merged.attributeEnds.append(UInt32(merged.attributes.count))
        merged.droppedAttributeCounts.append(batch.droppedAttributeCounts[row])
    }
}

extension LogBatch {
    /// The given rows, in their order, as a batch that shares the strings, resources and scopes of this
    /// one: for a reader that goes over it once.
    /// - Complexity: O(rows and their attributes); no string is touched.
    package func picking(_ rows: [Int]) -> LogBatch {
        var picked = LogBatch()
        picked.strings = strings
        picked.shared = shared
        picked.times = rows.map { times[$0] }
        picked.observedTimes = rows.map { observedTimes[$0] }
        picked.severityNumbers = rows.map { severityNumbers[$0] }
        picked.severityTexts = rows.map { severityTexts[$0] }
        picked.eventNames = rows.map { eventNames[$0] }
        picked.bodyTypes = rows.map { bodyTypes[$0] }
        picked.bodyPayloads = rows.map { bodyPayloads[$0] }
        picked.traceIDs = rows.map { traceIDs[$0] }
        picked.spanIDs = rows.map { spanIDs[$0] }
        picked.flags = rows.map { flags[$0] }
        picked.resourceIndices = rows.map { resourceIndices[$0] }
        picked.scopeIndices = rows.map { scopeIndices[$0] }
        picked.droppedAttributeCounts = rows.map { droppedAttributeCounts[$0] }
        picked.attributeEnds.reserveCapacity(rows.count)
        var cells: [Int] = []
        for row in rows {
            cells.append(contentsOf: attributeRange(row))
            picked.attributeEnds.append(UInt32(truncatingIfNeeded: cells.count))
        }
        picked.attributes.keys = cells.map { attributes.keys[$0] }
        picked.attributes.types = cells.map { attributes.types[$0] }
        picked.attributes.payloads = cells.map { attributes.payloads[$0] }
        return picked
    }

    /// The given rows as a batch of their own.
    package func rows(_ rows: some Sequence<Int>) -> LogBatch {
        var merger = LogBatchMerger()
        let source = merger.add(self)
        for row in rows { merger.append(row: row, of: source) }
        return merger.take()
    }
}
