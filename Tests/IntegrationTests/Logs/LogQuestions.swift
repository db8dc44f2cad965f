import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// What the tests of logs ask a server for, as Grafana and the pages do.
struct LogQuestions {
    let url: String

    /// A line with the labels that stages found and those of its record.
    struct Row {
        var time: Int64
        var line: String
        var stream: [String: String]
        var labels: [String: String]
        subscript(name: String) -> String? { labels[name] ?? stream[name] }
    }

    /// A span that a row is about.
    struct Joined: Decodable, Hashable {
        var traceId: String
        var spanId: String
        var by: String
    }

    /// A line of a trace.
    struct TraceLine: Decodable {
        var line: String
        var traceId: String
        var spanId: String?
        var labels: [String: String]
        var joined: [Joined]?
    }

    /// Lines of the last hour, the oldest first.
    func rows(_ query: String) async throws -> [Row] {
        let answer = try await get(
            "/loki/api/v1/query_range", ["query": query, "limit": "5000", "direction": "forward"],
            headers: ["x-loki-response-encoding-flags": "categorize-labels"])
        return try JSONDecoder().decode(Answer.self, from: Data(answer)).data.result.flatMap {
            stream in
            stream.values.map { value in
                Row(
                    time: value.time, line: value.line, stream: stream.stream,
                    labels: value.labels)
            }
        }
    }

    /// The values of a metric query now, by the text of their labels.
    func numbers(_ query: String) async throws -> [[String: String]: Double] {
        let answer = try await get("/loki/api/v1/query", ["query": query])
        let vector = try JSONDecoder().decode(Vector.self, from: Data(answer)).data.result
        return Dictionary(uniqueKeysWithValues: vector.map { ($0.metric, $0.value.number) })
    }

    /// The spans of a row, by what the row itself says.
    func spans(of row: Row) async throws -> [Joined] {
        struct Spans: Decodable { var spans: [Joined] }
        let answer = try await get(
            "/api/sidelight/logs/spans",
            [
                "time": String(row.time), "traceId": row["trace_id"] ?? "",
                "spanId": row["span_id"] ?? "",
                "requestId": row["request_id"] ?? row["x_request_id"] ?? "",
                "duration": row["duration"] ?? "",
                "downstreamRemoteAddress": row["downstream_remote_address"] ?? "",
                "upstreamLocalAddress": row["upstream_local_address"] ?? "",
            ])
        return try JSONDecoder().decode(Spans.self, from: Data(answer)).spans
    }

    /// The lines of a span.
    func lines(of span: Joined) async throws -> [TraceLine] {
        struct Lines: Decodable { var lines: [TraceLine] }
        let answer = try await get(
            "/api/sidelight/logs",
            ["traceId": span.traceId, "spanId": span.spanId, "limit": "1000"])
        return try JSONDecoder().decode(Lines.self, from: Data(answer)).lines
    }

    /// The ids of the stored spans of a trace.
    func spanIDs(ofTrace id: String) async throws -> [String] {
        struct Traces: Decodable {
            struct Trace: Decodable { var spans: [Span] }
            struct Span: Decodable { var spanID: String }
            var data: [Trace]
        }
        let answer = try await get("/api/traces/\(id)", [:])
        return try JSONDecoder().decode(Traces.self, from: Data(answer)).data
            .flatMap { $0.spans.map(\.spanID) }
    }

    func get(
        _ path: String, _ parameters: KeyValuePairs<String, String>,
        headers: KeyValuePairs<String, String> = [:]
    ) async throws -> [UInt8] {
        var components = try #require(URLComponents(string: url + path))
        components.queryItems = parameters.map { URLQueryItem(name: $0.key, value: $0.value) }
        // A plus stands for a space in queries.
        components.percentEncodedQuery = components.percentEncodedQuery?.replacing("+", with: "%2B")
        var request = HTTPClientRequest(url: try #require(components.string))
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        // The client refuses answers that shrink as well as long lines of one letter do.
        request.headers.replaceOrAdd(name: "accept-encoding", value: "identity")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        let body = try await response.body.collect(upTo: 64 << 20)
        try #require(response.status == .ok, "\(path): \(String(buffer: body))")
        return Array(body.readableBytesView)
    }

    private struct Answer: Decodable {
        struct Content: Decodable { var result: [Stream] }
        struct Stream: Decodable {
            var stream: [String: String]
            var values: [Value]
        }
        /// `["nanoseconds", "line", {"structuredMetadata": {…}, "parsed": {…}}]`.
        struct Value: Decodable {
            var time: Int64
            var line: String
            var labels: [String: String]

            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                time = Int64(try list.decode(String.self)) ?? 0
                line = try list.decode(String.self)
                labels = [:]
                guard !list.isAtEnd else { return }
                let more = try list.decode([String: [String: String]].self)
                for part in more.values { labels.merge(part) { first, _ in first } }
            }
        }
        var data: Content
    }

    private struct Vector: Decodable {
        struct Content: Decodable { var result: [Element] }
        struct Element: Decodable {
            var metric: [String: String]
            var value: Number
        }
        struct Number: Decodable {
            var number: Double

            init(from decoder: any Decoder) throws {
                var pair = try decoder.unkeyedContainer()
                _ = try pair.decode(Double.self)
                number = Double(try pair.decode(String.self)) ?? .nan
            }
        }
        var data: Content
    }
}
