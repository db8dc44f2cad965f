import Telemetry

/// The first 64 bytes of a segment file, little-endian:
/// ```
///  0  u64  magic "SLjourna"
///  8  u32  version, 1
/// 12  u32  zero
/// 16  u64  first: the sequence of the first record to come
/// 24  u64  follows: the sequence of the last record that the journal held when this segment was begun;
///          `first - 1` unless the numbering jumped. Records of earlier segments with a higher
///          sequence were never acknowledged.
/// 32  u64  salt: random; part of every checksum in the file, so that neither payloads that contain
///          records nor recycled blocks of the disk are ever taken for records
/// 40  i64  creation time, nanoseconds since 1970
/// 48  u64  zero
/// 56  u64  checksum of the 56 bytes before, seed 0
/// ```
/// Records follow, each at a multiple of 8 bytes: see `RecordHeader`.
struct SegmentHeader: Equatable {
    static let byteCount = 64
    static let version: UInt32 = 1
    private static let magic: UInt64 = 0x616E_7275_6F6A_4C53

    var first: UInt64
    var follows: UInt64
    var salt: UInt64
    var created: Timestamp

    enum Reading: Equatable {
        case header(SegmentHeader)
        case unknownVersion(UInt32)
        case unreadable
    }

    func encoded() -> [UInt8] {
        withUnsafeTemporaryAllocation(
            byteCount: SegmentHeader.byteCount, alignment: 8
        ) { buffer in
            buffer.initializeMemory(as: UInt8.self, repeating: 0)
            buffer.storeBytes(of: SegmentHeader.magic.littleEndian, as: UInt64.self)
            buffer.storeBytes(
                of: SegmentHeader.version.littleEndian, toByteOffset: 8, as: UInt32.self)
            buffer.storeBytes(of: first.littleEndian, toByteOffset: 16, as: UInt64.self)
            buffer.storeBytes(of: follows.littleEndian, toByteOffset: 24, as: UInt64.self)
            buffer.storeBytes(of: salt.littleEndian, toByteOffset: 32, as: UInt64.self)
            buffer.storeBytes(
                of: created.nanoseconds.littleEndian, toByteOffset: 40, as: Int64.self)
            let checksum = RecordChecksum.of(
                UnsafeRawBufferPointer(rebasing: buffer[..<56]), seed: 0)
            buffer.storeBytes(of: checksum.littleEndian, toByteOffset: 56, as: UInt64.self)
            return Array(buffer)
        }
    }

    static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
        guard bytes.count >= byteCount, word(bytes, 0) == magic else { return .unreadable }
        let checksum = RecordChecksum.of(UnsafeRawBufferPointer(rebasing: bytes[..<56]), seed: 0)
        guard word(bytes, 56) == checksum else { return .unreadable }
        let version = UInt32(truncatingIfNeeded: word(bytes, 8))
        guard version == SegmentHeader.version else { return .unknownVersion(version) }
        return .header(
            SegmentHeader(
                first: word(bytes, 16), follows: word(bytes, 24), salt: word(bytes, 32),
                created: Timestamp(nanoseconds: Int64(bitPattern: word(bytes, 40)))))
    }
}

/// The 56 bytes before a record's payload, little-endian:
/// ```
///  0  u32  magic "SLrc"
///  4  u32  payload bytes
///  8  u8   kind
///  9  u8   flags: 1 has a digest, 2 starts a batch
/// 10  u16  zero
/// 12  u32  checksum of this header with zero in this place, seed: the salt
/// 16  u64  sequence
/// 24  i64  arrival, nanoseconds since 1970
/// 32  u64  digest, high half
/// 40  u64  digest, low half
/// 48  u64  checksum of the payload, seed: the salt xor the sequence
/// ```
/// The payload follows, then zeros up to a multiple of 8. A record that starts a batch proves that
/// every record before it was acknowledged (or refused and cut off), so damage before it is damage, and
/// not the end of an append that a crash cut short.
struct RecordHeader: Equatable {
    static let byteCount = 56
    static let alignment = 8
    static let magic: UInt32 = 0x6372_4C53

    var payloadBytes: UInt32
    var kind: RecordKind
    var startsBatch: Bool
    var sequence: UInt64
    var arrival: Timestamp
    var digest: ContentHash?
    var payloadChecksum: UInt64

    /// The bytes of a record in the file, padding included.
    static func recordBytes(payloadBytes: Int) -> Int {
        (byteCount + payloadBytes + alignment - 1) & ~(alignment - 1)
    }

    var recordBytes: Int { RecordHeader.recordBytes(payloadBytes: Int(payloadBytes)) }

    func append(to bytes: inout [UInt8], salt: UInt64) {
        withUnsafeTemporaryAllocation(
            byteCount: RecordHeader.byteCount, alignment: 8
        ) { buffer in
            let flags: UInt8 = (digest == nil ? 0 : 1) | (startsBatch ? 2 : 0)
            buffer.storeBytes(of: RecordHeader.magic.littleEndian, as: UInt32.self)
            buffer.storeBytes(of: payloadBytes.littleEndian, toByteOffset: 4, as: UInt32.self)
            buffer.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
            buffer.storeBytes(of: kind.rawValue, toByteOffset: 8, as: UInt8.self)
            buffer.storeBytes(of: flags, toByteOffset: 9, as: UInt8.self)
            buffer.storeBytes(of: sequence.littleEndian, toByteOffset: 16, as: UInt64.self)
            buffer.storeBytes(
                of: arrival.nanoseconds.littleEndian, toByteOffset: 24, as: Int64.self)
            buffer.storeBytes(
                of: (digest?.high ?? 0).littleEndian, toByteOffset: 32, as: UInt64.self)
            buffer.storeBytes(
                of: (digest?.low ?? 0).littleEndian, toByteOffset: 40, as: UInt64.self)
            buffer.storeBytes(of: payloadChecksum.littleEndian, toByteOffset: 48, as: UInt64.self)
            let checksum = UInt32(
                truncatingIfNeeded: RecordChecksum.of(UnsafeRawBufferPointer(buffer), seed: salt))
            buffer.storeBytes(of: checksum.littleEndian, toByteOffset: 12, as: UInt32.self)
            bytes.append(contentsOf: UnsafeRawBufferPointer(buffer))
        }
    }

    /// The header at `offset`; `nil` if there is none whose checksum is right.
    static func read(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, salt: UInt64
    ) -> RecordHeader? {
        guard bytes.count - offset >= byteCount else { return nil }
        let header = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + byteCount])
        let start = word(header, 0)
        let kindAndChecksum = word(header, 8)
        guard UInt32(truncatingIfNeeded: start) == magic,
            UInt32(truncatingIfNeeded: kindAndChecksum >> 32) == checksum(header, salt: salt)
        else { return nil }
        let flags = UInt8(truncatingIfNeeded: kindAndChecksum >> 8)
        return RecordHeader(
            payloadBytes: UInt32(truncatingIfNeeded: start >> 32),
            kind: RecordKind(rawValue: UInt8(truncatingIfNeeded: kindAndChecksum)),
            startsBatch: flags & 2 != 0,
            sequence: word(header, 16),
            arrival: Timestamp(nanoseconds: Int64(bitPattern: word(header, 24))),
            digest: flags & 1 == 0
                ? nil : ContentHash(high: word(header, 32), low: word(header, 40)),
            payloadChecksum: word(header, 48))
    }

    private static func checksum(_ header: UnsafeRawBufferPointer, salt: UInt64) -> UInt32 {
        withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { copy in
            copy.copyMemory(from: header)
            copy.storeBytes(of: 0, toByteOffset: 12, as: UInt32.self)
            return UInt32(
                truncatingIfNeeded: RecordChecksum.of(UnsafeRawBufferPointer(copy), seed: salt))
        }
    }
}

/// The little-endian word at `offset`.
private func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
}
