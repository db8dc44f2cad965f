import Foundation
import Telemetry
import Testing

/// Asks the public APIs for what was acknowledged: in few large answers, in which every item of every
/// request must stand exactly once.
extension Ledger {
    /// Items that an answer holds, by request.
    private struct Found {
        var items: [TraceID: [String: Int]] = [:]

        mutating func add(_ item: String, of id: TraceID) {
            items[id, default: [:]][item, default: 0] += 1
        }
    }

    /// Requests an answer is asked for: with `itemsPerRequest` items each they stay below the limits of
    /// one answer.
    private static let requestsPerAnswer = 250

    func verify(
        _ extent: Extent, at url: String, seed: UInt64
    ) async throws {
        let requests = due(extent)
        for signal in Signal.allCases {
            let wanted = requests.filter { $0.signal == signal }
                .sorted { $0.milliseconds < $1.milliseconds }
            for start in stride(from: 0, to: wanted.count, by: Self.requestsPerAnswer) {
                let part = wanted[start..<min(start + Self.requestsPerAnswer, wanted.count)]
                let found = try await find(signal, part, at: url)
                for request in part {
                    let items = found.items[request.id, default: [:]]
                    #expect(
                        items == Self.whole,
                        "\(signal) of \(request.id) acknowledged, seed \(seed)")
                }
            }
        }
    }

    /// What was derived from spans counts every acknowledged span once, and never went back.
    func verifySpanMetrics(at url: String, seed: UInt64) async throws {
        let spans = due(.all).count { $0.signal == .spans } * Self.itemsPerRequest
        let calls = "traces_spanmetrics_calls_total%7Bservice%3D%22crash%22%7D"
        var counted = ""
        let deadline = ContinuousClock.now.advanced(by: .seconds(300))
        // The totals are written once an interval.
        while counted != String(spans), ContinuousClock.now < deadline {
            counted = try await number("sum(\(calls))", at: url)
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(counted == String(spans), "spans counted, seed \(seed)")
        #expect(
            try await number("sum(resets(\(calls)%5B1h%5D))", at: url) == "0", "seed \(seed)")
    }

    /// The only value of an instant query; "" if there is none.
    private func number(_ query: String, at url: String) async throws -> String {
        let data = try await object(url + "/prometheus/api/v1/query?query=\(query)")["data"]
        let result = (data as? [String: Any])?["result"] as? [[String: Any]]
        return (result?.first?["value"] as? [Any])?.last as? String ?? ""
    }

    /// Every item once. Items are numbered from 0.
    private static let whole = Dictionary(
        uniqueKeysWithValues: (0..<itemsPerRequest).map { (String($0), 1) })

    private func find(
        _ signal: Signal, _ part: ArraySlice<Request>, at url: String
    ) async throws -> Found {
        let first = part.first?.milliseconds ?? 0
        let last = (part.last?.milliseconds ?? 0) + Int64(Self.itemsPerRequest)
        switch signal {
        case .spans:
            return try await spans(
                url
                    + "/jaeger/api/traces?service=crash&start=\(first)000&end=\(last)000&limit=1500"
            )
        case .logs:
            return try await lines(
                url + "/loki/api/v1/query_range?query=%7Bservice_name%3D%22crash%22%7D"
                    + "&start=\(first)000000&end=\(last)000000&limit=5000")
        case .samples:
            return try await samples(part, at: url)
        }
    }

    private func spans(_ url: String) async throws -> Found {
        var found = Found()
        let traces = try await object(url)["data"] as? [[String: Any]] ?? []
        try #require(traces.count < 1_500, "the answer may be cut off")
        for trace in traces {
            let id = try TraceID(hex: trace["traceID"] as? String ?? "")
            for span in trace["spans"] as? [[String: Any]] ?? [] {
                // Its last byte is the number of the span, from 1.
                let number = Int((span["spanID"] as? String ?? "").suffix(2), radix: 16) ?? 0
                found.add(String(number - 1), of: id)
            }
        }
        return found
    }

    private func lines(_ url: String) async throws -> Found {
        var found = Found()
        var count = 0
        let data = try await object(url)["data"] as? [String: Any]
        for stream in data?["result"] as? [[String: Any]] ?? [] {
            for value in stream["values"] as? [[Any]] ?? [] {
                let line = try #require(value.count > 1 ? value[1] as? String : nil)
                let fields = try JSONSerialization.jsonObject(with: Data(line.utf8))
                let object = try #require(fields as? [String: Any])
                found.add(
                    "\(object["line"] as? Int ?? -1)",
                    of: try TraceID(hex: object["trace_id"] as? String ?? ""))
                count += 1
            }
        }
        try #require(count < 5_000, "the answer may be cut off")
        return found
    }

    private func samples(
        _ part: ArraySlice<Request>, at url: String
    ) async throws -> Found {
        var found = Found()
        let names = part.map(\.id.hex).joined(separator: "%7C")
        let query = "crash_samples%7Brequest%3D~%22\(names)%22%7D%5B1h%5D"
        let data = try await object(
            url + "/prometheus/api/v1/query?query=\(query)")["data"]
        for series in (data as? [String: Any])?["result"] as? [[String: Any]] ?? [] {
            let labels = series["metric"] as? [String: String]
            let id = try TraceID(hex: labels?["request"] ?? "")
            for value in series["values"] as? [[Any]] ?? [] {
                let text = value.count > 1 ? value[1] as? String ?? "" : ""
                // The value is the number of the sample and a half.
                found.add(text.hasSuffix(".5") ? String(text.dropLast(2)) : text, of: id)
            }
        }
        return found
    }

    private func object(_ url: String) async throws -> [String: Any] {
        let answer = try await Wire.get(url)
        try #require(answer.status == 200, "\(answer.text)")
        let json = try JSONSerialization.jsonObject(with: Data(answer.bytes))
        return try #require(json as? [String: Any])
    }
}
