import Foundation

/// Chromium without a window: opens a page, waits until its requests are answered, and prints the
/// document and what stands in the console.
struct Browser: Sendable {
    struct Page {
        var dom: String
        /// Messages of the console: errors, and violations of the content security policy.
        var problems: [String]
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let path: String

    /// What `SIDELIGHT_CHROMIUM` names.
    static let named = ProcessInfo.processInfo.environment["SIDELIGHT_CHROMIUM"]
        .flatMap { $0.isEmpty ? nil : Browser(path: $0) }

    func open(_ address: String) async throws -> Page {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("sidelight-browser-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try run(address, in: folder) })
            }
        }
    }

    private func run(_ address: String, in folder: URL) throws -> Page {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-extensions", "--disable-background-networking",
            "--user-data-dir=\(folder.path)", "--enable-logging=stderr", "--window-size=1400,900",
            "--virtual-time-budget=10000", "--timeout=300000", "--dump-dom", address,
        ]
        let document = folder.appendingPathComponent("document.html")
        let console = folder.appendingPathComponent("console.txt")
        for file in [document, console] { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: document)
        process.standardError = try FileHandle(forWritingTo: console)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let log = String(decoding: try Data(contentsOf: console), as: UTF8.self)
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(path) exited with \(process.terminationStatus): \(log)")
        }
        return Page(
            dom: String(decoding: try Data(contentsOf: document), as: UTF8.self),
            problems: log.split(separator: "\n").map(String.init).filter { $0.contains("CONSOLE") })
    }
}
