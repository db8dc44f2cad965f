import Foundation
import Synchronization

/// The real program, started as a user would, in a folder of its own.
final class ServerProcess {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Next to the test bundle: `.build/release/sidelight`, or what `SIDELIGHT_BINARY` names.
    static var binary: String? {
        if let named = ProcessInfo.processInfo.environment["SIDELIGHT_BINARY"] { return named }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent(".build/release/sidelight").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    private let process = Process()
    let url: String
    /// What the program wrote to standard error so far.
    private let output: Output

    private final class Output: Sendable {
        let text = Mutex("")
    }

    var pid: Int32 { process.processIdentifier }
    var standardError: String { output.text.withLock { $0 } }

    /// Starts `sidelight serve` on free ports and waits until it says that it is ready.
    init(data: String, _ arguments: [String] = []) async throws {
        guard let binary = ServerProcess.binary else {
            throw Failure(description: "build the release program first")
        }
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments =
            [
                "serve", "--data", data, "--listen", "127.0.0.1:0", "--otlp-grpc", "off",
                "--otlp-http", "off", "--zipkin", "off",
            ] + arguments
        let pipe = Pipe()
        process.standardError = pipe
        process.standardOutput = FileHandle.nullDevice
        let output = Output()
        self.output = output
        let (ready, announcing) = AsyncStream.makeStream(of: String?.self)
        pipe.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                announcing.yield(nil)
                return
            }
            let text = output.text.withLock { text in
                text += String(decoding: data, as: UTF8.self)
                return text
            }
            for line in text.split(separator: "\n") where line.hasPrefix("ready ") {
                announcing.yield(String(line.dropFirst(6)))
            }
        }
        try process.run()
        var announced: String?
        for await line in ready {
            announced = line
            break
        }
        guard let announced else {
            process.waitUntilExit()
            throw Failure(
                description: "ended with \(process.terminationStatus) before it was ready: "
                    + output.text.withLock { $0 })
        }
        url = announced
    }

    deinit {
        if process.isRunning { process.interrupt() }
    }

    /// `kill -9`; returns when the process is gone.
    func killHard() {
        kill(pid, SIGKILL)
        process.waitUntilExit()
    }

    /// SIGTERM; returns the exit status.
    func stop() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationStatus
    }
}

/// A folder that is removed with it.
final class TemporaryFolder {
    let path: String

    /// The name has a space: paths must survive it.
    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/sidelight test " + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            print("cannot remove \(path): \(error)")
        }
    }
}
