import QueryAPI
import Store
import Telemetry
import Testing

@Suite("Spans that stand for several")
struct AdjustedCountTests {
    @Test(
        "count as often in dependencies, rates and checks of traces",
        arguments: [
            (
                "/api/dependencies?endTs=1767323045000&lookback=3600000",
                #"{"parent":"web","child":"cart","callCount":5}"#
            ),
            (
                "/api/v2/dependencies?endTs=1767323045000&lookback=3600000",
                #""parent":"web","child":"cart","callCount":5"#
            ),
            (
                "/api/metrics/calls?service=cart&endTs=1767323045000&lookback=60000&step=60000"
                    + "&ratePer=50000",
                "0.0833333"
            ),
            (
                "/api/sidelight/doctor",
                #"{"client":"web","server":"cart","callCount":5,"orphanCount":0"#
            ),
            ("/api/sidelight/doctor", #""spanCount":10,"examinedSpanCount":2"#),
            ("/api/quality-metrics?service=cart&lookback=1", #""passCount":5"#),
        ])
    func counted(path: String, part: String) async throws {
        try await APIServer.run(filledBy: { store in
            store.addSpans { spans in
                let (web, cart) = (spans.resource("web"), spans.resource("cart"))
                let weight = Attribute(SpanBatch.adjustedCountKey, .double(5))
                spans.add(trace: 1, span: 1, "call", resource: web, ago: 30) {
                    $0.kind = .client
                    $0.attributes = [weight]
                }
                spans.add(trace: 1, span: 2, parent: 1, "take", resource: cart, ago: 30) {
                    $0.kind = .server
                    $0.attributes = [weight]
                }
            }
        }) { server in
            let answer = try await server.get(path)
            #expect(answer.status == 200)
            #expect(answer.text.contains(part), "\(answer.text)")
        }
    }
}
