/// Builds one batch from rows of others, in any order: sealing sorts by trace with it, queries gather
/// their matches. Strings, resources and scopes that are equal become one.
package struct SpanBatchMerger {
    fileprivate struct Source {
        var batch: SpanBatch
        var strings: StringMapping
        var shared: SharedMapping
    }

    private var sources: [Source] = []
    private var merged = SpanBatch()
    private var shared = SharedColumnsBuilder()

    package init() {}

    package var count: Int { merged.count }

    /// Adds a batch to take rows from; returns its number.
    package mutating func add(_ batch: SpanBatch) -> Int {
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
    package mutating func take() -> SpanBatch {
        var batch = SpanBatch()
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

extension SpanBatchMerger.Source {
    fileprivate mutating func append(
        row: Int, to merged: inout SpanBatch, _ sharedColumns: inout SharedColumnsBuilder
    ) {
        let from = batch.strings
        merged.traceIDs.append(batch.traceIDs[row])
        merged.spanIDs.append(batch.spanIDs[row])
        merged.parentIDs.append(batch.parentIDs[row])
        merged.starts.append(batch.starts[row])
        merged.durations.append(batch.durations[row])
        merged.names.append(strings.map(batch.names[row], from: from, to: &merged.strings))
        merged.kinds.append(batch.kinds[row])
        merged.statuses.append(batch.statuses[row])
        merged.statusMessages.append(
            strings.map(batch.statusMessages[row], from: from, to: &merged.strings))
        merged.traceStates.append(
            strings.map(batch.traceStates[row], from: from, to: &merged.strings))
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
        appendEvents(of: row, to: &merged)
        appendLinks(of: row, to: &merged)
        merged.droppedAttributeCounts.append(batch.droppedAttributeCounts[row])
        merged.droppedEventCounts.append(batch.droppedEventCounts[row])
        merged.droppedLinkCounts.append(batch.droppedLinkCounts[row])
    }

    private mutating func appendEvents(of row: Int, to merged: inout SpanBatch) {
        for event in batch.eventRange(row) {
            merged.events.times.append(batch.events.times[event])
            merged.events.names.append(
                strings.map(batch.events.names[event], from: batch.strings, to: &merged.strings))
            strings.copy(
                batch.events.attributeRange(event), of: batch.events.attributes, batch.strings,
                to: &merged.events.attributes, &merged.strings)
            merged.events.attributeEnds.append(UInt32(merged.events.attributes.count))
            merged.events.droppedAttributeCounts.append(batch.events.droppedAttributeCounts[event])
        }
        merged.eventEnds.append(UInt32(merged.events.count))
    }

    private mutating func appendLinks(of row: Int, to merged: inout SpanBatch) {
        for link in batch.linkRange(row) {
            merged.links.traceIDs.append(batch.links.traceIDs[link])
            merged.links.spanIDs.append(batch.links.spanIDs[link])
            merged.links.traceStates.append(
                strings.map(
                    batch.links.traceStates[link], from: batch.strings, to: &merged.strings))
            merged.links.flags.append(batch.links.flags[link])
            strings.copy(
                batch.links.attributeRange(link), of: batch.links.attributes, batch.strings,
                to: &merged.links.attributes, &merged.strings)
            merged.links.attributeEnds.append(UInt32(merged.links.attributes.count))
            merged.links.droppedAttributeCounts.append(batch.links.droppedAttributeCounts[link])
        }
        merged.linkEnds.append(UInt32(merged.links.count))
    }
}

extension SpanBatch {
    /// The given rows as a batch of their own.
    package func rows(_ rows: some Sequence<Int>) -> SpanBatch {
        var merger = SpanBatchMerger()
        let source = merger.add(self)
        for row in rows { merger.append(row: row, of: source) }
        return merger.take()
    }
}
