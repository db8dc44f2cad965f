import Foundation
import Telemetry
import Testing
import WireFormats

/// The official protobuf classes of PyPI's `opentelemetry-proto`, run by scripts in `Tests/Oracles`.
enum Oracle {
    /// A Python that can import `opentelemetry.proto`.
    static let python = ProcessInfo.processInfo.environment["SIDELIGHT_PYTHON"]
    static let isMissing: Comment =
        "set SIDELIGHT_PYTHON to a Python with opentelemetry-proto to run this"
    static let seed = UInt64.random(in: 0..<1_000_000)
    static let caseCount = 60
    static let receivedAt = Timestamp(nanoseconds: 1_763_700_009_000_000_000)

    static func run(_ arguments: [String], script name: String = "otlp.py") throws -> String {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Oracles/\(name)").path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(python))
        process.arguments = [script] + arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(name) \(arguments) failed")
        return String(decoding: text, as: UTF8.self)
    }

    static func withFolder<R>(_ body: (URL) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("otlp-oracle-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let result = Result { try body(folder) }
        try FileManager.default.removeItem(at: folder)
        return try result.get()
    }

    /// Random requests of one signal with what is in them.
    static func cases(
        _ signal: String, _ check: (_ body: [UInt8], _ expected: [String], URL) throws -> Void
    ) throws {
        try withFolder { folder in
            _ = try run(["generate", "\(seed)", "\(caseCount)", folder.path])
            var lineCount = 0
            for number in 0..<caseCount {
                let base = folder.appendingPathComponent("\(number)-\(signal)")
                let body = try Data(contentsOf: base.appendingPathExtension("bin"))
                let text = try String(
                    contentsOf: base.appendingPathExtension("txt"), encoding: .utf8)
                let expected = lines(text)
                lineCount += expected.count
                try check(Array(body), expected, folder)
            }
            #expect(lineCount > caseCount, "the oracle generates next to nothing")
        }
    }

    /// What the official classes find in `body`.
    static func dump(_ signal: String, _ body: [UInt8], _ folder: URL) throws -> [String] {
        let file = folder.appendingPathComponent("encoded.bin")
        try Data(body).write(to: file)
        return lines(try run(["dump", signal, file.path]))
    }

    private static func lines(_ text: String) -> [String] {
        text.split(separator: "\n").map(String.init)
    }
}

@Suite(
    "OTLP protobuf against the official classes",
    .enabled(if: Oracle.python != nil, Oracle.isMissing))
struct OfficialOTLPTests {
    @Test("spans decode to what the official classes hold, whatever the order of fields")
    func decodesTraces() throws {
        try Oracle.cases("traces") { body, expected, _ in
            let decoded = try OTLPTraces.decode(protobuf: body)
            let found =
                NeutralDump.spans(decoded.batch) + NeutralDump.rejections(decoded.rejections)
            #expect(found == expected, "seed \(Oracle.seed)")
        }
    }

    @Test("log records decode to what the official classes hold, whatever the order of fields")
    func decodesLogs() throws {
        try Oracle.cases("logs") { body, expected, _ in
            let decoded = try OTLPLogs.decode(protobuf: body, receivedAt: Oracle.receivedAt)
            #expect(NeutralDump.logs(decoded.batch) == expected, "seed \(Oracle.seed)")
        }
    }

    @Test("metrics decode to the series that their points stand for, whatever the order of fields")
    func decodesMetrics() throws {
        try Oracle.cases("metrics") { body, expected, _ in
            let decoded = try OTLPMetrics.decode(protobuf: body)
            #expect(NeutralDump.metrics(decoded) == expected, "seed \(Oracle.seed)")
        }
    }

    @Test("the official classes read the spans we encode and know every field")
    func encodesTraces() throws {
        var remaining = 12
        try Oracle.cases("traces") { body, _, folder in
            let batch = try OTLPTraces.decode(protobuf: body).batch
            guard remaining > 0, !batch.isEmpty else { return }
            remaining -= 1
            let found = try Oracle.dump("traces", OTLPTraces.encode(batch), folder)
            #expect(found == NeutralDump.spans(batch), "seed \(Oracle.seed)")
        }
    }

    @Test("the official classes read the log records we encode and know every field")
    func encodesLogs() throws {
        var remaining = 12
        try Oracle.cases("logs") { body, _, folder in
            let batch = try OTLPLogs.decode(protobuf: body, receivedAt: Oracle.receivedAt).batch
            guard remaining > 0, !batch.isEmpty else { return }
            remaining -= 1
            let found = try Oracle.dump("logs", OTLPLogs.encode(batch), folder)
            #expect(found == NeutralDump.logs(batch), "seed \(Oracle.seed)")
        }
    }

    @Test("the official classes read the metrics we encode and know every field")
    func encodesMetrics() throws {
        let body = OTLPMetrics.encode([SampleTelemetry.exportMetrics])
        let expected = NeutralDump.metrics(try OTLPMetrics.decode(protobuf: body))
        #expect(expected.count > 10)
        let found = try Oracle.withFolder { try Oracle.dump("metrics", body, $0) }
        #expect(found == expected)
    }
}
