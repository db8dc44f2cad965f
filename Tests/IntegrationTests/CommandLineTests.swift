import Foundation
import Testing

/// What scripts rely on when they start the program.
@Suite("The command line")
struct CommandLineTests {
    private func status(_ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(ServerProcess.binary))
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    @Test(
        "mistakes in the flags end with 2, help and version with 0",
        .enabled(if: ServerProcess.binary != nil),
        arguments: [
            ("nonsense", 2), ("serve --nonsense", 2), ("serve --listen nowhere", 2),
            ("serve --listen 0.0.0.0:0", 2), ("proxy", 2), ("run --name f", 2),
            ("run --name f --mode fork -- true", 2), ("--help", 0), ("serve --help", 0),
            ("--version", 0),
        ])
    func exitCodes(arguments: String, expected: Int32) throws {
        #expect(try status(arguments.split(separator: " ").map(String.init)) == expected)
    }
}
