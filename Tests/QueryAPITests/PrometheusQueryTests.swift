import Compression
import HTTPServer
import Platform
import QueryAPI
import QueryCore
import Store
import Synchronization
import Telemetry
import Testing

@Suite("Prometheus queries over HTTP")
struct PrometheusQueryTests {
    private static let now = APIServer.now

    private func fill(_ store: MemoryStore) {
        store.add(["__name__": "up", "job": "api"], 1, 1, 1)
        store.add(["__name__": "up", "job": "web"], 1, 0, 0.5)
        store.add(["__name__": "requests_total", "job": "api"], 0, 30, 60)
    }

    @Test("an instant query answers a vector, in label order, values as strings")
    func vector() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v1/query?query=up")
            #expect(answer.status == 200)
            #expect(answer["content-type"] == "application/json")
            #expect(
                answer.text == #"{"status":"success","data":{"resultType":"vector","result":["#
                    + #"{"metric":{"__name__":"up","job":"api"},"value":[1767323045,"1"]},"#
                    + #"{"metric":{"__name__":"up","job":"web"},"value":[1767323045,"0.5"]}]}}"#)
        }
    }

    @Test("the same routes answer below the prefix and to forms")
    func prefixAndForm() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let direct = try await server.get("/api/v1/query?query=up%7Bjob%3D%22api%22%7D")
            let prefixed = try await server.get(
                "/prometheus/api/v1/query?query=up%7Bjob%3D%22api%22%7D&unknown=1")
            let form = try await server.post(
                form: "query=up%7Bjob%3D%22api%22%7D&time=1767323045", to: "/api/v1/query")
            #expect(direct.status == 200)
            #expect(prefixed.text == direct.text)
            #expect(form.text == direct.text)
        }
    }

    @Test(
        "each kind of value has its shape",
        arguments: [
            ("1%2B1", #"{"resultType":"scalar","result":[1767323045,"2"]}"#),
            ("%22text%22", #"{"resultType":"string","result":[1767323045,"text"]}"#),
            ("1e30", #"{"resultType":"scalar","result":[1767323045,"1e+30"]}"#),
            ("-1%2F0", #"{"resultType":"scalar","result":[1767323045,"-Inf"]}"#),
            ("0%2F0", #"{"resultType":"scalar","result":[1767323045,"NaN"]}"#),
            ("none", #"{"resultType":"vector","result":[]}"#),
            (
                "requests_total%5B20s%5D",
                #"{"resultType":"matrix","result":[{"metric":{"__name__":"requests_total","#
                    + #""job":"api"},"values":[[1767323030,"30"],[1767323045,"60"]]}]}"#
            ),
        ])
    func shapes(query: String, data: String) async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v1/query?query=\(query)")
            #expect(answer.text == #"{"status":"success","data":\#(data)}"#)
        }
    }

    @Test("a range query answers a matrix; times may be seconds, fractions or RFC 3339")
    func matrix() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let expected =
                #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":"#
                + #"{"__name__":"up","job":"web"},"values":[[1767323015.500,"1"],"#
                + #"[1767323030.500,"0"],"#
                + #"[1767323045.500,"0.5"]]}]}}"#
            let query = "query=up%7Bjob%3D%22web%22%7D"
            let ways = [
                "start=1767323015.5&end=1767323046&step=15",
                "start=2026-01-02T03:03:35.5Z&end=2026-01-02T03:04:06Z&step=15s",
                "start=1767323015.5&end=1767323046&step=15000ms&timeout=5s&lookback_delta=1m",
            ]
            for way in ways {
                let answer = try await server.get("/api/v1/query_range?\(query)&\(way)")
                #expect(answer.text == expected, "\(way)")
            }
        }
    }

    @Test("a long matrix has the series that it has one by one, in order, up to its limit")
    func longMatrix() async throws {
        try await APIServer.run(filledBy: { store in
            for pod in 10..<50 {
                store.add(["__name__": "load", "pod": "p\(pod)"], Double(pod), Double(pod) / 3)
            }
        }) { server in
            let times = "start=1767322800&end=1767323045&step=1"
            func result(_ query: String) async throws -> Substring {
                let answer = try await server.get("/api/v1/query_range?query=\(query)&\(times)")
                let head = #"{"status":"success","data":{"resultType":"matrix","result":["#
                #expect(answer.text.hasPrefix(head))
                return answer.text.dropFirst(head.count)
            }
            var single: [String] = []
            for pod in 10..<50 {
                let text = try await result("load%7Bpod%3D%22p\(pod)%22%7D")
                #expect(text.hasSuffix("]}}"))
                single.append(String(text.dropLast(3)))
            }
            #expect(single[3].contains(#"[1767323045,"4.333333333333333"]"#))
            #expect(try await result("load") == single.joined(separator: ",") + "]}}")
            let limited = try await result("load&limit=7")
            #expect(limited.hasPrefix(single.prefix(7).joined(separator: ",") + "]}"))
            #expect(limited.contains("warnings"))
        }
    }

    @Test(
        "what is wrong is said in Prometheus's words",
        arguments: [
            (
                "/api/v1/query?query=up%5B", 400, "bad_data",
                #"invalid parameter "query": 1:4: parse error: "#
            ),
            (
                "/api/v1/query", 400, "bad_data",
                #"invalid parameter "query": unknown position: parse error: no expression found in "#
            ),
            (
                "/api/v1/query?query=up&time=soon", 400, "bad_data",
                #"invalid parameter "time": cannot parse "soon" to a valid timestamp"#
            ),
            (
                "/api/v1/query?query=up&timeout=x", 400, "bad_data",
                #"invalid parameter "timeout": cannot parse "x" to a valid duration"#
            ),
            (
                "/api/v1/query?query=up&limit=-1", 400, "bad_data",
                #"invalid parameter "limit": limit must be non-negative"#
            ),
            (
                "/api/v1/query_range?query=up&start=2&end=1&step=1", 400, "bad_data",
                #"invalid parameter "end": end timestamp must not be before start time"#
            ),
            (
                "/api/v1/query_range?query=up&start=1&end=2&step=0", 400, "bad_data",
                #"invalid parameter "step": zero or negative query resolution step widths are not"#
            ),
            (
                "/api/v1/query_range?query=up&start=1&end=2", 400, "bad_data",
                #"invalid parameter "step": cannot parse "" to a valid duration"#
            ),
            (
                "/api/v1/query_range?query=up&end=2&step=1", 400, "bad_data",
                #"invalid parameter "start": cannot parse "" to a valid timestamp"#
            ),
            (
                "/api/v1/query_range?query=up&start=0&end=11001&step=1", 400, "bad_data",
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
                    + "query resolution (?step=XX)"
            ),
            (
                "/api/v1/query?query=up%7Bjob%3D~%22(%22%7D", 400, "bad_data",
                #"invalid parameter "query": "#
            ),
            (
                "/api/v1/query?query=up%20%2B%20on()%20up", 422, "execution",
                "found duplicate series for the match group"
            ),
            ("/api/v1/series", 400, "bad_data", "no match[] parameter provided"),
            (
                "/api/v1/series?match%5B%5D=up%5B5m%5D", 400, "bad_data",
                #"invalid parameter "match[]": "#
            ),
            (
                "/api/v1/series?match%5B%5D=%7B%7D", 400, "bad_data",
                #"invalid parameter "match[]": "#
            ),
            (
                "/api/v1/labels?match%5B%5D=%7B%7D", 400, "bad_data",
                "match[] must contain at least one non-empty matcher"
            ),
            ("/api/v1/label/job/values?match%5B%5D=up%7B", 400, "bad_data", "1:4: parse error: "),
            ("/api/v1/rules?match%5B%5D=up%7B", 400, "bad_data", "1:4: parse error: "),
            ("/api/v1/targetz", 404, "not_found", "/api/v1/targetz is not served here; this API "),
            ("/prometheus/nothing", 404, "not_found", "/prometheus/nothing is not served here"),
            ("/api/v1/format_query?query=(", 400, "bad_data", #"invalid parameter "query": 1:2: "#),
            ("/api/v1/rules?type=other", 400, "bad_data", #"invalid parameter "type": "#),
        ])
    func errors(path: String, status: Int, type: String, message: String) async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get(path)
            #expect(answer.status == status)
            let quoted = message.replacing("\"", with: "\\\"")
            let start = #"{"status":"error","errorType":"\#(type)","error":"\#(quoted)"#
            #expect(answer.text.hasPrefix(start), "\(answer.text)")
            #expect(answer["content-type"] == "application/json")
        }
    }

    @Test("a method that a route lacks is an error of the same shape")
    func wrongMethod() async throws {
        try await APIServer.run { server in
            let answer = try await server.send("DELETE", "/api/v1/query")
            #expect(answer.status == 405)
            #expect(answer.text.hasPrefix(#"{"status":"error","errorType":"method_not_allowed""#))
        }
    }

    @Test("a query past its deadline is 503 timeout")
    func timeout() async throws {
        var setup = APIServer.Setup()
        setup.clock = TickingClock()
        fill(setup.store)
        try await APIServer.run(setup) { server in
            let answer = try await server.get("/api/v1/query?query=up&timeout=1ms&time=1767323045")
            #expect(answer.status == 503)
            #expect(
                answer.text == #"{"status":"error","errorType":"timeout","error":"query timed out "#
                    + #"in expression evaluation"}"#)
        }
    }

    @Test("too many samples and too large an answer are 422 execution")
    func limits() async throws {
        var setup = APIServer.Setup()
        setup.limits.samplesMax = 2
        fill(setup.store)
        try await APIServer.run(setup) { server in
            let answer = try await server.get(
                "/api/v1/query_range?query=up&start=1767323015&end=1767323045&step=15")
            #expect(answer.status == 422)
            #expect(answer.text.contains("too many samples"))
        }
        setup.limits = QueryLimits()
        setup.answerLimits.bytesMax = 80
        try await APIServer.run(setup) { server in
            let answer = try await server.get("/api/v1/query?query=up")
            #expect(answer.status == 422)
            #expect(answer.text.contains("the answer exceeds 80 bytes"))
        }
    }

    @Test("when the pool takes no more, the answer is 503 with a hint")
    func overload() async throws {
        let setup = APIServer.Setup()
        setup.pool.stop()
        try await APIServer.run(setup) { server in
            let answer = try await server.get("/api/v1/query?query=1")
            #expect(answer.status == 503)
            #expect(answer.text.hasPrefix(#"{"status":"error","errorType":"unavailable""#))
            #expect(answer["retry-after"] == "1")
        }
    }

    @Test("limit cuts the result and says so")
    func resultLimit() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v1/query?query=up&limit=1")
            #expect(
                answer.text == #"{"status":"success","data":{"resultType":"vector","result":["#
                    + #"{"metric":{"__name__":"up","job":"api"},"value":[1767323045,"1"]}]},"#
                    + #""warnings":["results truncated due to limit"]}"#)
            let whole = try await server.get("/api/v1/query?query=up&limit=2")
            #expect(!whole.text.contains("warnings"))
        }
    }

    @Test("doubts of the engine arrive as infos")
    func infos() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v1/query?query=rate(up%5B1m%5D)")
            #expect(answer.status == 200)
            #expect(answer.text.contains(#""infos":["PromQL info: "#))
        }
    }

    @Test("an expression is printed in its normal form")
    func format() async throws {
        try await APIServer.run { server in
            let answer = try await server.get("/api/v1/format_query?query=sum(up)by(job)%2B1")
            #expect(answer.text == #"{"status":"success","data":"sum by (job) (up) + 1"}"#)
        }
    }

    @Test("gzip only for those who accept it")
    func gzip() async throws {
        let setup = APIServer.Setup()
        for index in 0..<100 {
            setup.store.add(["__name__": "many", "index": "\(index)"], Double(index))
        }
        try await APIServer.run(setup) { server in
            let plain = try await server.get("/api/v1/query?query=many")
            #expect(plain["content-encoding"] == nil)
            let packed = try await server.get(
                "/api/v1/query?query=many", headers: ["accept-encoding": "gzip"])
            #expect(packed["content-encoding"] == "gzip")
            #expect(
                try Zlib.decompress(packed.body, format: .gzip, limit: 1 << 20) == plain.body)
            let refused = try await server.get(
                "/api/v1/query?query=many", headers: ["accept-encoding": "gzip;q=0"])
            #expect(refused["content-encoding"] == nil)
        }
    }
}

/// Goes on by a second whenever it is read.
final class TickingClock: Clock {
    private let reads = Atomic<Int64>(0)

    var wallNanoseconds: Int64 { APIServer.now * 1_000_000_000 }
    var monotonicNanoseconds: Int64 {
        reads.wrappingAdd(1, ordering: .relaxed).newValue * 1_000_000_000
    }
}
