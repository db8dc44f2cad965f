import Foundation
import Testing

/// A disk without room: nothing is acknowledged that is not kept, nothing that is kept becomes
/// unreadable, and the server takes up its work by itself when there is room again.
@Suite(
    "Full disk",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .enabled(if: SmallDisk.obstacle == nil, "\(SmallDisk.obstacle ?? "")"))
struct FullDiskTests {
    /// Every way in that stores, with a body of its own for each `name`.
    private static let ways: [(path: String, type: String, encoding: String?)] = [
        ("/v1/traces", "application/x-protobuf", nil),
        ("/api/sidelight/logs?service=full", "application/x-ndjson", nil),
        ("/api/v1/write", "application/x-protobuf", "snappy"),
    ]

    private static func body(_ index: Int, _ name: String) -> [UInt8] {
        let first = Int64(Date().timeIntervalSince1970 * 1_000) - 5_000
        return switch index {
        case 0: Items.spans(name, first)
        case 1: Items.lines(name, first)
        default: Items.samples(name, first)
        }
    }

    /// Sends by one way until it is refused; returns how many requests were acknowledged.
    private static func sendUntilRefused(
        _ way: Int, to url: String
    ) async throws -> (acknowledged: [String], refusal: WireAnswer?) {
        var acknowledged: [String] = []
        for attempt in 0..<200 {
            let name = "full-\(way)-\(attempt)"
            let answer = try await Wire.post(
                url + ways[way].path, type: ways[way].type, encoding: ways[way].encoding,
                body(way, name))
            guard (200..<300).contains(answer.status) else { return (acknowledged, answer) }
            acknowledged.append(name)
        }
        return (acknowledged, nil)
    }

    @Test("writes are refused, reads go on, and with new room the server works again")
    func fillAndFree() async throws {
        let disk = try await SmallDisk(megabytes: 32)
        let data = "\(disk.path)/data"
        let server = try await ServerProcess(data: data, launcher: disk.launcher)
        try await Items.send("early", to: server.url)
        try disk.fill()
        var acknowledged: [[String]] = []
        for way in Self.ways.indices {
            let (names, refusal) = try await Self.sendUntilRefused(way, to: server.url)
            acknowledged.append(names)
            let answer = try #require(refusal, "\(Self.ways[way].path) was never refused")
            #expect(answer.status == 503, "\(answer)")
            #expect(answer.header("retry-after") != nil)
            #expect(answer.text.contains("\(data)/tenants/default/journal"), "\(answer.text)")
            #expect(answer.text.contains("No space left on device"), "\(answer.text)")
        }
        let counters = try await Counters(of: server.url)
        for way in ["otlp_http", "log_lines", "remote_write"] {
            let name = "sidelight_receiver_refused_requests_total"
            #expect(counters["\(name){protocol=\"\(way)\",reason=\"unavailable\"}"] == 1, "\(way)")
        }
        #expect(
            server.standardError.split(separator: "\n").contains {
                $0.contains("error") && $0.contains("\(data)/tenants/default/journal")
                    && $0.contains("No space left on device")
            }, "\(server.standardError)")
        try await Items.expect("early", at: server.url)
        try await Self.expect(acknowledged, at: server.url)

        try disk.free()
        try await Items.send("freed", to: server.url)
        try await Items.expect("freed", at: server.url)
        #expect(await server.stop() == 0, "\(server.standardError)")
        let again = try await ServerProcess(data: data, launcher: disk.launcher)
        try await Items.expect("early", at: again.url)
        try await Items.expect("freed", at: again.url)
        try await Self.expect(acknowledged, at: again.url)
        #expect(await again.stop() == 0, "\(again.standardError)")
    }

    @Test("a server stopped on a full disk says so, and its successor has everything")
    func stopWhileFull() async throws {
        let disk = try await SmallDisk(megabytes: 32)
        let data = "\(disk.path)/data"
        let server = try await ServerProcess(data: data, launcher: disk.launcher)
        try await Items.send("early", to: server.url)
        try disk.fill()
        let status = await server.stop()
        #expect(status == 3, "\(server.standardError)")
        #expect(server.standardError.contains("\(data)/tenants/default/"))

        let starting = try Subprocess(
            ["serve", "--data", data, "--listen", "127.0.0.1:0"], launcher: disk.launcher)
        #expect(await starting.exit() == 3)
        #expect(starting.standardError.contains(data), "\(starting.standardError)")

        try disk.free()
        let again = try await ServerProcess(data: data, launcher: disk.launcher)
        try await Items.expect("early", at: again.url)
        #expect(await again.stop() == 0, "\(again.standardError)")
    }

    private static func expect(_ acknowledged: [[String]], at url: String) async throws {
        for (way, names) in acknowledged.enumerated() {
            for name in names {
                let found = try await Items.find(name, at: url)
                let count = [found.spans, found.lines, found.samples][way]
                #expect(count == Items.count, "\(name)")
            }
        }
    }
}
