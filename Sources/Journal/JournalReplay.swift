import Platform

/// Reads all segments of a directory in order, delivers their records and says what is wrong.
struct JournalReplay {
    private let directory: String
    private let fileSystem: any FileSystem
    private let syncing: Bool

    private(set) var report = ReplayReport()
    private(set) var segments: [SegmentInfo] = []
    /// The last sequence known to have been acknowledged, delivered or lost.
    private(set) var lastSequence: UInt64?
    /// No sequence below this is free for a new record.
    private(set) var nextSequence: UInt64 = 1
    /// No segment file, also none set aside, has this number or a higher one.
    private(set) var nextNumber: UInt64 = 1
    /// The torn end of the last segment was cut, or an empty last segment removed.
    private(set) var changedFiles = false

    /// - Parameter syncing: what is delivered is made durable first. Without that, a record that a killed
    ///   process had written and not synced would be delivered, built upon, and lost with the power.
    init(directory: String, fileSystem: any FileSystem, syncing: Bool) {
        self.directory = directory
        self.fileSystem = fileSystem
        self.syncing = syncing
    }

    /// What is known of a file before its records are read.
    private struct Listed {
        var number: UInt64
        var path: String
        var bytes: Int
        /// `nil`: unreadable.
        var header: SegmentHeader?
        /// An earlier file has the same salt.
        var isCopy = false
    }

    mutating func run(deliver: (JournalRecord) -> Void) throws(JournalError) {
        let listed = try listSegments()
        if syncing {
            do throws(FileError) {
                try fileSystem.syncDirectory(directory)
            } catch { throw .file(error) }
        }
        for index in listed.indices {
            let following = listed[(index + 1)...].lazy.filter { !$0.isCopy }
                .compactMap(\.header).first
            try replay(
                listed[index], limit: following?.follows, isLast: index == listed.count - 1,
                deliver: deliver)
        }
        if let lastSequence { nextSequence = max(nextSequence, lastSequence &+ 1) }
    }

    // MARK: Listing

    private mutating func listSegments() throws(JournalError) -> [Listed] {
        var listed: [Listed] = []
        do throws(FileError) {
            for entry in try fileSystem.list(directory) where !entry.isDirectory {
                let path = directory + "/" + entry.name
                if let number = SegmentName.numberOfDamaged(entry.name) {
                    nextNumber = max(nextNumber, number &+ 1)
                    report.setAside.append(path)
                } else if let number = SegmentName.number(of: entry.name) {
                    nextNumber = max(nextNumber, number &+ 1)
                    listed.append(Listed(number: number, path: path, bytes: Int(entry.bytes)))
                }
            }
        } catch { throw .file(error) }
        listed.sort { $0.number < $1.number }
        var salts: Set<UInt64> = []
        for index in listed.indices {
            listed[index].header = try header(of: listed[index].path)
            guard let salt = listed[index].header?.salt else { continue }
            listed[index].isCopy = !salts.insert(salt).inserted
        }
        return listed
    }

    private func header(of path: String) throws(JournalError) -> SegmentHeader? {
        var bytes = [UInt8](repeating: 0, count: SegmentHeader.byteCount)
        let reading: SegmentHeader.Reading
        do throws(FileError) {
            var room = bytes.mutableSpan
            let count = try room.withUnsafeMutableBytes { buffer throws(FileError) in
                try fileSystem.read(path, from: 0, into: buffer)
            }
            reading = bytes[..<count].withUnsafeBytes { SegmentHeader.read($0) }
        } catch { throw .file(error) }
        switch reading {
        case .header(let header): return header
        case .unknownVersion(let version):
            throw .unsupportedVersion(path: path, version: version)
        case .unreadable: return nil
        }
    }

    // MARK: One segment

    /// - Parameter limit: the last sequence that was acknowledged before the next segment was begun;
    ///   `nil` if no next segment says so.
    private mutating func replay(
        _ file: Listed, limit: UInt64?, isLast: Bool, deliver: (JournalRecord) -> Void
    ) throws(JournalError) {
        guard let header = file.header else {
            return try replayUnreadable(file, limit: limit)
        }
        if file.isCopy || header.first <= lastSequence ?? 0 {
            return reportOverlap(file, first: header.first, last: lastSequence ?? 0)
        }
        noteGap(before: header, path: file.path)
        nextSequence = max(nextSequence, header.first)
        let damageBefore = report.damage.count
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: file.bytes, alignment: 16)
        defer { buffer.deallocate() }
        let bytes: UnsafeRawBufferPointer
        do throws(FileError) {
            if syncing { try sync(file.path) }
            let count = try fileSystem.read(file.path, from: 0, into: buffer)
            bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        } catch { throw .file(error) }
        var pass = SegmentPass(
            path: file.path, header: header, limit: limit, report: report,
            lastSequence: lastSequence)
        let end = pass.run(over: bytes, deliver: deliver)
        report = pass.report
        report.segments += 1
        lastSequence = pass.lastSequence
        if isLast, end < bytes.count { try cut(file.path, to: end) }
        segments.append(
            SegmentInfo(
                number: file.number, path: file.path, bytes: end, sequences: pass.sequences,
                through: lastSequence ?? 0, isDamaged: report.damage.count > damageBefore))
    }

    /// Records between the last one known and what `header` says was there are lost, with their file
    /// or with the end of it.
    private mutating func noteGap(before header: SegmentHeader, path: String) {
        guard let last = lastSequence, header.follows > last else { return }
        report.damage.append(
            JournalDamage(
                path: path, offset: 0, bytes: 0, missing: (last + 1)...header.follows,
                reason: "an earlier segment is missing or ends too soon"))
        lastSequence = header.follows
    }

    /// A copy or a file from elsewhere: delivering it would deliver sequences twice.
    private mutating func reportOverlap(_ file: Listed, first: UInt64, last: UInt64) {
        report.segments += 1
        report.damage.append(
            JournalDamage(
                path: file.path, offset: 0, bytes: file.bytes, missing: nil,
                reason: "it begins with record \(first), but earlier segments go to \(last)"))
        segments.append(
            SegmentInfo(
                number: file.number, path: file.path, bytes: file.bytes, sequences: nil,
                through: last, isDamaged: true))
    }

    /// A file whose header cannot be read. If it is no longer than that, creating it did not succeed, and
    /// no record was ever in it.
    private mutating func replayUnreadable(
        _ file: Listed, limit: UInt64?
    ) throws(JournalError) {
        report.segments += 1
        if file.bytes <= SegmentHeader.byteCount {
            report.tornBytes += file.bytes
            do throws(FileError) {
                try fileSystem.remove(file.path)
            } catch { throw .file(error) }
            changedFiles = true
            return
        }
        var missing: ClosedRange<UInt64>?
        if let last = lastSequence, let limit, limit > last {
            missing = (last + 1)...limit
            lastSequence = limit
        }
        report.damage.append(
            JournalDamage(
                path: file.path, offset: 0, bytes: file.bytes, missing: missing,
                reason: "the segment header cannot be read"))
        segments.append(
            SegmentInfo(
                number: file.number, path: file.path, bytes: file.bytes, sequences: nil,
                through: lastSequence ?? 0, isDamaged: true))
    }

    private func sync(_ path: String) throws(FileError) {
        let file = try fileSystem.openForAppending(path)
        try file.sync()
        try file.close()
    }

    private mutating func cut(_ path: String, to length: Int) throws(JournalError) {
        do throws(FileError) {
            let file = try fileSystem.openForAppending(path)
            try file.truncate(to: Int64(length))
            try file.sync()
            try file.close()
        } catch { throw .file(error) }
        changedFiles = true
    }
}
