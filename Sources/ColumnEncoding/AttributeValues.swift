import Telemetry

/// A column of attribute values of one type, as payloads of `AttributeColumns`.
///
/// ```
/// string, bytes, array, map = dictionary size varint │ string ids │ ranks, or a derived column
///                             (see `DerivedColumns`)
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
        guard !type.isInterned else { return try decodeStrings(payloads, id: id, from: decoder) }
        let found: Void? = try decoder.container.read(id, "attribute values \(id)") {
            (reader) throws(ColumnDecodeError) in
            if type == .double {
                try FloatCodec.decode(from: &reader, bits: payloads)
            } else if type != .empty {
                try IntegerCodec.decode(from: &reader, into: payloads)
            } else {
                payloads.update(repeating: 0)
            }
        }
        if found == nil { payloads.update(repeating: 0) }
    }

    private static func decodeStrings(
        _ payloads: UnsafeMutableBufferPointer<UInt64>, id: UInt32, from decoder: BatchDecoder
    ) throws(ColumnDecodeError) {
        guard let (dictionary, ranks) = try decoder.ranked(id, count: payloads.count) else {
            return payloads.update(repeating: 0)
        }
        dictionary.withUnsafeBufferPointer { dictionary in
            for row in 0..<payloads.count { payloads[row] = UInt64(dictionary[Int(ranks[row])]) }
        }
    }
}
