import Telemetry

extension Stage where Batch == SpanBatch {
    /// Takes personal data out of spans: attributes of the span, its resource, events and links, its name,
    /// its status message and the names of its events. What was taken out is not in the batch that goes on.
    package static func redaction(_ rules: [RedactionRule]) -> Stage {
        let redaction = Redaction(rules)
        return Stage("redaction") { batch, _, _ in redaction.apply(to: batch) }
    }
}

extension Redaction {
    /// Rows that no rule concerns are copied as they are.
    func apply(to batch: SpanBatch) -> SpanBatch {
        let concern = RedactionConcern(
            batch.strings, fields: Set(fields.keys), patterns: patterns.map(\.pattern))
        let rows = (0..<batch.count).filter { concern.concerns(batch, row: $0) }
        guard !rows.isEmpty else { return batch }
        var changed = SpanBatch()
        var resources: [UInt32: UInt32] = [:]
        for row in rows {
            let index = batch.resourceIndices[row]
            if resources[index] == nil {
                var resource = batch.resource(at: index)
                var taken: [String] = []
                resource.attributes = redacted(resource.attributes, &taken)
                resources[index] = changed.append(resource)
            }
            let scope = changed.append(batch.scope(at: batch.scopeIndices[row]))
            changed.append(
                redacted(batch.span(at: row)), resource: resources[index] ?? 0, scope: scope)
        }
        var merger = SpanBatchMerger()
        let (old, new) = (merger.add(batch), merger.add(changed))
        var next = 0
        for row in 0..<batch.count {
            if next < rows.count, rows[next] == row {
                merger.append(row: next, of: new)
                next += 1
            } else {
                merger.append(row: row, of: old)
            }
        }
        return merger.take()
    }

    private func redacted(_ span: SpanRecord) -> SpanRecord {
        var span = span
        var taken: [String] = []
        span.attributes = redacted(span.attributes, &taken)
        for index in span.events.indices {
            span.events[index].attributes = redacted(span.events[index].attributes, &taken)
        }
        for index in span.links.indices {
            span.links[index].attributes = redacted(span.links[index].attributes, &taken)
        }
        let values = taken
        func plain(_ text: String) -> String {
            masked(text, without: values)
        }
        span.name = plain(span.name)
        span.statusMessage = plain(span.statusMessage)
        for index in span.events.indices {
            span.events[index].name = plain(span.events[index].name)
        }
        return span
    }
}
