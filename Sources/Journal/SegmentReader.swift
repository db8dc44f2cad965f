/// Finds records in the bytes of one segment. Reads nothing beyond them, whatever they say.
struct SegmentReader {
    let bytes: UnsafeRawBufferPointer
    let salt: UInt64

    struct Located {
        var header: RecordHeader
        var offset: Int
        var payload: UnsafeRawBufferPointer

        var end: Int { offset + header.recordBytes }
    }

    enum Finding {
        case record(Located)
        case end
        case invalid(reason: String)
    }

    /// What is at `offset`.
    func record(at offset: Int) -> Finding {
        guard offset < bytes.count else { return .end }
        guard bytes.count - offset >= RecordHeader.byteCount else {
            return .invalid(reason: "the record header is cut short")
        }
        guard let header = RecordHeader.read(bytes, at: offset, salt: salt) else {
            return .invalid(reason: "the record header's checksum is wrong")
        }
        guard header.recordBytes <= bytes.count - offset else {
            return .invalid(reason: "the record is cut short")
        }
        let start = offset + RecordHeader.byteCount
        let payload = UnsafeRawBufferPointer(
            rebasing: bytes[start..<start + Int(header.payloadBytes)])
        let checksum = RecordChecksum.of(payload, seed: salt ^ header.sequence)
        guard checksum == header.payloadChecksum else {
            return .invalid(reason: "the payload's checksum is wrong")
        }
        return .record(Located(header: header, offset: offset, payload: payload))
    }

    /// The first whole record behind `offset` with a sequence in `sequences`, and, if `startingBatch`,
    /// one that starts a batch.
    func firstRecord(
        after offset: Int, sequences: ClosedRange<UInt64>, startingBatch: Bool
    ) -> Located? {
        var candidate = offset + RecordHeader.alignment
        let end = bytes.count - RecordHeader.byteCount
        while candidate <= end {
            let start = bytes.loadUnaligned(fromByteOffset: candidate, as: UInt32.self)
            if UInt32(littleEndian: start) == RecordHeader.magic,
                case .record(let located) = record(at: candidate)
            {
                let fits = sequences.contains(located.header.sequence)
                if fits, located.header.startsBatch || !startingBatch { return located }
                candidate = located.end
            } else {
                candidate += RecordHeader.alignment
            }
        }
        return nil
    }
}
