/// How a column of integers is laid out.
package enum IntegerLayout: Sendable {
    /// Bit-packed: small and fast by itself.
    case packed
    /// Byte planes: larger by itself, smaller once an entropy coder (zstd) has seen it.
    case planes
}

/// Columns of integers whose length the reader knows.
///
/// ```
/// column   = header u8 │ body          (nothing at all for no values)
/// header   = kind (bits 0–1) │ order << 2 (bits 2–3)
/// constant = value │ [step, if order = 1]
/// packed   = seed × order │ run of ≤ 128 residuals …          see `IntegerRun`
/// planes   = seed × order │ [base, if order = 0] │ width in bytes u8 │ plane of low bytes │ …
/// lengths  = run count varint │ column of values │ column of run lengths
/// ```
///
/// `order` is how often differences are taken before packing: 0 for the values (frame of reference),
/// 1 for steps, 2 for steps of steps (regular timestamps). Values, seeds and bases are zigzag varints.
/// All arithmetic wraps at 64 bits, so every sequence of integers round-trips.
package enum IntegerCodec {
    // MARK: Encoding

    package static func encode(
        _ values: UnsafeBufferPointer<Int64>, into writer: inout ByteWriter,
        layout: IntegerLayout = .packed
    ) {
        IntegerColumnEncoder.encode(values, into: &writer, layout: layout)
    }

    package static func encode(
        _ values: UnsafeBufferPointer<UInt64>, into writer: inout ByteWriter,
        layout: IntegerLayout = .packed
    ) {
        IntegerColumnEncoder.encode(values, into: &writer, layout: layout)
    }

    package static func encode(
        _ values: UnsafeBufferPointer<UInt32>, into writer: inout ByteWriter,
        layout: IntegerLayout = .packed
    ) {
        IntegerColumnEncoder.encode(values, into: &writer, layout: layout)
    }

    package static func encode(
        _ values: UnsafeBufferPointer<UInt8>, into writer: inout ByteWriter,
        layout: IntegerLayout = .packed
    ) {
        IntegerColumnEncoder.encode(values, into: &writer, layout: layout)
    }

    package static func encode(
        _ values: [Int64], into writer: inout ByteWriter, layout: IntegerLayout = .packed
    ) {
        values.withUnsafeBufferPointer { encode($0, into: &writer, layout: layout) }
    }

    package static func encode(
        _ values: [UInt64], into writer: inout ByteWriter, layout: IntegerLayout = .packed
    ) {
        values.withUnsafeBufferPointer { encode($0, into: &writer, layout: layout) }
    }

    package static func encode(
        _ values: [UInt32], into writer: inout ByteWriter, layout: IntegerLayout = .packed
    ) {
        values.withUnsafeBufferPointer { encode($0, into: &writer, layout: layout) }
    }

    package static func encode(
        _ values: [UInt8], into writer: inout ByteWriter, layout: IntegerLayout = .packed
    ) {
        values.withUnsafeBufferPointer { encode($0, into: &writer, layout: layout) }
    }

    // MARK: Decoding

    /// Fills `out`; values that do not fit its element type are truncated (only a damaged or foreign
    /// column holds such).
    package static func decode(
        from reader: inout ByteReader, into out: UnsafeMutableBufferPointer<Int64>
    ) throws(ColumnDecodeError) {
        try IntegerColumnDecoder.decode(from: &reader, into: out)
    }

    package static func decode(
        from reader: inout ByteReader, into out: UnsafeMutableBufferPointer<UInt64>
    ) throws(ColumnDecodeError) {
        try IntegerColumnDecoder.decode(from: &reader, into: out)
    }

    package static func decode(
        from reader: inout ByteReader, into out: UnsafeMutableBufferPointer<UInt32>
    ) throws(ColumnDecodeError) {
        try IntegerColumnDecoder.decode(from: &reader, into: out)
    }

    package static func decode(
        from reader: inout ByteReader, into out: UnsafeMutableBufferPointer<UInt8>
    ) throws(ColumnDecodeError) {
        try IntegerColumnDecoder.decode(from: &reader, into: out)
    }

    /// Reads `count` values. A constant column of any length takes three bytes, so it is the caller who
    /// bounds `count` before asking.
    package static func decode(
        from reader: inout ByteReader, count: Int
    ) throws(ColumnDecodeError) -> [Int64] {
        try IntegerColumnDecoder.array(from: &reader, count: count) {
            (reader, out) throws(ColumnDecodeError) in try decode(from: &reader, into: out)
        }
    }

    package static func decode(
        from reader: inout ByteReader, count: Int
    ) throws(ColumnDecodeError) -> [UInt64] {
        try IntegerColumnDecoder.array(from: &reader, count: count) {
            (reader, out) throws(ColumnDecodeError) in try decode(from: &reader, into: out)
        }
    }

    package static func decode(
        from reader: inout ByteReader, count: Int
    ) throws(ColumnDecodeError) -> [UInt32] {
        try IntegerColumnDecoder.array(from: &reader, count: count) {
            (reader, out) throws(ColumnDecodeError) in try decode(from: &reader, into: out)
        }
    }

    package static func decode(
        from reader: inout ByteReader, count: Int
    ) throws(ColumnDecodeError) -> [UInt8] {
        try IntegerColumnDecoder.array(from: &reader, count: count) {
            (reader, out) throws(ColumnDecodeError) in try decode(from: &reader, into: out)
        }
    }
}

/// The first byte of a column.
struct IntegerHeader {
    enum Kind: UInt8 {
        case constant = 0
        case packed = 1
        case planes = 2
        case lengths = 3
    }

    var kind: Kind
    /// 0, 1 or 2.
    var order: Int

    var byte: UInt8 { kind.rawValue | UInt8(truncatingIfNeeded: order) << 2 }

    init(_ kind: Kind, order: Int = 0) {
        self.kind = kind
        self.order = order
    }

    init?(_ byte: UInt8) {
        guard byte >> 2 <= 2, let kind = Kind(rawValue: byte & 3) else { return nil }
        self.kind = kind
        order = Int(byte >> 2)
    }
}
