import Foundation
import Telemetry
import Testing
import WireFormats

@Suite(
    "OTLP/JSON against the official classes",
    .enabled(if: Oracle.python != nil, Oracle.isMissing))
struct OfficialOTLPJSONTests {
    /// Random requests of one signal in JSON, with what is in them.
    private func cases(
        _ signal: String, _ check: (_ body: [UInt8], _ expected: [String]) throws -> Void
    ) throws {
        try Oracle.withFolder { folder in
            _ = try Oracle.run(["generate", "\(Oracle.seed)", "\(Oracle.caseCount)", folder.path])
            _ = try Oracle.run(["encode", folder.path], script: "otlp_json.py")
            var lineCount = 0
            for number in 0..<Oracle.caseCount {
                let base = folder.appendingPathComponent("\(number)-\(signal)")
                let body = try Data(contentsOf: base.appendingPathExtension("json"))
                let text = try String(
                    contentsOf: base.appendingPathExtension("txt"), encoding: .utf8)
                let expected = text.split(separator: "\n").map(String.init)
                lineCount += expected.count
                try check(Array(body), expected)
            }
            #expect(lineCount > Oracle.caseCount, "the oracle generates next to nothing")
        }
    }

    @Test("spans decode to what the official classes hold, in every style of JSON")
    func decodesTraces() throws {
        try cases("traces") { body, expected in
            let decoded = try OTLPTraces.decode(json: body)
            let found =
                NeutralDump.spans(decoded.batch) + NeutralDump.rejections(decoded.rejections)
            #expect(found == expected, "seed \(Oracle.seed)")
        }
    }

    @Test("log records decode to what the official classes hold, in every style of JSON")
    func decodesLogs() throws {
        try cases("logs") { body, expected in
            let decoded = try OTLPLogs.decode(json: body, receivedAt: Oracle.receivedAt)
            #expect(NeutralDump.logs(decoded.batch) == expected, "seed \(Oracle.seed)")
        }
    }

    @Test("metrics decode to the series that their points stand for, in every style of JSON")
    func decodesMetrics() throws {
        try cases("metrics") { body, expected in
            let decoded = try OTLPMetrics.decode(json: body)
            #expect(NeutralDump.metrics(decoded) == expected, "seed \(Oracle.seed)")
        }
    }

    @Test("the official classes read the spans we write in JSON and know every field")
    func encodesTraces() throws {
        var batches: [SpanBatch] = [SampleTelemetry.spans]
        try cases("traces") { body, _ in
            batches.append(try OTLPTraces.decode(json: body).batch)
        }
        try Oracle.withFolder { folder in
            for (number, batch) in batches.enumerated() {
                let file = folder.appendingPathComponent("\(number)-traces.json")
                try Data(OTLPTraces.encodeJSON(batch)).write(to: file)
            }
            _ = try Oracle.run(["decode", folder.path], script: "otlp_json.py")
            for (number, batch) in batches.enumerated() {
                let file = folder.appendingPathComponent("\(number)-traces.out")
                let read = try OTLPTraces.decode(protobuf: Array(try Data(contentsOf: file)))
                let sent = try OTLPTraces.decode(protobuf: OTLPTraces.encode(batch))
                #expect(
                    NeutralDump.spans(read.batch) == NeutralDump.spans(sent.batch),
                    "seed \(Oracle.seed)")
            }
        }
    }
}
