import Telemetry

/// The counterpart of `LogBatchGatherer` for spans.
package struct SpanBatchGatherer: ~Copyable {
    private let sources: [SpanBatch]
    private var strings: StringUnion
    private var shared: SharedUnion

    package init(_ sources: [SpanBatch]) {
        self.sources = sources
        strings = StringUnion(sources.map(\.strings))
        shared = SharedUnion(sources.map(\.shared))
    }

    /// The given rows of the sources as a batch, in their order.
    package mutating func batch(_ rows: ArraySlice<SourceRow>) -> SpanBatch {
        let plan = GatherPlan(rows, sources: sources.count)
        let sources = sources
        var batch = SpanBatch()
        batch.traceIDs = plan.column { sources[$0].traceIDs }
        batch.spanIDs = plan.column { sources[$0].spanIDs }
        batch.parentIDs = plan.column { sources[$0].parentIDs }
        batch.starts = plan.column { sources[$0].starts }
        batch.durations = plan.column { sources[$0].durations }
        batch.names = plan.strings(&strings) { sources[$0].names }
        batch.kinds = plan.column { sources[$0].kinds }
        batch.statuses = plan.column { sources[$0].statuses }
        batch.statusMessages = plan.strings(&strings) { sources[$0].statusMessages }
        batch.traceStates = plan.strings(&strings) { sources[$0].traceStates }
        batch.flags = plan.sparseColumn { sources[$0].flags }
        batch.resourceIndices = shared.resourceNumbers(plan, &strings) {
            sources[$0].resourceIndices
        }
        batch.scopeIndices = shared.scopeNumbers(plan, &strings) { sources[$0].scopeIndices }
        batch.droppedAttributeCounts = plan.sparseColumn { sources[$0].droppedAttributeCounts }
        batch.droppedEventCounts = plan.sparseColumn { sources[$0].droppedEventCounts }
        batch.droppedLinkCounts = plan.sparseColumn { sources[$0].droppedLinkCounts }
        batch.attributeEnds = plan.ends { sources[$0].attributeEnds }
        let cells = plan.cells({ sources[$0].attributeEnds }, targetEnds: batch.attributeEnds)
        batch.attributes = cells.attributes(&strings) { sources[$0].attributes }
        gatherEvents(plan, into: &batch)
        gatherLinks(plan, into: &batch)
        batch.strings = strings.take()
        batch.shared = shared.take()
        return batch
    }

    private mutating func gatherEvents(_ plan: GatherPlan, into batch: inout SpanBatch) {
        let sources = sources
        batch.eventEnds = plan.ends { sources[$0].eventEnds }
        let events = plan.cells({ sources[$0].eventEnds }, targetEnds: batch.eventEnds)
        guard events.rows > 0 else { return }
        batch.events.times = events.column { sources[$0].events.times }
        batch.events.names = events.strings(&strings) { sources[$0].events.names }
        batch.events.droppedAttributeCounts = events.column {
            sources[$0].events.droppedAttributeCounts
        }
        batch.events.attributeEnds = events.ends { sources[$0].events.attributeEnds }
        let cells = events.cells(
            { sources[$0].events.attributeEnds }, targetEnds: batch.events.attributeEnds)
        batch.events.attributes = cells.attributes(&strings) { sources[$0].events.attributes }
    }

    private mutating func gatherLinks(_ plan: GatherPlan, into batch: inout SpanBatch) {
        let sources = sources
        batch.linkEnds = plan.ends { sources[$0].linkEnds }
        let links = plan.cells({ sources[$0].linkEnds }, targetEnds: batch.linkEnds)
        guard links.rows > 0 else { return }
        batch.links.traceIDs = links.column { sources[$0].links.traceIDs }
        batch.links.spanIDs = links.column { sources[$0].links.spanIDs }
        batch.links.traceStates = links.strings(&strings) { sources[$0].links.traceStates }
        batch.links.flags = links.column { sources[$0].links.flags }
        batch.links.droppedAttributeCounts = links.column {
            sources[$0].links.droppedAttributeCounts
        }
        batch.links.attributeEnds = links.ends { sources[$0].links.attributeEnds }
        let cells = links.cells(
            { sources[$0].links.attributeEnds }, targetEnds: batch.links.attributeEnds)
        batch.links.attributes = cells.attributes(&strings) { sources[$0].links.attributes }
    }
}
