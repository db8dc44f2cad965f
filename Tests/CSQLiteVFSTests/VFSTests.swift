import CSQLite
import CSQLiteVFS
import Glibc
import Testing

@Suite struct VFSTests {
    @Test("registering twice is fine and makes the VFS the default one")
    func registration() throws {
        #expect(sidelight_vfs_register() == SQLITE_OK)
        #expect(sidelight_vfs_register() == SQLITE_OK)
        let vfs = try #require(sqlite3_vfs_find(nil))
        #expect(String(cString: vfs.pointee.zName) == "sidelight")
        try VFSFixture.use { fixture in
            let name = try fixture.connect().text("PRAGMA journal_mode=WAL")
            #expect(name == "wal")
        }
    }

    @Test("WAL, memory maps, checkpoints and a second connection work through the wrapper")
    func passesThrough() throws {
        try VFSFixture.use { fixture in
            let writer = try fixture.connect()
            #expect(try writer.text("PRAGMA journal_mode=WAL") == "wal")
            #expect(try writer.text("PRAGMA mmap_size=1048576") == "1048576")
            #expect(writer.run("CREATE TABLE t(x)") == SQLITE_OK)
            #expect(writer.fill(rows: 500) == SQLITE_OK)
            let reader = try fixture.connect()
            #expect(try reader.text("SELECT count(*) FROM t") == "500")
            #expect(writer.run("PRAGMA wal_checkpoint(TRUNCATE)") == SQLITE_OK)
            #expect(try reader.text("SELECT count(*) FROM t") == "500")
            #expect(try reader.text("PRAGMA integrity_check") == "ok")
        }
    }

    @Test("a full disk refuses the transaction, and all committed data is there afterwards")
    func fullDisk() throws {
        try VFSFixture.use { fixture in
            let writer = try fixture.connect()
            #expect(try writer.text("PRAGMA journal_mode=WAL") == "wal")
            #expect(writer.run("CREATE TABLE t(x)") == SQLITE_OK)
            #expect(writer.fill(rows: 100) == SQLITE_OK)
            let fault = fixture.install(operations: SIDELIGHT_VFS_WRITE, quotaBytes: 20_000)
            #expect(writer.fill(rows: 1_000) == SQLITE_FULL)
            #expect(sidelight_vfs_fault_hits(fault) >= 1)
            #expect(try writer.text("SELECT count(*) FROM t") == "100")
            sidelight_vfs_remove_fault(fault)
            #expect(writer.fill(rows: 1_000) == SQLITE_OK)
            let again = try fixture.connect()
            #expect(try again.text("SELECT count(*) FROM t") == "1100")
            #expect(try again.text("PRAGMA integrity_check") == "ok")
        }
    }

    @Test("the n-th write fails with the chosen code, as often as asked")
    func nthWrite() throws {
        try VFSFixture.use { fixture in
            let writer = try fixture.connect()
            #expect(try writer.text("PRAGMA journal_mode=WAL") == "wal")
            #expect(writer.run("CREATE TABLE t(x)") == SQLITE_OK)
            let fault = fixture.install(
                operations: SIDELIGHT_VFS_WRITE, after: 2, times: 1, code: SQLITE_IOERR | 3 << 8)
            defer { sidelight_vfs_remove_fault(fault) }
            #expect(writer.fill(rows: 500) == SQLITE_IOERR)
            #expect(writer.failure == SQLITE_IOERR | 3 << 8)
            #expect(sidelight_vfs_fault_hits(fault) == 1)
            #expect(writer.fill(rows: 500) == SQLITE_OK)
            #expect(try writer.text("SELECT count(*) FROM t") == "500")
        }
    }

    @Test("with synchronous=FULL a failed sync fails the commit")
    func failedSync() throws {
        try VFSFixture.use { fixture in
            let writer = try fixture.connect()
            #expect(try writer.text("PRAGMA journal_mode=WAL") == "wal")
            #expect(writer.run("PRAGMA synchronous=FULL") == SQLITE_OK)
            #expect(writer.run("CREATE TABLE t(x)") == SQLITE_OK)
            let fault = fixture.install(
                operations: SIDELIGHT_VFS_SYNC, times: 1, code: SQLITE_IOERR | 4 << 8)
            defer { sidelight_vfs_remove_fault(fault) }
            #expect(writer.run("INSERT INTO t VALUES(1)") == SQLITE_IOERR)
            #expect(writer.run("INSERT INTO t VALUES(2)") == SQLITE_OK)
            #expect(try writer.text("SELECT group_concat(x) FROM t") == "2")
        }
    }

    @Test("a fault hits only the files it names")
    func scope() throws {
        try VFSFixture.use { (healthy: VFSFixture) throws in
            let writer = try healthy.connect()
            try VFSFixture.use { (broken: VFSFixture) throws in
                let fault = broken.install(
                    operations: SIDELIGHT_VFS_WRITE | SIDELIGHT_VFS_OPEN, code: SQLITE_CANTOPEN)
                defer { sidelight_vfs_remove_fault(fault) }
                #expect(throws: VFSFixture.Failure.self) {
                    try broken.connect().text("PRAGMA journal_mode=WAL")
                }
                #expect(writer.run("CREATE TABLE t(x)") == SQLITE_OK)
            }
        }
    }

    @Test("counters rise with writes, syncs and reads")
    func counters() throws {
        try VFSFixture.use { fixture in
            let before = sidelight_vfs_read_counters()
            let writer = try fixture.connect()
            #expect(writer.run("PRAGMA synchronous=FULL") == SQLITE_OK)
            #expect(writer.run("CREATE TABLE t(x)") == SQLITE_OK)
            #expect(writer.fill(rows: 100) == SQLITE_OK)
            let after = sidelight_vfs_read_counters()
            #expect(after.writes > before.writes)
            #expect(after.written_bytes - before.written_bytes >= 100 * 400)
            #expect(after.syncs > before.syncs)
            #expect(after.reads > before.reads && after.opens > before.opens)
        }
    }

    @Test("a fault for a path that is too long is refused, not cut short")
    func longPath() {
        let path = String(repeating: "x", count: 256)
        let number = VFSFixture(folder: path).install(operations: SIDELIGHT_VFS_WRITE)
        #expect(number == -1)
    }
}

/// A database in a folder of its own, opened through the VFS.
private struct VFSFixture {
    struct Failure: Error {
        var code: Int32
        var sql: String
    }

    let folder: String

    static func use(_ body: (VFSFixture) throws -> Void) throws {
        #expect(sidelight_vfs_register() == SQLITE_OK)
        var template = Array("/tmp/sidelight-vfs-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(code: errno, sql: "mkdtemp") }
        let folder = String(
            decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer {
            for name in ["test.db", "test.db-wal", "test.db-shm", "test.db-journal"] {
                unlink(folder + "/" + name)
            }
            rmdir(folder)
        }
        try body(VFSFixture(folder: folder))
    }

    func connect() throws -> Connection { try Connection(path: folder + "/test.db") }

    /// Installs a fault for the files of this folder.
    func install(
        operations: Int, after: Int64 = 0, times: Int64 = 0, code: Int32 = SQLITE_IOERR,
        quotaBytes: Int64 = -1
    ) -> Int32 {
        folder.withCString { path in
            var fault = sidelight_vfs_fault(
                path_contains: path, operations: Int32(operations), after: after, times: times,
                code: code, quota_bytes: quotaBytes)
            return sidelight_vfs_add_fault(&fault)
        }
    }

    final class Connection {
        private var handle: OpaquePointer?

        init(path: String) throws {
            let code = sqlite3_open(path, &handle)
            guard code == SQLITE_OK else { throw Failure(code: code, sql: "open") }
        }

        deinit { sqlite3_close(handle) }

        private var extendedCode: Int32 { sqlite3_extended_errcode(handle) }

        func run(_ sql: String) -> Int32 { sqlite3_exec(handle, sql, nil, nil, nil) & 0xFF }

        /// One transaction of `rows` rows of 400 bytes; rolled back if it fails.
        func fill(rows: Int) -> Int32 {
            let code = run(
                """
                BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                WHERE i < \(rows)) INSERT INTO t SELECT randomblob(400) FROM n; COMMIT
                """)
            let extended = extendedCode
            if code != SQLITE_OK, sqlite3_get_autocommit(handle) == 0 {
                sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
            }
            failure = extended
            return code
        }

        /// The extended code of the last `fill`.
        private(set) var failure: Int32 = SQLITE_OK

        /// The first column of the first row.
        func text(_ sql: String) throws -> String {
            var statement: OpaquePointer?
            let code = sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
            defer { sqlite3_finalize(statement) }
            guard code == SQLITE_OK, sqlite3_step(statement) == SQLITE_ROW else {
                throw Failure(code: code, sql: sql)
            }
            return sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? ""
        }
    }
}
