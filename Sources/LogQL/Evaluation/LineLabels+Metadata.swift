import Store
import Telemetry

extension LineLabels {
    /// The attributes of a record with a body under the names of labels, those left out that a label of the
    /// stream or a field has, or that `drop` and `keep` took.
    mutating func metadata(_ batch: borrowing LogBatch, row: Int) -> Labels {
        guard batch.bodyTypes[row] != .empty else { return .empty }
        var pairs: [(name: String, value: String)] = []
        var names: Set<String> = []
        for cell in batch.attributeRange(row) {
            let name = LogStream.fieldName(batch.strings[batch.attributes.keys[cell]])
            guard !name.isEmpty, answersToRecord(name), !names.contains(name) else { continue }
            let value = batch.attributes.value(at: cell, strings: batch.strings).text
            guard !value.isEmpty else { continue }
            names.insert(name)
            pairs.append((name, value))
        }
        return Labels(pairs)
    }

    /// The labels of a line that is counted by all of them: as in a result, and what `keep` names of the
    /// record. What else came beside lines does not make series of them: ids, say, are as many as lines.
    mutating func counted(_ batch: borrowing LogBatch, row: Int) -> Labels {
        guard let kept, !kept.isEmpty else { return all }
        let shown = all
        var pairs: [(name: String, value: String)] = []
        for name in kept where name.kind != .error && name.kind != .errorDetails {
            let text = name.text
            guard shown[text] == nil, answersToRecord(text) else { continue }
            let value = withValue(of: name, batch, row: row) { String(decoding: $0, as: UTF8.self) }
            if !value.isEmpty { pairs.append((text, value)) }
        }
        return pairs.isEmpty ? shown : shown.merging(Labels(pairs))
    }

    /// What a record says under a name that no label of the stream and no parsed field has: its severity and
    /// its attributes, those of a structured line under the names and with the values that parsing it
    /// gives. So one query is answered by lines of all forms.
    static func appendMetadata(
        _ name: LabelName, _ batch: borrowing LogBatch, row: Int, to output: inout [UInt8]
    ) {
        switch name.kind {
        case .severityText:
            return RecordSeverity.withText(batch, row: row) { output.append(contentsOf: $0) }
        case .detectedLevel:
            appendAttribute(name.bytes, batch, row: row, to: &output)
            guard output.isEmpty else { return }
            return output.append(contentsOf: RecordSeverity.level(batch, row: row).utf8)
        default: break
        }
        appendAttribute(name.bytes, batch, row: row, to: &output)
        guard output.isEmpty, name.derivedFrom != nil else { return }
        var source: [UInt8] = []
        appendAttribute(Array(DerivedLogField.flags.utf8), batch, row: row, to: &source)
        source.withUnsafeBytes { DerivedLogField.append($0, to: &output) }
    }

    /// The first attribute of that name that is not empty.
    private static func appendAttribute(
        _ name: [UInt8], _ batch: borrowing LogBatch, row: Int, to output: inout [UInt8]
    ) {
        let isStructured = batch.bodyTypes[row] == .empty
        for cell in batch.attributeRange(row) {
            let (type, key) = (batch.attributes.types[cell], batch.attributes.keys[cell])
            if type == .map, isStructured {
                appendMember(name, of: cell, batch, to: &output)
            } else if batch.strings.withBytes(of: key, { SanitizedName.equals($0, name) }) {
                append(cell, isStructured: isStructured, batch, to: &output)
            }
            if !output.isEmpty { return }
        }
    }

    private static func append(
        _ cell: Int, isStructured: Bool, _ batch: borrowing LogBatch, to output: inout [UInt8]
    ) {
        let (type, payload) = (batch.attributes.types[cell], batch.attributes.payloads[cell])
        if type == .string {
            return batch.strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
                output.append(contentsOf: $0)
            }
        }
        guard isStructured else {
            var value = batch.attributes.value(at: cell, strings: batch.strings).text
            return value.withUTF8 { output.append(contentsOf: $0) }
        }
        guard type != .empty, type != .array else { return }
        let start = output.count
        JSONText.append(type: type, payload: payload, strings: batch.strings, to: &output)
        guard output[start] == UInt8(ascii: "\"") else { return }
        output.removeLast()
        output.remove(at: start)
    }

    /// A field inside a map, if it may have one of that name.
    private static func appendMember(
        _ name: [UInt8], of cell: Int, _ batch: borrowing LogBatch, to output: inout [UInt8]
    ) {
        var path: [UInt8] = []
        batch.strings.withBytes(of: batch.attributes.keys[cell]) {
            SanitizedName.append($0, to: &path)
        }
        guard name.count > path.count, name.starts(with: path) else { return }
        var text: [UInt8] = []
        JSONText.append(
            type: .map, payload: batch.attributes.payloads[cell], strings: batch.strings,
            to: &text)
        var inner = LineLabels()
        text.withUnsafeBytes { text in
            var flattener = JSONFlattener(text, path: path)
            _ = flattener.run(into: &inner)
        }
        inner.withField(name) { output.append(contentsOf: $0) }
    }
}
