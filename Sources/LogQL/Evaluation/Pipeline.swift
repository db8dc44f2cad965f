import QueryCore
import Telemetry

/// The stages of a query, ready to run.
struct Pipeline: Sendable {
    private enum Stage: Sendable {
        case line(LineTest)
        case json
        case label(LabelTest)
        case drop([[UInt8]])
    }

    private let stages: [Stage]
    /// Whether a stage looks at the text of lines that are kept as fields.
    let readsText: Bool

    init(_ stages: [PipelineStage]) throws(QueryError) {
        self.stages = try stages.map { stage throws(QueryError) in
            switch stage {
            case .line(let filter): .line(try LineTest(filter))
            case .json: .json
            case .label(let filter, _): .label(try LabelTest(filter))
            case .drop(let names, _): .drop(names.map { Array($0.utf8) })
            }
        }
        readsText = self.stages.contains { stage in
            if case .line = stage { true } else { false }
        }
    }

    /// Whether the line passes all stages; `labels` are then its labels.
    @inline(__always)
    func accepts(
        _ line: UnsafeRawBufferPointer, _ batch: borrowing LogBatch, row: Int,
        labels: inout LineLabels, columns: inout FieldColumns
    ) -> Bool {
        labels.lineByteCount = line.count
        for stage in stages {
            switch stage {
            case .line(let test): if !test.accepts(line) { return false }
            case .json:
                if batch.bodyTypes[row] == .empty {
                    columns.add(batch, row: row, into: &labels)
                } else if !line.isEmpty {
                    var flattener = JSONFlattener(line)
                    if !flattener.run(into: &labels) { labels.fail(.json) }
                }
            case .label(let test): if !test.accepts(&labels, batch, row: row) { return false }
            case .drop(let names): labels.drop(names)
            }
        }
        return true
    }
}
