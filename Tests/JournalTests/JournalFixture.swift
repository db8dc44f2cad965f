import Glibc
import Journal
import Platform
import Telemetry

/// A record as a test remembers it.
struct Kept: Hashable, Sendable {
    var sequence: UInt64
    var kind: RecordKind
    var arrival: Timestamp
    var digest: ContentHash?
    var payload: [UInt8]
}

/// A simulated machine with one journal directory.
struct JournalFixture {
    static let directory = "/data/journal"

    let random: SeededRandom
    let system: SimulatedFileSystem
    var limits = JournalLimits()
    var durability = Durability.process

    init(seed: UInt64 = 1, durability: Durability = .process, segmentBytesMax: Int? = nil) {
        random = SeededRandom(seed: seed)
        system = SimulatedFileSystem(random: random)
        self.durability = durability
        if let segmentBytesMax { limits.segmentBytesMax = segmentBytesMax }
    }

    func open(
        sealedThrough: UInt64 = 0
    ) throws(JournalError) -> (journal: Journal, report: ReplayReport, records: [Kept]) {
        var records: [Kept] = []
        let (journal, report) = try Journal.open(
            directory: JournalFixture.directory, fileSystem: system, durability: durability,
            limits: limits, clock: ManualClock(wallNanoseconds: 0), random: random,
            sealedThrough: sealedThrough
        ) { records.append(Kept($0)) }
        return (journal, report, records)
    }

    func files() throws -> [DirectoryEntry] { try system.list(JournalFixture.directory) }

    func path(_ entry: DirectoryEntry) -> String { JournalFixture.directory + "/" + entry.name }
}

extension Kept {
    init(_ record: JournalRecord) {
        self.init(
            sequence: record.sequence, kind: record.kind, arrival: record.arrival,
            digest: record.digest, payload: Array(record.payload))
    }
}

extension JournalEntry {
    /// A record without digest.
    init(_ payload: [UInt8]) {
        self.init(kind: .spans, arrival: Timestamp(nanoseconds: 7), parts: [payload])
    }
}

func randomBytes(_ count: Int, _ random: SeededRandom) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
}

/// A folder of its own for one test.
func withTemporaryFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    var template = Array("/tmp/sidelight-journal-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
        throw FileError(.createDirectory, path: "/tmp", code: errno)
    }
    let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    let system = PosixFileSystem()
    do {
        let value = try await body(folder)
        try removeFolder(folder, system)
        return value
    } catch {
        try removeFolder(folder, system)
        throw error
    }
}

private func removeFolder(_ folder: String, _ system: PosixFileSystem) throws {
    for entry in try system.list(folder) {
        let path = folder + "/" + entry.name
        if entry.isDirectory { try removeFolder(path, system) } else { try system.remove(path) }
    }
    rmdir(folder)
}
