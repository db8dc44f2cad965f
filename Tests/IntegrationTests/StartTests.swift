import Foundation
import Glibc
import Testing

/// What keeps `serve` from starting: a message that names it, and the exit code that scripts rely on.
@Suite(
    "Starting the server",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct StartTests {
    private static let allFree = [
        "--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0",
        "--zipkin", "127.0.0.1:0",
    ]

    @Test(
        "a taken port is named with the flag that moves it",
        arguments: ["--listen", "--otlp-grpc", "--otlp-http", "--zipkin"])
    func takenPort(flag: String) async throws {
        let folder = try TemporaryFolder()
        let taken = try TakenPort()
        var arguments = Self.allFree
        arguments[try #require(arguments.firstIndex(of: flag)) + 1] = "127.0.0.1:\(taken.port)"
        let outcome = try await Subprocess.run(
            ["serve", "--data", "\(folder.path)/data"] + arguments)
        #expect(outcome.status == 3, "\(outcome)")
        #expect(
            outcome.error.contains("127.0.0.1:\(taken.port) is taken by another program"),
            "\(outcome.error)")
        #expect(outcome.error.contains("\(flag) HOST:PORT"), "\(outcome.error)")
        #expect(!outcome.error.contains("ready "))
    }

    @Test("a host that is not of this machine is named with its flag", arguments: ["--listen"])
    func foreignHost(flag: String) async throws {
        let folder = try TemporaryFolder()
        // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
        let outcome = try await Subprocess.run(
            ["serve", "--data", "\(folder.path)/data"] + Self.allFree
                + [flag, "192.0.2.1:0", "--insecure"])
        #expect(outcome.status == 3, "\(outcome)")
        #expect(outcome.error.contains("192.0.2.1") && outcome.error.contains(flag))
    }

    @Test("a data directory that is a file, or lies below one, is named")
    func dataIsFile() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("occupied", "not a folder")
        for data in [file, "\(file)/below"] {
            let outcome = try await Subprocess.run(["serve", "--data", data] + Self.allFree)
            #expect(outcome.status == 3, "\(outcome)")
            #expect(outcome.error.contains("data directory \(data)"), "\(outcome.error)")
        }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "not a folder")
    }

    @Test(
        "a part of the data directory that cannot be used is named, and nothing is changed",
        arguments: [
            "tenants", "tenants/default/journal", "tenants/default/traces", "tenants/default/logs",
            "tenants/default/metrics",
        ])
    func partIsFile(part: String) async throws {
        let folder = try TemporaryFolder()
        let data = "\(folder.path)/data"
        let path = "\(data)/\(part)"
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        let outcome = try await Subprocess.run(["serve", "--data", data] + Self.allFree)
        #expect(outcome.status == 3, "\(outcome)")
        #expect(outcome.error.contains(path), "\(outcome.error)")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
    }

    @Test("a second server on the same data directory is refused, and the first goes on")
    func secondServer() async throws {
        let folder = try TemporaryFolder()
        let data = "\(folder.path)/data"
        let first = try await ServerProcess(data: data)
        try await Items.send("first", to: first.url)
        let outcome = try await Subprocess.run(["serve", "--data", data] + Self.allFree)
        #expect(outcome.status == 3, "\(outcome)")
        #expect(outcome.error.contains("is in use by another process (pid \(first.pid))"))
        #expect(outcome.error.contains("\(data)/tenants/default"))
        try await Items.expect("first", at: first.url)
        try await Items.send("second", to: first.url)
        try await Items.expect("second", at: first.url)
        #expect(await first.stop() == 0)
    }

    @Test(
        "no port is opened to other machines without a token or the operator's word",
        arguments: ["--listen", "--otlp-grpc", "--otlp-http", "--zipkin"])
    func exposed(flag: String) async throws {
        let folder = try TemporaryFolder()
        var arguments = Self.allFree
        arguments[try #require(arguments.firstIndex(of: flag)) + 1] = "0.0.0.0:0"
        let outcome = try await Subprocess.run(
            ["serve", "--data", "\(folder.path)/data"] + arguments)
        #expect(outcome.status == 2, "\(outcome)")
        #expect(outcome.error.contains("\(flag) 0.0.0.0:0"), "\(outcome.error)")
        #expect(outcome.error.contains("--token-file") && outcome.error.contains("--insecure"))
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/data"))
    }

    @Test("files that serve is told to read are named when they are missing or wrong")
    func files() async throws {
        let folder = try TemporaryFolder()
        let missing = "\(folder.path)/missing"
        let empty = try folder.file("empty", "# nothing\n")
        let badRules = try folder.file(
            "rules.yaml",
            "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: 'sum('\n")
        let badConfiguration = try folder.file("config.yaml", "data: x\nlisten-on: 1\n")
        for (arguments, texts) in [
            (["--rules", missing], [missing]), (["--rules", badRules], [badRules, "5"]),
            (["--token-file", missing], [missing]),
            (["--token-file", empty], [empty, "no token"]),
            (["--config", missing], [missing]),
            (["--config", badConfiguration], ["\(badConfiguration):2", "listen-on"]),
        ] {
            let outcome = try await Subprocess.run(
                ["serve", "--data", "\(folder.path)/data"] + Self.allFree + arguments)
            #expect(outcome.status == 2, "\(arguments) \(outcome)")
            for text in texts { #expect(outcome.error.contains(text), "\(outcome.error)") }
        }
    }
}

/// A port that another program holds: this one.
private final class TakenPort {
    let port: Int
    private let descriptor: Int32

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) != 0 || listen(descriptor, 1) != 0
                    || getsockname(descriptor, $0, &length) != 0
            }
        }
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
        guard !failed else { throw POSIXError(.EADDRINUSE) }
    }

    deinit { close(descriptor) }
}
