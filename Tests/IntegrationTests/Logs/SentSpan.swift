import Foundation
import Testing

/// A span that a test sends as a tracer would, and its ids as each system writes them.
struct SentSpan {
    /// 32 and 16 hexadecimal digits.
    let trace: String
    let span: String
    /// Of the client, which sent nothing itself.
    let parent: String
    /// A UUID.
    let request: String

    /// - Parameter number: tells it from others; below 65,536.
    init(_ number: Int) {
        let digits = String(number + 0x1_0000, radix: 16).suffix(4)
        trace = "80f198ee56343ba864fe8b2a57d3\(digits)"
        span = "e457b5a2e4d8\(digits)"
        parent = "05e3ac9a4f6e\(digits)"
        request = "a93f2c10-77b1-4c55-9d3e-0242ac12\(digits)"
    }

    var traceParent: String { "00-\(trace)-\(span)-01" }
    var xrayRoot: String { "1-\(trace.prefix(8))-\(trace.dropFirst(8))" }

    /// Sends it over OTLP/HTTP to a server, which then has it.
    /// - Parameter seconds: what it took until now.
    func send(to url: String, seconds: Int64 = 0) async throws {
        let end = Int64(Date().timeIntervalSince1970 * 1e9)
        let now = end - seconds * 1_000_000_000
        let body = """
            {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":\
            "mesh"}}]},"scopeSpans":[{"spans":[{"traceId":"\(trace)","spanId":"\(span)",\
            "parentSpanId":"\(parent)","name":"GET /","kind":2,"startTimeUnixNano":"\(now)",\
            "endTimeUnixNano":"\(end + 1_000_000)","attributes":[{"key":"guid:x-request-id",\
            "value":{"stringValue":"\(request)"}}]}]}]}]}
            """
        let answer = try await Wire.post(
            url + "/v1/traces", type: "application/json", Array(body.utf8))
        try #require(answer.status == 200, "\(answer.text)")
    }
}
