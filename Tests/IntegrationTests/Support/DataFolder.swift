import CSQLite
import Foundation
import Testing

/// The data directory of a server that is not running, for what a disk may do to it.
struct DataFolder {
    private let folder: TemporaryFolder
    var path: String { "\(folder.path)/data" }
    private var tenant: String { "\(path)/tenants/default" }

    static let signals = ["traces", "logs", "metrics"]

    init() throws { folder = try TemporaryFolder() }

    /// Two sealed days of every signal: `yesterday` is in the older files, `today` in the newer ones.
    static func withTwoDays() async throws -> DataFolder {
        let data = try DataFolder()
        let first = try await ServerProcess(data: data.path)
        try await Items.send("yesterday", age: .seconds(86_400), to: first.url)
        try #require(await first.stop() == 0, "\(first.standardError)")
        // Files of spans and lines are named by the day on which they came: let that be the day before.
        let older = try data.days("metrics")[0]
        for signal in ["traces", "logs"] {
            let only = try data.days(signal)[0]
            try FileManager.default.moveItem(
                atPath: data.file(signal, only), toPath: data.file(signal, older))
        }
        let second = try await ServerProcess(data: data.path)
        try await Items.send("today", to: second.url)
        try #require(await second.stop() == 0, "\(second.standardError)")
        return data
    }

    func copy() throws -> DataFolder {
        let copy = try DataFolder()
        try FileManager.default.copyItem(atPath: path, toPath: copy.path)
        return copy
    }

    func file(_ signal: String, _ day: String) -> String { "\(tenant)/\(signal)/\(day).db" }

    /// The older of the two files of a signal.
    func olderFile(_ signal: String) throws -> String { file(signal, try days(signal)[0]) }

    var catalog: String { "\(tenant)/catalog.db" }

    /// Days with a file, oldest first.
    func days(_ signal: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(tenant)/\(signal)")
            .filter { $0.hasSuffix(".db") }.map { String($0.dropLast(3)) }.sorted()
    }

    /// The segments of the journal, oldest first.
    func segments() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(tenant)/journal")
            .filter { $0.hasSuffix(".log") }.sorted().map { "\(tenant)/journal/\($0)" }
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Replaces what a file holds by what `change` makes of it.
    static func change(_ path: String, _ change: (inout [UInt8]) -> Void) throws {
        var bytes = try bytes(path)
        change(&bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    /// Runs SQL on a database file.
    static func execute(_ sql: String, on path: String) throws {
        var database: OpaquePointer?
        defer { sqlite3_close(database) }
        let result = sqlite3_open(path, &database)
        guard result == SQLITE_OK, sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else {
            throw ServerProcess.Failure(
                description: "\(path): \(String(cString: sqlite3_errmsg(database)))")
        }
    }
}
