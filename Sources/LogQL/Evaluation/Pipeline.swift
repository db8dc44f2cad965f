import QueryCore
import Telemetry

/// The stages of a query, ready to run.
struct Pipeline: Sendable {
    private enum Stage: Sendable {
        case line(LineTest)
    }

    private let stages: [Stage]

    init(_ stages: [PipelineStage]) throws(QueryError) {
        self.stages = try stages.map { stage throws(QueryError) in
            switch stage {
            case .line(let filter): return .line(try LineTest(filter))
            case .json, .label, .drop:
                throw .notSupported("\(stage)", at: stage.range, in: "")
            }
        }
    }

    /// Whether the line passes all stages; `labels` are then its labels.
    @inline(__always)
    func accepts(
        _ line: UnsafeRawBufferPointer, _ batch: borrowing LogBatch, row: Int,
        labels: inout LineLabels
    ) -> Bool {
        labels.lineByteCount = line.count
        for stage in stages {
            switch stage {
            case .line(let test): if !test.accepts(line) { return false }
            }
        }
        return true
    }
}
