import Store
import Telemetry

extension LineLabels {
    /// The attributes of a record with a body under the names of labels, those left out that a label of the
    /// stream or a field has, or that `drop` and `keep` took.
    func metadata(_ batch: borrowing LogBatch, row: Int) -> Labels {
        guard batch.bodyTypes[row] != .empty else { return .empty }
        var pairs: [(name: String, value: String)] = []
        for cell in batch.attributeRange(row) {
            let name = LogStream.fieldName(batch.strings[batch.attributes.keys[cell]])
            guard !name.isEmpty, answersToRecord(name), !pairs.contains(where: { $0.name == name })
            else { continue }
            let value = batch.attributes.value(at: cell, strings: batch.strings).text
            guard !value.isEmpty else { continue }
            pairs.append((name, value))
        }
        return Labels(pairs)
    }
}
