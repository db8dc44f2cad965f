import AsyncHTTPClient
import Foundation
import FunctionWrapper
import NIOCore
import NIOHTTP1
import OTLPExport
import Synchronization
import Telemetry
import Testing

/// A function that is hosted for a test, in a folder of its own, with what it exported.
struct HostedFunction {
    struct Answer {
        var status: Int
        var headers: [String: String]
        var body: String
    }

    let host: FunctionHost
    private let folder: URL
    let receiver: RecordingReceiver
    let echoed: Echo

    final class Echo: Sendable {
        private let bytes = Mutex<[UInt8]>([])
        func add(_ more: [UInt8]) { bytes.withLock { $0 += more } }
        var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
    }

    static let python = "/usr/bin/env"

    /// Starts a function whose command is Python with `arguments`, runs `body`, and stops it.
    static func with(
        _ files: [String: String], _ command: [String],
        configure: (inout FunctionWrapperConfiguration) -> Void = { _ in },
        _ body: (HostedFunction) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "function-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer {
            do {
                try FileManager.default.removeItem(at: folder)
            } catch {
                Issue.record(error)
            }
        }
        for (name, text) in files {
            try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
        }
        var configuration = FunctionWrapperConfiguration(name: "hello", command: command)
        configuration.listen = "127.0.0.1:0"
        configuration.taskRoot = folder.path
        configuration.environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? ""]
        configuration.initTimeout = .seconds(300)
        configuration.timeout = .seconds(300)
        configuration.shutdownLimit = .seconds(300)
        configure(&configuration)
        let receiver = RecordingReceiver()
        let exporter = OTLPExporter(
            try OTLPExporter.Configuration(endpoint: "http://receiver"), transport: receiver)
        let echo = Echo()
        let host = try await FunctionHost.start(
            configuration, exporter: exporter, echo: { echo.add($1) })
        let function = HostedFunction(
            host: host, folder: folder, receiver: receiver, echoed: echo)
        do {
            try await body(function)
        } catch {
            await host.stop()
            throw error
        }
        await host.stop()
    }

    func send(
        _ path: String, method: String = "GET", headers: [String: String] = [:], body: String = ""
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(host.port)\(path)")
        request.method = .init(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if !body.isEmpty { request.body = .bytes(ByteBuffer(string: body)) }
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(600))
        let bytes = try await answer.body.collect(upTo: 16 << 20)
        return Answer(
            status: Int(answer.status.code),
            headers: Dictionary(
                answer.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 }),
            body: String(buffer: bytes))
    }

    /// Lets the scripted runtime go on where it holds a request for `/hold`.
    func release() throws {
        try Data().write(to: folder.appending(path: "released"))
    }

    /// Waits until the function has written `text`.
    func says(_ text: String) async throws {
        while !echoed.text.contains(text) { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// Waits until none of `processes` lives: one that is killed ends when it is its turn. Bounded by the
    /// time limit of the test.
    static func haveEnded(_ processes: [Int]) async throws {
        while processes.contains(where: isAlive) { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// Whether a process exists that is not a zombie.
    static func isAlive(_ process: Int) -> Bool {
        do {
            let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
            return !stat.contains(") Z ")
        } catch {
            return false
        }
    }
}
