import Foundation
import Testing

/// The label `trace_id` finds every row of a trace, however the row spells the id.
@Suite(
    "Rows of a trace by its id",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct TraceIDSpellingTests {
    private static let trace = "6bb1a2c3d4e5f60718293a4b5c6d2522"
    private static let short = "000000000000000018293a4b5c6d2522"

    private static var lines: [String] {
        let root = "1-\(trace.prefix(8))-\(trace.dropFirst(8))"
        return [
            #"{"m":"lower","trace_id":"\#(trace)"}"#,
            #"{"m":"upper","trace_id":"\#(trace.uppercased())"}"#,
            #"{"m":"xray","x-amzn-trace-id":"Root=\#(root);Parent=53995c3f42cd8ad8;Sampled=1"}"#,
            #"{"m":"short","x-b3-traceid":"\#(short.suffix(16))","x-b3-spanid":"53995c3f42cd8ad8"}"#,
            #"{"m":"other","trace_id":"\#(String(trace.reversed()))"}"#,
        ]
    }

    @Test("in the head and in blocks, behind json too")
    func spellings() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        for start in 0..<2 {
            let server = try await ServerProcess(data: data)
            if start == 0 {
                let answer = try await Wire.post(
                    server.url + "/api/sidelight/logs?service=shop", type: "application/x-ndjson",
                    Array(Self.lines.joined(separator: "\n").utf8))
                #expect(answer.status == 200, "\(answer.text)")
            }
            let questions = LogQuestions(url: server.url)
            for parser in ["", "| json "] {
                for (id, found) in [
                    (Self.trace, ["lower", "upper", "xray"]), (Self.short, ["short"]),
                ] {
                    let query = #"{service_name="shop"} \#(parser)| trace_id="\#(id)""#
                    let rows = try await questions.rows(query)
                    let words = rows.compactMap { row in
                        found.first { row.line.contains("\"m\":\"\($0)\"") }
                    }
                    #expect(
                        rows.count == found.count && Set(words) == Set(found),
                        "\(start) \(query): \(rows)")
                }
            }
            #expect(await server.stop() == 0, "\(server.standardError)")
        }
    }
}
