import Store
import Telemetry

/// The label `severity_text`: the word that the record has, or, where it has but a number, the name of that
/// (OpenTelemetry Logs Data Model, "Displaying Severity", without the numbers behind `ERROR2` …).
enum RecordSeverity {
    private static let names: [StaticString] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]

    @inline(__always)
    static func withText<Result>(
        _ batch: borrowing LogBatch, row: Int, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let number = Int(batch.severityNumbers[row])
        return batch.strings.withBytes(of: batch.severityTexts[row]) { text in
            guard text.isEmpty, (1...24).contains(number) else { return body(text) }
            let name = names[(number - 1) / 4]
            return body(
                UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        }
    }

    /// The label `detected_level`, by which Grafana colours the volume of logs: in the words that Loki's
    /// detection has for it.
    static func level(_ batch: borrowing LogBatch, row: Int) -> String {
        SeverityLevel.name(of: batch.severityNumbers[row])
    }
}
