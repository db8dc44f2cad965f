import Platform
import Telemetry

/// The segment that is being written. Appends whole batches or nothing.
struct ActiveSegment {
    /// Small parts are collected into writes of about this size; it stays in the second-level cache.
    private static let writeBytes = 256 << 10

    let number: UInt64
    let path: String
    let header: SegmentHeader
    private let file: any AppendFile
    /// Bytes of header and whole batches.
    private(set) var bytes: Int
    private(set) var sequences: ClosedRange<UInt64>?
    /// The header survives a loss of power.
    private(set) var isSynced = false
    /// Nothing more may be appended, a new segment must take over: the file's end is unknown, or its
    /// cache cannot be trusted, or it was retired.
    private(set) var isBroken = false
    private var buffer: [UInt8] = []

    /// Creates the file with its header; with `syncing`, returns once that survives a loss of power. If
    /// that fails, the file is removed, or else holds no record and is dropped by the next start.
    init(
        number: UInt64, directory: String, header: SegmentHeader, fileSystem: any FileSystem,
        syncing: Bool
    ) throws(FileError) {
        self.number = number
        path = directory + "/" + SegmentName.name(number)
        self.header = header
        file = try fileSystem.openForAppending(path)
        bytes = SegmentHeader.byteCount
        do throws(FileError) {
            try file.append(header.encoded())
            if syncing {
                try file.sync()
                try fileSystem.syncDirectory(directory)
                isSynced = true
            }
        } catch {
            discard(fileSystem)
            throw error
        }
    }

    /// Writes `entries` with sequences from `first` on. On an error the file is cut back to where it
    /// was, or the segment is broken.
    mutating func append(
        _ entries: [JournalEntry], first: UInt64, syncing: Bool
    ) throws(FileError) {
        do throws(FileError) {
            try write(entries, first: first)
        } catch {
            cutBack()
            throw error
        }
        if syncing {
            do throws(FileError) {
                try file.sync()
            } catch {
                // After a failed sync the kernel may have dropped the pages and forgotten the error.
                cutBack()
                isBroken = true
                throw error
            }
        }
        bytes = Int(file.length)
        sequences = (sequences?.lowerBound ?? first)...(first + UInt64(entries.count) - 1)
    }

    /// Gives up a file that could not be begun. A failure here leaves it to the next start.
    private func discard(_ fileSystem: any FileSystem) {
        do throws(FileError) {
            try file.close()
            try fileSystem.remove(path)
        } catch {
            return
        }
    }

    mutating func retire() { isBroken = true }

    func close() throws(FileError) { try file.close() }

    var info: SegmentInfo {
        SegmentInfo(
            number: number, path: path, bytes: bytes, sequences: sequences,
            through: sequences?.upperBound ?? header.follows, isDamaged: false)
    }

    private mutating func cutBack() {
        buffer.removeAll(keepingCapacity: true)
        do throws(FileError) {
            try file.truncate(to: Int64(bytes))
        } catch {
            isBroken = true
        }
    }

    private mutating func write(_ entries: [JournalEntry], first: UInt64) throws(FileError) {
        for (index, entry) in entries.enumerated() {
            try write(entry, sequence: first + UInt64(index), startsBatch: index == 0)
        }
        try flush()
    }

    private mutating func write(
        _ entry: JournalEntry, sequence: UInt64, startsBatch: Bool
    ) throws(FileError) {
        var checksum = RecordChecksum(seed: header.salt ^ sequence)
        for part in entry.parts { part.withUnsafeBytes { checksum.update($0) } }
        let payloadBytes = entry.payloadBytes
        let record = RecordHeader(
            payloadBytes: UInt32(payloadBytes), kind: entry.kind, startsBatch: startsBatch,
            sequence: sequence, arrival: entry.arrival, digest: entry.digest,
            payloadChecksum: checksum.value)
        record.append(to: &buffer, salt: header.salt)
        for part in entry.parts {
            if part.count >= ActiveSegment.writeBytes {
                try flush()
                try file.append(part)
            } else {
                buffer.append(contentsOf: part)
                if buffer.count >= ActiveSegment.writeBytes { try flush() }
            }
        }
        let padding = record.recordBytes - RecordHeader.byteCount - payloadBytes
        buffer.append(contentsOf: repeatElement(0, count: padding))
    }

    private mutating func flush() throws(FileError) {
        guard !buffer.isEmpty else { return }
        try file.append(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}
