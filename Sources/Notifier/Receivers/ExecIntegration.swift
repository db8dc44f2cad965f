import Foundation
import Platform
import Telemetry

/// `exec_configs`: runs a command with the message, JSON of version 4, on its standard input. An exit status
/// of 0 means that it was taken; any other is tried again.
///
/// Whoever writes the configuration runs commands with this: it must be allowed by a flag of its own.
struct ExecIntegration: IntegrationSettings {
    static let kind = "exec"
    static let fields = ["send_resolved", "command", "timeout"]

    private let command: [String]
    private let timeout: Duration?

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        guard global.allowsExec else {
            throw fields.failure(
                "exec_configs run commands: they need the flag --allow-exec-receivers")
        }
        command = try fields.texts("command")
        guard command.first?.hasPrefix("/") == true else {
            throw fields.failure("command must be a list that begins with the path of a program")
        }
        timeout = try fields.timeout()
    }

    var address: String { command.first ?? "" }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        let path =
            FileManager.default.temporaryDirectory.path
            + "/sidelight-message-\(carrier.random.next()).json"
        // A file rather than a pipe: a command that does not read cannot block or break it.
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(message.body), attributes: [.posixPermissions: 0o600])
        else { return .transient(reason: "cannot write \(path)") }
        defer { unlink(path) }
        guard let input = FileHandle(forReadingAtPath: path) else {
            return .transient(reason: "cannot read \(path)")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return await run(process, timeout ?? carrier.http.standardTimeout)
    }

    private func run(_ process: Process, _ timeout: Duration) async -> SendResult {
        let (ends, end) = AsyncStream.makeStream(
            of: Int32.self, bufferingPolicy: .bufferingNewest(1))
        process.terminationHandler = { ended in
            end.yield(ended.terminationStatus)
            end.finish()
        }
        do {
            try process.run()
            let pid = process.processIdentifier
            let status = try await HTTPCarrier.within(timeout) { () -> Int32? in
                for await status in ends { return status }
                return nil
            }
            guard let status = status ?? nil else {
                kill(pid, SIGKILL)
                return .transient(reason: "the command is not done within \(timeout)")
            }
            guard status == 0 else {
                return .transient(reason: "the command ended with \(status)")
            }
            return .accepted(status: 0)
        } catch {
            return .transient(reason: "cannot run \(command[0]): \(error.localizedDescription)")
        }
    }
}
