import Telemetry

/// Adds the fields of a record that is kept in typed columns as labels, with the names and values that
/// parsing its rendered line would give.
struct FieldColumns {
    private var path: [UInt8] = []
    private var text: [UInt8] = []

    mutating func add(_ batch: borrowing LogBatch, row: Int, into labels: inout LineLabels) {
        for cell in batch.attributeRange(row) {
            path.removeAll(keepingCapacity: true)
            batch.strings.withBytes(of: batch.attributes.keys[cell]) {
                SanitizedName.append($0, to: &path)
            }
            let payload = batch.attributes.payloads[cell]
            switch batch.attributes.types[cell] {
            case .empty, .array: continue
            case .string:
                guard !path.isEmpty else { continue }
                batch.strings.withBytes(of: StringID(truncatingIfNeeded: payload)) { value in
                    path.withUnsafeBytes { labels.add(name: $0, value: value) }
                }
            case .map: addMap(batch, payload, into: &labels)
            case .int, .double, .bool, .bytes:
                addScalar(batch, batch.attributes.types[cell], payload, into: &labels)
            }
        }
    }

    private mutating func addMap(
        _ batch: borrowing LogBatch, _ payload: UInt64, into labels: inout LineLabels
    ) {
        render(batch, .map, payload)
        text.withUnsafeBytes { text in
            var flattener = JSONFlattener(text, path: path)
            if !flattener.run(into: &labels), !text.elementsEqual("null".utf8) {
                labels.fail(.json)
            }
        }
    }

    /// As in JSON, without quotes.
    private mutating func addScalar(
        _ batch: borrowing LogBatch, _ type: AttributeType, _ payload: UInt64,
        into labels: inout LineLabels
    ) {
        guard !path.isEmpty else { return }
        render(batch, type, payload)
        text.withUnsafeBytes { text in
            let isQuoted = text.first == UInt8(ascii: "\"")
            let content = isQuoted ? 1..<(text.count - 1) : 0..<text.count
            path.withUnsafeBytes {
                labels.add(name: $0, value: UnsafeRawBufferPointer(rebasing: text[content]))
            }
        }
    }

    private mutating func render(
        _ batch: borrowing LogBatch, _ type: AttributeType, _ payload: UInt64
    ) {
        text.removeAll(keepingCapacity: true)
        JSONText.append(type: type, payload: payload, strings: batch.strings, to: &text)
    }
}
