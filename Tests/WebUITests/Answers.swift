import HTTPServer

/// Fixed answers in the shapes of the APIs that the pages call.
enum Answers {
    static let traceID = "00000000000000000000000000000a11"

    static func register(on router: inout Router) {
        answer(on: &router, "/jaeger/api/services", #"{"data":["shop","payment"],"errors":null}"#)
        answer(on: &router, "/jaeger/api/services/{name}/operations", #"{"data":["Charge"]}"#)
        answer(on: &router, "/jaeger/api/traces", #"{"data":[\#(trace)],"errors":null}"#)
        router.on(.get, "/jaeger/api/traces/{id}") { request in
            let found = request.pathParameters["id"] == meshTraceID ? meshTrace : trace
            return .json(Array(#"{"data":[\#(found)],"errors":null}"#.utf8))
        }
        router.on(.get, "/prometheus/api/v1/query_range") { request in
            guard request.parameters["query"] == "bad" else {
                return .json(Array(matrix(from: request.parameters["start"] ?? "0").utf8))
            }
            return .json(Array(badQuery.utf8), status: 400)
        }
        answer(on: &router, "/prometheus/api/v1/label/__name__/values", #"{"data":["up"]}"#)
        answer(on: &router, "/prometheus/api/v1/rules", rules)
        answer(on: &router, "/api/sidelight/alerts/history", history)
        answer(on: &router, "/loki/api/v1/labels", #"{"status":"success","data":["a"]}"#)
        router.on(.get, "/loki/api/v1/query_range") { request in
            guard request.parameters["step"] == nil else {
                return .text("parse error: not supported yet: count_over_time", status: 400)
            }
            return .json(Array(lines.utf8))
        }
    }

    /// A document around the pages' own modules that opens an address, acts, and writes what it saw into
    /// `#seen`. `script` has `key(name)` for the waterfall, `see(text)`, and `settle()`.
    static func driver(opening address: String, script: String) -> String {
        """
        <!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/ui/style.css"><nav id="nav"></nav>
        <div id="tools"></div><main id="main"></main><div id="toast"></div><ol id="seen"></ol>
        <script type="module">
        const settle = () => new Promise((done) => setTimeout(done, 600));
        const see = (text) => {
          const item = document.createElement('li');
          item.textContent = `saw ${text}`;
          document.getElementById('seen').append(item);
        };
        const key = (name) => document.querySelector('.waterfall').dispatchEvent(
          new KeyboardEvent('keydown', { key: name, bubbles: true }));
        history.replaceState(null, '', '\(address)');
        await import('/ui/app.js');
        await settle();
        \(script)
        </script>
        """
    }

    private static func answer(on router: inout Router, _ pattern: String, _ body: String) {
        let bytes = Array(body.utf8)
        router.on(.get, pattern) { _ in .json(bytes) }
    }

    /// A request that failed in a payment, a zero-length span, one without its parent, unicode, markup
    /// in data, and a value of a million characters.
    private static var trace: String {
        let spans = [
            span("a1", nil, "POST /checkout", 0, 120_000, process: 1, tags: failed),
            span(
                "b2", "a1", "Charge", 10_000, 80_000, process: 2,
                tags: failed + [
                    tag("card.issuer", "<b id=\\\"injected\\\">x</b>"),
                    tag("body", String(repeating: "y", count: 1_000_000)),
                ], logs: event, links: link),
            span("c3", "b2", "SELECT ünïcode ✓", 20_000, 0, process: 2),
            span("d4", "a1", "Reserve <b id=\\\"injected\\\">", 95_000, 5_000, process: 1),
            span("e5", "ff", "Late work", 100_000, 10_000, process: 2),
        ]
        return """
            {"traceID":"\(traceID)","spans":[\(spans.joined(separator: ","))],"processes":{
            "p1":{"serviceName":"shop","tags":[]},
            "p2":{"serviceName":"payment","tags":[\(tag("service.version", "1.2"))]}},
            "warnings":null}
            """
    }

    private static let failed = [#"{"key":"error","type":"bool","value":true}"#]
    private static let event =
        #"{"timestamp":1763700000020000,"fields":[\#(tag("exception.message", "declined"))]}"#
    private static let link =
        #",{"refType":"FOLLOWS_FROM","traceID":"\#(String(repeating: "c", count: 32))","#
        + #""spanID":"0000000000000001"}"#

    private static func tag(_ key: String, _ value: String) -> String {
        #"{"key":"\#(key)","type":"string","value":"\#(value)"}"#
    }

    private static func span(
        _ id: String, _ parent: String?, _ name: String, _ start: Int, _ duration: Int,
        process: Int, tags: [String] = [], logs: String = "", links: String = ""
    ) -> String {
        let pad = String(repeating: "0", count: 14)
        let reference = parent.map {
            #"{"refType":"CHILD_OF","traceID":"\#(traceID)","spanID":"\#(pad)\#($0)"}"#
        }
        return """
            {"traceID":"\(traceID)","spanID":"\(pad)\(id)","operationName":"\(name)",
            "references":[\(reference ?? "")\(links)],"startTime":\(1_763_700_000_000_000 + start),
            "duration":\(duration),"tags":[\(tags.joined(separator: ","))],"logs":[\(logs)],
            "processID":"p\(process)","warnings":null}
            """
    }

    private static func matrix(from start: String) -> String {
        #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","#
            + #""job":"api"},"values":[[\#(start),"1"]]}]}}"#
    }

    private static let badQuery =
        #"{"status":"error","errorType":"bad_data","error":"1:2: parse error: unexpected end"}"#

    private static let lines = """
        {"status":"success","data":{"resultType":"streams","result":[{"stream":{"level":"error",
        "trace_id":"\(traceID)"},"values":[["1763700000000000000","payment declined"]]}]}}
        """

    private static let rules = """
        {"status":"success","data":{"groups":[{"name":"slo","file":"slo.yaml","interval":30,
        "rules":[
        {"type":"alerting","name":"BudgetBurn","state":"firing","query":"a > 1","duration":60,
        "labels":{"severity":"page"},"annotations":{},"health":"ok","alerts":[{"state":"firing",
        "activeAt":"2025-11-21T04:00:00Z","value":"1.5e+00","labels":{"alertname":"BudgetBurn"},
        "annotations":{"summary":"burns too fast"}}]}]}]}}
        """

    private static let history = """
        {"transitions":[{"at":"2025-11-21T04:00:00Z","file":"slo.yaml","group":"slo",
        "rule":"BudgetBurn","labels":{},"from":"pending","to":"firing","value":"1.5"}]}
        """
}
