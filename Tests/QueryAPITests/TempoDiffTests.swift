import Store
import Telemetry
import Testing

@Suite("Tempo's difference of two traces")
struct TempoDiffTests {
    private static func id(_ number: Int) -> String { "000000000000000a000000000000000\(number)" }

    /// Trace 1 is the base. Trace 2 has a slower call with another tag, a failed cart and one more span.
    private func fill(_ store: MemoryStore) {
        store.addSpans { spans in
            let web = spans.resource("web")
            let cart = spans.resource("cart")
            for trace in UInt64(1)...2 {
                let isOther = trace == 2
                let ago = Double(100 * trace)
                spans.add(
                    trace: trace, span: 1, "GET /", resource: web, ago: ago,
                    milliseconds: isOther ? 110 : 100
                ) { $0.kind = .server }
                spans.add(
                    trace: trace, span: 2, parent: 1, "call", resource: web, ago: ago - 0.01,
                    milliseconds: isOther ? 90 : 30
                ) {
                    $0.kind = .client
                    $0.attributes = [
                        Attribute("host", .string(isOther ? "b" : "a")),
                        Attribute("http.response.size", .int(isOther ? 102 : 100)),
                        Attribute(isOther ? "new" : "old", .bool(true)),
                    ]
                }
                spans.add(
                    trace: trace, span: 3, parent: 2, "add", resource: cart, ago: ago - 0.02,
                    milliseconds: 20
                ) { if isOther { $0.status = .error } }
                spans.add(
                    trace: trace, span: 4, parent: 1, isOther ? "log" : "trace", resource: web,
                    ago: ago - 0.05)
            }
        }
    }

    private func diff(
        _ body: String, path: String = "/api/v2/traces/diff"
    ) async throws -> Answer {
        try await APIServer.run(filledBy: { fill($0) }) { server in
            try await server.send(
                "POST", path, headers: ["content-type": "application/json"],
                body: Array(body.utf8))
        }
    }

    @Test("is a patch of matched, added and removed spans")
    func patch() async throws {
        let body =
            #"{"base":{"traceId":"\#(Self.id(1))"},"compare":{"traceId":"a000000000000000"#
            + #"2","start":1}}"#
        let answer = try await diff(body)
        let call = #"{"path":[0,0],"service":"web","name":"call","kind":"client"}"#
        let add = #"{"path":[0,0,0],"service":"cart","name":"add","kind":"unspecified"}"#
        let whole = #""service":"web","name":"\#("log")","kind":"unspecified""#
        let expected =
            #"{"version":"trace-patch-v0","base":{"traceId":"\#(Self.id(1))","spanCount":4},"#
            + #""compare":{"traceId":"\#(Self.id(2))","spanCount":4},"stats":{"spanCountA":4,"#
            + #""spanCountB":4,"matchedSpans":3,"modifiedSpans":2,"addedSpans":1,"#
            + #""removedSpans":1,"fieldChanges":2,"attributeChanges":3,"eventChanges":0,"#
            + #""truncated":false},"modified":[{"span":\#(call),"changes":["#
            + #"{"op":"modify","target":{"type":"field","name":"duration_nanos"},"#
            + #""before":30000000,"after":90000000},"#
            + #"{"op":"modify","target":{"type":"attribute","scope":"span","key":"host"},"#
            + #""before":"a","after":"b"},"#
            + #"{"op":"add","target":{"type":"attribute","scope":"span","key":"new"},"#
            + #""before":null,"after":true},"#
            + #"{"op":"remove","target":{"type":"attribute","scope":"span","key":"old"},"#
            + #""before":true,"after":null}]},{"span":\#(add),"changes":["#
            + #"{"op":"modify","target":{"type":"field","name":"status"},"#
            + #""before":"unset","after":"error"}]}],"#
            + #""added":[{"target":{"type":"span","parentPath":[0],"index":1},"#
            + #""span":{"path":[0,1],\#(whole),"duration_nanos":10000000,"status":"unset"}}],"#
            + #""removed":[{"target":{"type":"span","path":[0,1]},"span":{"path":[0,1],"#
            + whole.replacing("log", with: "trace")
            + #","duration_nanos":10000000,"status":"unset"}}],"warnings":[]}"#
        #expect(answer.status == 200 && answer.text == expected, "\(answer.text)")
        let same = try await diff(
            #"{"base":{"traceId":"\#(Self.id(1))"},"compare":{"traceId":"\#(Self.id(1))"}}"#,
            path: "/tempo/api/v2/traces/diff")
        #expect(same.text.contains(#""matchedSpans":4,"modifiedSpans":0,"addedSpans":0"#))
    }

    @Test(
        "what cannot be compared is refused",
        arguments: [
            ("{", 400, "invalid trace diff request body"), ("{}", 400, "base.traceId is required"),
            (#"{"base":{"traceId":"xyz"}}"#, 400, "invalid base.traceId"),
            (#"{"base":{"traceId":"1"},"compare":{"traceId":"2"}}"#, 404, "Not Found"),
            (#"{"format":"picture"}"#, 400, "invalid format"),
            (#"{"format":"trace-summary-v0-native"}"#, 501, "is not supported here"),
        ])
    func refused(body: String, status: Int, message: String) async throws {
        let answer = try await diff(body)
        #expect(answer.status == status && answer.text.contains(message), "\(answer.text)")
    }

    @Test("circles and repeated ids are placed once, and said")
    func damaged() async throws {
        let answer = try await APIServer.run(
            filledBy: { store in
                store.addSpans { spans in
                    let web = spans.resource("web")
                    spans.add(trace: 1, span: 1, parent: 2, "a", resource: web, ago: 3)
                    spans.add(trace: 1, span: 2, parent: 1, "b", resource: web, ago: 2)
                    spans.add(trace: 1, span: 3, "c", resource: web, ago: 1) { $0.kind = .client }
                    spans.add(trace: 1, span: 3, "c", resource: web, ago: 1) { $0.kind = .server }
                }
            }
        ) { server in
            try await server.send(
                "POST", "/api/v2/traces/diff",
                body: Array(
                    #"{"base":{"traceId":"\#(Self.id(1))"},"compare":{"traceId":"\#(Self.id(1))"}}"#
                        .utf8))
        }
        #expect(answer.text.contains(#""matchedSpans":3"#), "\(answer.text)")
        #expect(answer.text.count(of: "duplicate_span_id") == 2)
    }
}
