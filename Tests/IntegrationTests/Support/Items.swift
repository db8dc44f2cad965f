import Compression
import Foundation
import Telemetry
import Testing
import WireFormats

/// A few items of every signal under one name, sent by the public ways and asked for by the public APIs.
enum Items {
    static let count = 5

    /// - Parameter age: how long ago they happened.
    static func send(_ name: String, age: Duration = .seconds(5), to url: String) async throws {
        let first = Int64(Date().timeIntervalSince1970 * 1_000) - age.components.seconds * 1_000
        for (path, type, encoding, body) in [
            ("/v1/traces", "application/x-protobuf", nil, spans(name, first)),
            (
                "/api/sidelight/logs?service=\(name)&label=service.name", "application/x-ndjson",
                nil, lines(name, first)
            ),
            ("/api/v1/write", "application/x-protobuf", "snappy", samples(name, first)),
        ] {
            let answer = try await Wire.post(url + path, type: type, encoding: encoding, body)
            guard (200..<300).contains(answer.status) else {
                throw ServerProcess.Failure(
                    description: "\(path) of \(name): \(answer.status) \(answer.text)")
            }
        }
    }

    /// Expects each item exactly once.
    static func expect(
        _ name: String, at url: String, _ comment: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let found = try await find(name, at: url)
        #expect(
            found == Found(spans: count, lines: count, samples: count), "\(name) \(comment)",
            sourceLocation: sourceLocation)
    }

    struct Found: Equatable {
        var spans = 0
        var lines = 0
        var samples = 0
    }

    static func find(_ name: String, at url: String) async throws -> Found {
        var found = Found()
        let trace = try await Wire.get("\(url)/jaeger/api/traces/\(traceID(name).hex)")
        found.spans = occurrences(of: "\"operationName\":\"\(name)", in: trace.text)
        let logs = try await Wire.get(
            "\(url)/api/sidelight/logs?traceId=\(traceID(name).hex)&limit=1000")
        found.lines = occurrences(of: "\\\"line\\\":", in: logs.text)
        let metric = "fault_samples%7Bitem%3D%22\(name)%22%7D%5B3d%5D"
        let samples = try await Wire.get("\(url)/prometheus/api/v1/query?query=\(metric)")
        found.samples = (0..<count).reduce(0) {
            $0 + occurrences(of: "\"\($1).5\"", in: samples.text)
        }
        return found
    }

    static func traceID(_ name: String) -> TraceID {
        let hash = ContentHash(Array(name.utf8))
        return TraceID(high: hash.high, low: hash.low)
    }

    static func spans(_ name: String, _ first: Int64) -> [UInt8] {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string(name))]))
        let scope = batch.append(Scope(name: "items"))
        for index in 0..<count {
            batch.append(
                SpanRecord(
                    traceID: traceID(name), spanID: SpanID(UInt64(index + 1)),
                    name: "\(name) \(index)",
                    start: Timestamp(milliseconds: first + Int64(index)), duration: 1_000),
                resource: resource, scope: scope)
        }
        return OTLPTraces.encode(batch)
    }

    static func lines(_ name: String, _ first: Int64) -> [UInt8] {
        let lines = (0..<count).map { index in
            "{\"time\":\"\(RFC3339.string(Timestamp(milliseconds: first + Int64(index))))\","
                + "\"line\":\(index),\"trace_id\":\"\(traceID(name).hex)\"}\n"
        }
        return Array(lines.joined().utf8)
    }

    static func samples(_ name: String, _ first: Int64) -> [UInt8] {
        var batch = MetricBatch()
        let series = batch.append(Labels(["__name__": "fault_samples", "item": name]))
        for index in 0..<count {
            batch.append(
                series: series, time: first + Int64(index), value: Double(index) + 0.5)
        }
        return Snappy.compress(RemoteWrite.encode(batch))
    }

    private static func occurrences(of text: String, in body: String) -> Int {
        body.components(separatedBy: text).count - 1
    }
}
