/// One walk over a segment's records: delivers the whole ones, tells an append cut short by a crash
/// from damage.
struct SegmentPass {
    let path: String
    let header: SegmentHeader
    /// The last sequence acknowledged in this segment; `nil`: as far as the records go.
    let limit: UInt64?
    var report: ReplayReport
    var lastSequence: UInt64?
    /// Of the records delivered from this segment.
    private(set) var sequences: ClosedRange<UInt64>?

    init(
        path: String, header: SegmentHeader, limit: UInt64?, report: ReplayReport,
        lastSequence: UInt64?
    ) {
        self.path = path
        self.header = header
        self.limit = limit
        self.report = report
        self.lastSequence = lastSequence
    }

    /// Returns where the acknowledged part of the file ends.
    mutating func run(
        over bytes: UnsafeRawBufferPointer, deliver: (JournalRecord) -> Void
    ) -> Int {
        let reader = SegmentReader(bytes: bytes, salt: header.salt)
        var offset = SegmentHeader.byteCount
        var expected = header.first
        while true {
            switch reader.record(at: offset) {
            case .end:
                return offset
            case .record(let record) where record.header.sequence == expected:
                if let limit, expected > limit { return endOfAcknowledged(offset, bytes.count) }
                take(record, deliver)
                offset = record.end
                expected &+= 1
            case .record, .invalid:
                guard let next = passOver(offset, expected: expected, in: reader) else {
                    return isAcknowledged(expected, at: offset, in: reader)
                        ? bytes.count : endOfAcknowledged(offset, bytes.count)
                }
                offset = next.offset
                expected = next.header.sequence
            }
        }
    }

    private mutating func take(
        _ record: SegmentReader.Located, _ deliver: (JournalRecord) -> Void
    ) {
        let header = record.header
        sequences = (sequences?.lowerBound ?? header.sequence)...header.sequence
        lastSequence = header.sequence
        report.firstSequence = report.firstSequence ?? header.sequence
        report.lastSequence = header.sequence
        report.records += 1
        report.payloadBytes += record.payload.count
        deliver(
            JournalRecord(
                sequence: header.sequence, kind: header.kind, arrival: header.arrival,
                digest: header.digest, payload: record.payload))
    }

    /// At `offset` there is not the record that should be. If what follows was acknowledged, that is
    /// damage: reports it and returns the next record that can be read, if any.
    private mutating func passOver(
        _ offset: Int, expected: UInt64, in reader: SegmentReader
    ) -> SegmentReader.Located? {
        guard isAcknowledged(expected, at: offset, in: reader) else { return nil }
        let last = limit ?? .max
        let next =
            expected < last
            ? reader.firstRecord(
                after: offset, sequences: expected + 1...last, startingBatch: false) : nil
        let lastMissing = next.map { $0.header.sequence - 1 } ?? limit
        report.damage.append(
            JournalDamage(
                path: path, offset: offset, bytes: (next?.offset ?? reader.bytes.count) - offset,
                missing: lastMissing.flatMap { $0 >= expected ? expected...$0 : nil },
                reason: reason(at: offset, in: reader)))
        if let lastMissing, lastMissing >= expected { lastSequence = lastMissing }
        return next
    }

    /// Whether the record that should be at `offset` was acknowledged: the next segment says so, or a
    /// later batch of this one.
    private func isAcknowledged(
        _ expected: UInt64, at offset: Int, in reader: SegmentReader
    ) -> Bool {
        if let limit { return expected <= limit }
        guard expected < .max else { return false }
        return reader.firstRecord(
            after: offset, sequences: expected + 1 ... .max, startingBatch: true) != nil
    }

    private func reason(at offset: Int, in reader: SegmentReader) -> String {
        switch reader.record(at: offset) {
        case .invalid(let reason): reason
        case .record(let record): "record \(record.header.sequence) is out of order"
        case .end: "the segment ends too soon"
        }
    }

    private mutating func endOfAcknowledged(_ offset: Int, _ count: Int) -> Int {
        report.tornBytes += count - offset
        return offset
    }
}
