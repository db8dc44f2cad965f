import Foundation
import HTTPServer
import Platform
import QueryAPI
import Store
import Telemetry
import Testing

/// Whether Prometheus's own command-line client is at hand, and what it says.
enum Promtool {
    static let path = ProcessInfo.processInfo.environment["SIDELIGHT_PROMTOOL"]
        .flatMap { $0.isEmpty ? nil : $0 }

    /// Waits on a thread of its own: the server under test needs Swift's few.
    static func run(_ arguments: String...) async throws -> String {
        let pool = BlockingPool(name: "promtool", threads: 1, capacity: 1)
        return try await pool.run {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: path ?? "")
            process.arguments = arguments
            let output = Pipe()
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}

@Suite(
    "Prometheus's own client",
    .enabled(
        if: Promtool.path != nil,
        "SIDELIGHT_PROMTOOL names no promtool (Debian: prometheus)"))
struct PromtoolTests {
    private func run(_ command: String..., expect: (String) -> Void) async throws {
        let setup = APIServer.Setup()
        setup.store.add(["__name__": "up", "job": "api"], 0, 1)
        setup.store.add(["__name__": "up", "job": "web"], 0.5, 2)
        try await APIServer.run(setup) { server in
            let url = "http://127.0.0.1:\(server.listener.address.port)"
            let now = "\(APIServer.now)"
            let early = "\(APIServer.now - 15)"
            let output =
                switch command[0] {
                case "instant":
                    try await Promtool.run("query", "instant", "--time", now, url, command[1])
                case "range":
                    try await Promtool.run(
                        "query", "range", "--start", early, "--end", now, "--step", "15s", url,
                        command[1])
                case "series":
                    try await Promtool.run("query", "series", "--match", command[1], url)
                default: try await Promtool.run("query", "labels", url, command[1])
                }
            expect(output)
        }
    }

    @Test("reads instant queries")
    func instant() async throws {
        try await run("instant", "up") {
            #expect($0.contains(#"up{job="api"} => 1 @[1767323045]"#), "\($0)")
            #expect($0.contains(#"up{job="web"} => 2 @[1767323045]"#), "\($0)")
        }
        try await run("instant", "up[") { #expect($0.contains("parse error"), "\($0)") }
    }

    @Test("reads range queries")
    func range() async throws {
        try await run("range", "sum(up)") {
            #expect($0.contains("0.5 @[1767323030]"), "\($0)")
            #expect($0.contains("3 @[1767323045]"), "\($0)")
        }
    }

    @Test("reads series and label values")
    func lists() async throws {
        try await run("series", "up") {
            #expect($0.contains(#"{__name__="up", job="api"}"#), "\($0)")
        }
        try await run("labels", "job") { #expect($0 == "api\nweb\n", "\($0)") }
    }
}
