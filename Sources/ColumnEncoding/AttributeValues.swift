import Telemetry

/// A column of attribute values of one type, as payloads of `AttributeColumns`.
///
/// ```
/// string, bytes, array, map = dictionary size varint │ string ids │ ranks
/// bool, int = integer column     double = `FloatCodec` column     empty = no column
/// ```
enum AttributeValues {
    static func encode(
        _ payloads: UnsafeBufferPointer<UInt64>, type: AttributeType, id: UInt32,
        into encoder: inout BatchEncoder
    ) {
        guard !payloads.isEmpty else { return }
        switch type {
        case .empty: return
        case .string, .bytes, .array, .map: encoder.addStrings(id, payloads)
        case .bool, .int:
            encoder.container.add(id) { writer, layout in
                IntegerCodec.encode(payloads, into: &writer, layout: layout)
            }
        case .double:
            encoder.container.add(id) { writer, layout in
                FloatCodec.encode(bits: payloads, into: &writer, layout: layout)
            }
        }
    }

    /// Fills `payloads`.
    static func decode(
        _ payloads: UnsafeMutableBufferPointer<UInt64>, type: AttributeType, id: UInt32,
        from decoder: BatchDecoder
    ) throws(ColumnDecodeError) {
        guard !payloads.isEmpty else { return }
        let limit = decoder.stringCount
        let found: Void? = try decoder.container.read(id, "attribute values \(id)") {
            (reader) throws(ColumnDecodeError) in
            switch type {
            case .empty: payloads.update(repeating: 0)
            case .string, .bytes, .array, .map:
                let dictionary = try BatchDecoder.dictionary(
                    &reader, count: payloads.count, limit: limit)
                try IntegerCodec.decode(from: &reader, into: payloads)
                guard BatchDecoder.translate(payloads, dictionary) else {
                    throw reader.corrupt("rank beyond the dictionary")
                }
            case .bool, .int: try IntegerCodec.decode(from: &reader, into: payloads)
            case .double: try FloatCodec.decode(from: &reader, bits: payloads)
            }
        }
        if found == nil { payloads.update(repeating: 0) }
    }
}
