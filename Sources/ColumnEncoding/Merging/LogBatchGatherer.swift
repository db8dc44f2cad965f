import Telemetry

/// Builds batches from rows of others column by column: the merge of sealing and compaction. Strings,
/// resources and scopes that are equal become one.
package struct LogBatchGatherer: ~Copyable {
    private let sources: [LogBatch]
    private var strings: StringUnion
    private var shared: SharedUnion

    package init(_ sources: [LogBatch]) {
        self.sources = sources
        strings = StringUnion(sources.map(\.strings))
        shared = SharedUnion(sources.map(\.shared))
    }

    /// The given rows of the sources as a batch, in their order.
    package mutating func batch(_ rows: ArraySlice<SourceRow>) -> LogBatch {
        let plan = GatherPlan(rows, sources: sources.count)
        let sources = sources
        var batch = LogBatch()
        batch.times = plan.column { sources[$0].times }
        batch.observedTimes = plan.column { sources[$0].observedTimes }
        batch.severityNumbers = plan.column { sources[$0].severityNumbers }
        batch.severityTexts = plan.strings(&strings) { sources[$0].severityTexts }
        batch.eventNames = plan.strings(&strings) { sources[$0].eventNames }
        batch.bodyTypes = plan.column { sources[$0].bodyTypes }
        batch.bodyPayloads = plan.payloads(types: batch.bodyTypes, &strings) {
            sources[$0].bodyPayloads
        }
        batch.traceIDs = plan.column { sources[$0].traceIDs }
        batch.spanIDs = plan.column { sources[$0].spanIDs }
        batch.flags = plan.column { sources[$0].flags }
        batch.resourceIndices = shared.resourceNumbers(plan, &strings) {
            sources[$0].resourceIndices
        }
        batch.scopeIndices = shared.scopeNumbers(plan, &strings) { sources[$0].scopeIndices }
        batch.attributeEnds = plan.ends { sources[$0].attributeEnds }
        batch.droppedAttributeCounts = plan.column { sources[$0].droppedAttributeCounts }
        let cells = plan.cells({ sources[$0].attributeEnds }, targetEnds: batch.attributeEnds)
        batch.attributes = cells.attributes(&strings) { sources[$0].attributes }
        batch.strings = strings.take()
        batch.shared = shared.take()
        return batch
    }
}
