import Compression
import Foundation
import NIOHTTP1
import Telemetry
import Testing
import WireFormats

/// What real senders emitted, kept in sample-data, is imported into the real server and read back by the
/// public APIs.
@Suite(
    .serialized,
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct SampleDataTests {
    /// Keeps data of any age: the samples are as old as the day they were captured on.
    private static let keeping = ["--retention", "100y"]

    private func withServer(_ body: (String) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data", Self.keeping)
        try await body(server.url)
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    private func load(_ url: String) throws {
        let outcome = try Program.run(["import", "--server", url, Program.sampleData.path])
        #expect(outcome.status == 0, "\(outcome.description)")
    }

    @Test("every span of the samples reads back as its sender told it")
    func spans() async throws {
        var told = SampleTraces.Spans()
        for path in try SampleTraces.files("traces.jsonl") {
            for request in try SampleTraces.lines(path) {
                told.merge(SampleTraces.spans(ofOTLP: request)) { $1 }
            }
        }
        #expect(told.count >= 48)
        for path in try SampleTraces.files(".pb") + SampleTraces.files(".pb.gz")
        where path.contains("traces") {
            var body = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            if path.hasSuffix(".gz") {
                body = try Zlib.decompress(body, format: .gzip, limit: 1 << 20)
            }
            let batch = try OTLPTraces.decode(protobuf: body).batch
            let text = String(decoding: OTLPTraces.encodeJSON(batch), as: UTF8.self)
            told.merge(SampleTraces.spans(ofOTLP: try Answer(parsing: text))) { $1 }
        }
        #expect(told.count >= 240, "the samples hold too few spans to prove anything")
        try await withServer { url in
            try load(url)
            for trace in Set(told.keys.map { $0.prefix(32) }) {
                let answer = try await Web.get("\(url)/api/v3/traces/\(trace)")["result"]
                let found = SampleTraces.spans(ofOTLP: answer)
                for (key, span) in told where key.hasPrefix(trace) {
                    #expect(found[key] == span, "span \(key)")
                }
            }
        }
    }

    @Test("every Zipkin span of the samples reads back with its times, tags and parent")
    func zipkin() async throws {
        let told = try SampleTraces.files(".json").flatMap { path in
            try Answer(parsing: try String(contentsOfFile: path, encoding: .utf8)).array
        }
        #expect(told.count >= 40)
        try await withServer { url in
            try load(url)
            for span in told {
                let trace = try #require(span["traceId"].string)
                let spans = try await Web.get("\(url)/api/traces/\(trace)")["data"][0]["spans"]
                    .array
                let found = try #require(
                    spans.first { $0["spanID"].string == span["id"].string }, "\(span.text)")
                #expect(found["operationName"].string == span["name"].string)
                #expect(found["startTime"].int == span["timestamp"].int)
                #expect(found["duration"].int == span["duration"].int)
                let parent = found["references"].array.first { $0["refType"].string == "CHILD_OF" }
                #expect(parent?["spanID"].string == span["parentId"].string)
                let tags = found["tags"].array
                for key in span["tags"].keys {
                    let tag = tags.first { $0["key"].string == key }
                    #expect(tag?["value"].string == span["tags"][key].string, "tag \(key)")
                }
            }
        }
    }

    @Test("the samples' counters, gauges and histograms answer with the values that were sent")
    func metrics() async throws {
        let path = Program.sampleData.appendingPathComponent("sdk/otlp-metrics.jsonl").path
        try await withServer { url in
            try load(url)
            var compared = 0
            for request in try SampleTraces.lines(path) {
                let metrics = request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].array
                for metric in metrics {
                    compared += try await compare(metric, at: url)
                }
            }
            #expect(compared >= 30, "too few points to prove anything")
        }
    }

    /// The names that OpenTelemetry's translation to Prometheus gives to the captured program's metrics.
    private static let names = [
        "checkout.orders": "checkout_orders_total", "checkout.value": "checkout_value_EUR_total",
        "checkout.open": "checkout_open", "checkout.size": "checkout_size_bytes",
        "checkout.load": "checkout_load_ratio",
        "checkout.temperature": "checkout_temperature_celsius",
    ]

    /// - Returns: how many points were compared.
    private func compare(_ metric: Answer, at url: String) async throws -> Int {
        guard let told = metric["name"].string, let name = Self.names[told] else { return 0 }
        var compared = 0
        for kind in ["sum", "gauge", "histogram"] {
            for point in metric[kind]["dataPoints"].array {
                let time = try #require(Int(point["timeUnixNano"].string ?? "")) / 1_000_000
                let selector = point["attributes"].array.map { attribute in
                    let value = attribute["value"]
                    let text =
                        value["stringValue"].string ?? (value["boolValue"].bool == true).description
                    return "\(attribute["key"].string ?? "")=\"\(text)\""
                }.joined(separator: ",")
                let labels = "{job=\"shop/checkout-file\",\(selector)}"
                if kind == "histogram" {
                    let count = try await value("\(name)_count\(labels)", time, url)
                    #expect(count == point["count"].number, "\(name) at \(time)")
                    let sum = try await value("\(name)_sum\(labels)", time, url)
                    #expect(sum == point["sum"].number, "\(name) at \(time)")
                } else {
                    let number = point["asInt"].number ?? point["asDouble"].number
                    let found = try await value(name + labels, time, url)
                    #expect(found == number, "\(name) at \(time)")
                }
                compared += 1
            }
        }
        return compared
    }

    private func value(_ query: String, _ milliseconds: Int, _ url: String) async throws -> Double?
    {
        let answer = try await Web.get(
            "\(url)/api/v1/query",
            ["query": query, "time": "\(Double(milliseconds) / 1_000)"])
        return answer["data"]["result"][0]["value"][1].number
    }

    @Test("every access log line of the samples reads back whole under its trace")
    func accessLogs() async throws {
        try await withServer { url in
            try load(url)
            let paths = try SampleTraces.files("access.jsonl")
            #expect(paths.count == 2)
            for line in try paths.flatMap({ try SampleTraces.lines($0) }) {
                let trace = try #require(line["trace_id"].string)
                let answer = try await Web.get(
                    "\(url)/api/sidelight/logs?traceId=\(trace)&limit=1000")
                let found = try answer["lines"].array.compactMap { $0["line"].string }
                    .filter { $0.hasPrefix("{") }.map { try Answer(parsing: $0).text }
                #expect(found.contains(line.text), "\(line.text)")
            }
        }
    }

    @Test("bodies go into the receivers as their senders sent them")
    func replay() async throws {
        let manifest = Program.sampleData.appendingPathComponent("MANIFEST.tsv")
        let rows = try String(contentsOf: manifest, encoding: .utf8).split(separator: "\n")
            .dropFirst().map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        #expect(rows.count >= 30)
        try await withServer { url in
            for row in rows where row[1] == "http" {
                let file = Program.sampleData.appendingPathComponent(String(row[0]))
                var headers: HTTPHeaders = ["content-type": String(row[3])]
                if !row[4].isEmpty { headers.add(name: "content-encoding", value: String(row[4])) }
                let answer = try await Web.post(
                    url + row[2], try Data(contentsOf: file), headers)
                #expect(answer.status / 100 == 2, "\(row[0]): \(answer.body)")
            }
        }
    }
}
