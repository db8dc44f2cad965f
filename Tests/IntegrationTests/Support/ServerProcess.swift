import Foundation
import Synchronization
import Testing

/// The real program, started as a user would, in a folder of its own.
final class ServerProcess: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Next to the test bundle: `.build/release/sidelight`, or what `SIDELIGHT_BINARY` names.
    static let binary: String? = {
        if let named = ProcessInfo.processInfo.environment["SIDELIGHT_BINARY"] { return named }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent(".build/release/sidelight").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    private let program: Subprocess
    let url: String

    var pid: Int32 { program.pid }
    /// What the program wrote to standard error so far.
    var standardError: String { program.standardError }

    /// Which ports are open beside the main one.
    enum Ports {
        case mainOnly, all
    }

    /// Starts `sidelight serve` on free ports and waits until it says that it is ready.
    /// - Parameter launcher: a command that runs what follows it, such as `unshare -rm`.
    init(
        data: String, _ arguments: [String] = [], ports: Ports = .mainOnly,
        launcher: [String] = []
    ) async throws {
        let other = ports == .all ? "127.0.0.1:0" : "off"
        program = try Subprocess(
            [
                "serve", "--data", data, "--listen", "127.0.0.1:0", "--otlp-grpc", other,
                "--otlp-http", other, "--zipkin", other,
            ] + arguments, launcher: launcher)
        guard let line = await program.line(startingWith: "ready ") else {
            let status = await program.exit()
            throw Failure(
                description: "ended with \(status) before it was ready: \(program.standardError)")
        }
        url = String(line.dropFirst("ready ".count))
    }

    /// Where a listener named in the log has its port.
    func port(of listener: String) throws -> Int {
        let marker = "\(listener) on 127.0.0.1:"
        let rest = try #require(
            standardError.range(of: marker).map { standardError[$0.upperBound...] })
        return try #require(Int(rest.prefix { $0.isNumber }))
    }

    /// `kill -9`; returns when the process is gone.
    func killHard() async {
        program.send(SIGKILL)
        _ = await program.exit()
    }

    func send(_ signal: Int32) { program.send(signal) }

    /// Waits for the end; returns the exit status.
    func exit() async -> Int32 { await program.exit() }

    /// SIGTERM; returns the exit status.
    func stop() async -> Int32 {
        program.send(SIGTERM)
        return await program.exit()
    }

    /// Waits until standard error holds `text`.
    func says(_ text: String) async -> Bool { await program.says(text) }
}
