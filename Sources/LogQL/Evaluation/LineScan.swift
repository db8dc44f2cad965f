import QueryCore
import Store
import Telemetry

/// Takes the lines that satisfy a query, in the order of the scan.
protocol LineConsumer {
    /// Whether a line of that time matters, asked before anything is done for it.
    func wants(_ time: Timestamp) -> Bool
    /// - Parameter labels: those of the line after the last stage.
    mutating func take(
        _ batch: borrowing LogBatch, row: Int, labels: inout LineLabels
    ) throws(QueryError)
    /// Whether lines at `bound` or beyond it do not matter.
    mutating func isComplete(whenRestIsBeyond bound: Timestamp) -> Bool
}

/// Reads the store and runs the stages of a query on each line.
struct LineScan {
    private let pipeline: Pipeline
    private let predicate: LogPredicate
    private let context: QueryContext
    private let rendersAll: Bool

    /// - Parameter needsByteCounts: whether the consumer wants the length of every line.
    init(
        _ query: LogQuery, needsByteCounts: Bool = false, context: QueryContext
    ) throws(QueryError) {
        let condition = try StreamCondition(query.matchers)
        pipeline = try Pipeline(query.stages)
        predicate = LogPredicate(
            stream: { condition.accepts($0) }, traceID: query.requiredTraceID,
            requiredTexts: query.requiredTexts)
        self.context = context
        rendersAll = needsByteCounts || pipeline.readsText
    }

    func run(
        on store: any LogStore, in range: TimeRange, direction: ScanDirection,
        into consumer: inout some LineConsumer
    ) throws(QueryError) {
        guard !range.isEmpty else { return }
        try context.check()
        var failure: QueryError?
        var buffer: [UInt8] = []
        do throws(StoreError) {
            try store.scanLogs(predicate, in: range, direction: direction) { batch, bound in
                do throws(QueryError) {
                    try context.check()
                    try take(batch, buffer: &buffer, into: &consumer)
                } catch {
                    failure = error
                    return false
                }
                return !consumer.isComplete(whenRestIsBeyond: bound)
            }
        } catch {
            throw QueryError(error)
        }
        if let failure { throw failure }
    }

    private func take(
        _ batch: LogBatch, buffer: inout [UInt8], into consumer: inout some LineConsumer
    ) throws(QueryError) {
        var streams = [Labels?](repeating: nil, count: batch.shared.resources.count)
        var labels = LineLabels()
        var columns = FieldColumns()
        for row in 0..<batch.count where consumer.wants(batch.times[row]) {
            let resource = batch.resourceIndices[row]
            let stream =
                streams[Int(resource)] ?? LogStream.labels(of: batch.resource(at: resource))
            streams[Int(resource)] = stream
            labels.begin(stream: stream, batch, row: row)
            let isAccepted = withLine(of: batch, row: row, buffer: &buffer) { line in
                pipeline.accepts(line, batch, row: row, labels: &labels, columns: &columns)
            }
            if isAccepted { try consumer.take(batch, row: row, labels: &labels) }
        }
    }

    /// Text bodies are seen where they are; other lines are rendered, those kept as fields only if
    /// somebody looks at the text.
    @inline(__always)
    private func withLine<Result>(
        of batch: LogBatch, row: Int, buffer: inout [UInt8],
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let type = batch.bodyTypes[row]
        if type == .string {
            return batch.strings.withBytes(
                of: StringID(truncatingIfNeeded: batch.bodyPayloads[row]), body)
        }
        buffer.removeAll(keepingCapacity: true)
        if rendersAll || type != .empty { LogLine.append(batch, row: row, to: &buffer) }
        return buffer.withUnsafeBytes { body($0) }
    }
}

extension LogQuery {
    /// Texts that every resulting line holds.
    var requiredTexts: [String] {
        stages.compactMap { stage in
            guard case .line(let filter) = stage, filter.operator == .contains,
                filter.texts.count == 1, !filter.texts[0].isEmpty
            else { return nil }
            return filter.texts[0]
        }
    }

    /// The trace that every resulting line belongs to, by a filter before any parser: a field of the
    /// line may have the same name.
    var requiredTraceID: TraceID? {
        for stage in stages {
            switch stage {
            case .line, .drop: continue
            case .json: return nil
            case .label(let filter, _):
                if let trace = filter.requiredTraceID { return trace }
            }
        }
        return nil
    }
}

extension LabelFilter {
    fileprivate var requiredTraceID: TraceID? {
        switch self {
        case .text(let matcher):
            guard matcher.name == LineLabels.traceID, matcher.operator == .equal else { return nil }
            do throws(IdentifierError) {
                let trace = try TraceID(hex: matcher.value)
                return trace.isValid && trace.hex == matcher.value ? trace : nil
            } catch {
                return nil
            }
        case .quantity, .any: return nil
        case .all(let parts): return parts.lazy.compactMap(\.requiredTraceID).first
        }
    }
}
