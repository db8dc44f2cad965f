import Telemetry

/// The labels of one line on its way through the stages.
struct LineLabels {
    static let traceID = "trace_id"
    static let spanID = "span_id"

    private(set) var stream = Labels.empty
    /// Bytes of the line.
    var lineByteCount = 0

    mutating func begin(stream: Labels) {
        self.stream = stream
        lineByteCount = 0
    }

    /// As in a result.
    var all: Labels { stream }
}
