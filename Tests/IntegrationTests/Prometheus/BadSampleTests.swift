import Compression
import Foundation
import NIOCore
import NIOPosix
import Telemetry
import Testing
import WireFormats

/// Series that cannot be kept, by every way that samples come in: each is told in the way's own words, and what
/// stands beside it is stored.
@Suite(
    .serialized,
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct BadSampleTests {
    private typealias Pairs = [(name: String, value: String)]

    private struct Case {
        var what: String
        var name = "bad"
        var labels: Pairs = []
        /// Milliseconds.
        var time: Int64
    }

    private static let now = Int64(Date().timeIntervalSince1970 * 1_000) - 5_000
    private static let mebibyte = String(repeating: "x", count: 1 << 20)

    /// OTLP's attributes are a map: of one that stands twice both values are kept.
    private static func cases(isMap: Bool = false) -> [Case] {
        let cases = [
            Case(what: "a label of a mebibyte", labels: [("long", mebibyte)], time: now),
            Case(what: "a label's name of a mebibyte", labels: [(mebibyte, "1")], time: now),
            Case(what: "a name of a mebibyte", name: mebibyte, time: now),
            Case(what: "a label without a name", labels: [("", "1")], time: now),
            Case(what: "no name", name: "", labels: [("a", "1")], time: now),
            Case(what: "a sample from before retention", time: now - 2 * 86_400_000),
            Case(what: "a sample of the far future", time: now + 86_400_000),
        ]
        let twice = Case(what: "a label twice", labels: [("a", "1"), ("a", "2")], time: now)
        return isMap ? cases : cases + [twice]
    }

    private static func good(_ number: Int) -> Case {
        Case(
            what: "good", name: "good", labels: [("z", "\(number)"), ("b", "out of order")],
            time: now)
    }

    // MARK: Ways

    /// A remote write 2.0 request.
    private static func symbolized(_ cases: [Case]) -> [UInt8] {
        var symbols = [""]
        var writer = ProtobufWriter()
        for one in cases {
            var references: [UInt64] = []
            for pair in one.labels + [("__name__", one.name)] {
                for text in [pair.name, pair.value] {
                    references.append(UInt64(symbols.count))
                    symbols.append(text)
                }
            }
            writer.message(5) { series in
                series.packedVarints(1, references)
                series.message(2) {
                    $0.double(1, 1)
                    $0.varint(2, UInt64(bitPattern: one.time))
                }
            }
        }
        for symbol in symbols { writer.presentString(4, symbol) }
        return writer.bytes
    }

    private static func text(_ cases: [Case]) -> [UInt8] {
        let lines = cases.map { one in
            let name = one.name.isEmpty ? [] : ["\"\(one.name)\""]
            let labels = one.labels.map { "\"\($0.name)\"=\"\($0.value)\"" }
            return "{\((name + labels).joined(separator: ","))} 1 \(one.time)\n"
        }
        return Array(lines.joined().utf8)
    }

    private static func otlp(_ cases: [Case]) -> [UInt8] {
        let metrics = cases.map { one in
            let attributes = one.labels.map {
                "{\"key\":\"\($0.name)\",\"value\":{\"stringValue\":\"\($0.value)\"}}"
            }
            return "{\"name\":\"\(one.name)\",\"gauge\":{\"dataPoints\":[{\"asDouble\":1,"
                + "\"timeUnixNano\":\"\(one.time)000000\","
                + "\"attributes\":[\(attributes.joined(separator: ","))]}]}}"
        }
        let body = metrics.joined(separator: ",")
        return Array("{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[\(body)]}]}]}".utf8)
    }

    private func query(_ url: String, _ text: String) async throws -> String {
        let escaped = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return try await Wire.get("\(url)/api/v1/query?query=\(escaped)").text
    }

    /// Runs `body` with a server that keeps a day, and looks that of the good all are there and of the bad none.
    private func run(
        good: Int, _ arguments: [String] = [], _ body: (ServerProcess) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--retention", "1d"] + arguments)
        try await body(server)
        let found = try await query(server.url, "count(good)")
        #expect(found.contains(",\"\(good)\"]"), "\(found)")
        let bad = try await query(server.url, "{__name__!~\"good|sidelight_.*\",__name__!=\"\"}")
        #expect(bad.contains("\"result\":[]"), "\(bad.prefix(300))")
        #expect(await server.stop() == 0, "\(server.standardError.suffix(2_000))")
    }

    @Test("remote write 2.0 answers 400 and says how many samples it stored")
    func symbolized() async throws {
        let cases = Self.cases()
        try await run(good: cases.count) { server in
            for (number, one) in cases.enumerated() {
                let answer = try await Wire.post(
                    server.url + "/api/v1/write",
                    type: "application/x-protobuf;proto=io.prometheus.write.v2.Request",
                    encoding: "snappy",
                    Snappy.compress(Self.symbolized([one, Self.good(number)])))
                #expect(answer.status == 400, "\(one.what): \(answer.text.prefix(300))")
                #expect(
                    answer.header("x-prometheus-remote-write-samples-written") == "1",
                    "\(one.what)")
            }
        }
    }

    @Test("an import answers 400 and names the line or the sample")
    func imported() async throws {
        let cases = Self.cases()
        try await run(good: cases.count) { server in
            for (number, one) in cases.enumerated() {
                let answer = try await Wire.post(
                    server.url + "/api/v1/import/prometheus", type: "text/plain",
                    Self.text([one, Self.good(number)]))
                #expect(answer.status == 400, "\(one.what): \(answer.text.prefix(300))")
                #expect(
                    answer.text.hasPrefix("1 samples stored, 1 lines or samples rejected"),
                    "\(one.what): \(answer.text.prefix(300))")
            }
        }
    }

    @Test("OTLP answers a partial success")
    func partly() async throws {
        let cases = Self.cases(isMap: true)
        try await run(good: cases.count) { server in
            for (number, one) in cases.enumerated() {
                let answer = try await Wire.post(
                    server.url + "/v1/metrics", type: "application/json",
                    Self.otlp([one, Self.good(number)]))
                #expect(answer.status == 200, "\(one.what): \(answer.text.prefix(300))")
                #expect(
                    answer.text.contains("\"rejectedDataPoints\":\"1\""),
                    "\(one.what): \(answer.text.prefix(300))")
            }
        }
    }

    @Test("lines of StatsD are counted, and the next ones are taken")
    func datagrams() async throws {
        let long = String(repeating: "x", count: 20_000)
        let lines = [
            "bad:x|g", "bad:1", "bad:1|unknown", ":1|g", "bad:1|g|@7", "\(long):1|g",
            "bad:1|g|#long:\(long)", "\u{0}\u{1}\u{2}", "bad:1e999|g", "good:1|g|#z:1,:2,b:3",
        ]
        try await run(good: 1, ["--statsd", "127.0.0.1:0"]) { server in
            let target = try SocketAddress(
                ipAddress: "127.0.0.1", port: server.port(of: "StatsD (UDP)"))
            let sender = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: "127.0.0.1", port: 0).get()
            // Again and again: datagrams may be lost, and what they say is stored a while later.
            repeat {
                for line in lines {
                    try await sender.writeAndFlush(
                        AddressedEnvelope(remoteAddress: target, data: ByteBuffer(string: line)))
                }
                try await Task.sleep(for: .milliseconds(500))
            } while try await !query(server.url, "good").contains("\"z\":\"1\"")
            try await sender.close()
            let counters = try await Counters(of: server.url)
            let rejected = "sidelight_receiver_rejected_items_total"
            for reason in ["bad_value", "no_kind", "unknown_kind", "no_value", "label_too_long"] {
                let labels = "signal=\"metrics\",protocol=\"statsd\",reason=\"\(reason)\""
                #expect(counters["\(rejected){\(labels)}"] > 0, "\(reason)")
            }
        }
    }
}
