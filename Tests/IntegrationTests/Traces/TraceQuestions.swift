import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Telemetry
import Testing
import WireFormats

/// The same questions to each query API of traces.
struct TraceQuestions {
    enum API: CaseIterable {
        case jaeger, jaegerV3, jaegerGRPC, jaegerGRPCV2, zipkin, tempo, traceQL
    }

    struct Trace {
        /// 32 digits.
        var id: String
        /// Of its spans, sorted.
        var names: [String]
    }

    let url: String
    /// The port of Jaeger's query services.
    let grpc: Int

    /// Waits until a service has a trace of at least so many spans: some senders answer before they send.
    func trace(
        of service: String, spans: Int, otherwise reason: @autoclosure () -> String
    ) async throws -> Trace {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(300)
        while clock.now < deadline {
            if let id = try await search(.jaeger, service: service).first {
                let names = try await spanNames(.jaeger, of: id)
                if names.count >= spans { return Trace(id: id, names: names) }
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("no trace of \(service): \(reason())")
        throw CancellationError()
    }

    // MARK: Questions

    func services(_ api: API) async throws -> [String] {
        switch api {
        case .jaeger: return try texts(try await get("/api/services")["data"])
        case .jaegerV3: return try texts(try await get("/api/v3/services")["services"])
        case .jaegerGRPC, .jaegerGRPCV2:
            return try await call(api, "GetServices").flatMap { try Self.fields($0)[1] ?? [] }
                .map { String(decoding: $0, as: UTF8.self) }
        case .zipkin: return try texts(try await list("/zipkin/api/v2/services"))
        case .tempo:
            return try texts(try await get("/api/search/tag/service.name/values")["tagValues"])
        case .traceQL:
            let values = try objects(
                try await get("/api/v2/search/tag/resource.service.name/values?q=%7B%7D")[
                    "tagValues"])
            return try values.map { try #require($0["value"] as? String) }
        }
    }

    /// The ids of the traces of a service.
    func search(_ api: API, service: String) async throws -> [String] {
        switch api {
        case .jaeger:
            return try objects(try await get("/api/traces?service=\(service)&lookback=1h")["data"])
                .map { try padded($0["traceID"]) }
        case .jaegerV3:
            let answer = try await get(
                "/api/v3/trace-summaries?query.service_name=\(service)"
                    + "&query.start_time_min=2020-01-01T00:00:00Z"
                    + "&query.start_time_max=2100-01-01T00:00:00Z")
            return try objects(answer["summaries"]).map { try padded($0["traceId"]) }
        case .jaegerGRPC, .jaegerGRPCV2:
            let found = try await call(api, "FindTraces") { writer in
                writer.message(1) { query in
                    query.string(1, service)
                    query.message(4) { $0.varint(1, 1_577_836_800) }
                    query.message(5) { $0.varint(1, 4_102_444_800) }
                }
            }
            return Array(Set(try found.flatMap { try spans(api, $0).map(\.trace) })).sorted()
        case .zipkin:
            let traces = try await list("/zipkin/api/v2/traces?serviceName=\(service)")
            return try traces.map { trace in
                try padded(try objects(trace).first?["traceId"])
            }
        case .tempo:
            return try objects(try await get("/api/search?tags=service.name=\(service)")["traces"])
                .map { try padded($0["traceID"]) }
        case .traceQL:
            let query = "%7Bresource.service.name=%22\(service)%22%7D"
            return try objects(try await get("/tempo/api/search?q=\(query)")["traces"])
                .map { try padded($0["traceID"]) }
        }
    }

    /// The names of the spans of a trace, sorted.
    func spanNames(_ api: API, of id: String) async throws -> [String] {
        let names: [String]
        switch api {
        case .jaeger:
            let traces = try objects(try await get("/api/traces/\(id)")["data"])
            names = try traces.flatMap { trace in
                try objects(trace["spans"]).map { try text($0["operationName"]) }
            }
        case .jaegerV3:
            let result = try await get("/api/v3/traces/\(id)")["result"] as? [String: Any]
            names = try otlpNames(result?["resourceSpans"])
        case .jaegerGRPC, .jaegerGRPCV2:
            let trace = try TraceID(hex: id)
            let messages = try await call(api, "GetTrace") { writer in
                if api == .jaegerGRPC {
                    writer.string(1, id)
                } else {
                    withUnsafeBytes(of: (trace.high.bigEndian, trace.low.bigEndian)) {
                        writer.presentBytes(1, $0)
                    }
                }
            }
            names = try messages.flatMap { try spans(api, $0).map(\.name) }
        case .zipkin:
            names = try objects(try await list("/zipkin/api/v2/trace/\(id)"))
                .map { try text($0["name"]) }
        case .tempo: names = try otlpNames(try await get("/tempo/api/traces/\(id)")["batches"])
        case .traceQL:
            let query = "%7Btrace:id=%22\(id)%22%7D"
            let traces = try objects(
                try await get("/api/search?spss=100&q=\(query)")["traces"])
            names = try traces.flatMap { trace in
                try objects(trace["spanSets"]).flatMap { set in
                    try objects(set["spans"]).map { try text($0["name"]) }
                }
            }
        }
        return names.sorted()
    }

    /// How many spans of a service a TraceQL query of series counts.
    func countOverTime(service: String) async throws -> Double {
        let query = "%7Bresource.service.name=%22\(service)%22%7D%7Ccount_over_time()"
        let answer = try await get("/api/metrics/query?since=1h&q=\(query)")
        return try objects(answer["series"]).reduce(0) { $0 + ($1["value"] as? Double ?? 0) }
    }

    // MARK: HTTP

    private func body(_ path: String) async throws -> Any {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: url + path), timeout: .seconds(300))
        let body = try await response.body.collect(upTo: 16 << 20)
        try #require(response.status == .ok, "\(path): \(String(buffer: body))")
        return try JSONSerialization.jsonObject(with: Data(body.readableBytesView))
    }

    private func get(_ path: String) async throws -> [String: Any] {
        try #require(try await body(path) as? [String: Any])
    }

    private func list(_ path: String) async throws -> [Any] {
        try #require(try await body(path) as? [Any])
    }

    private func objects(_ value: Any?) throws -> [[String: Any]] {
        if value == nil || value is NSNull { return [] }
        return try #require(value as? [[String: Any]])
    }

    private func texts(_ value: Any?) throws -> [String] { try #require(value as? [String]) }
    private func text(_ value: Any?) throws -> String { try #require(value as? String) }

    private func padded(_ value: Any?) throws -> String {
        let id = try text(value)
        return String(repeating: "0", count: max(0, 32 - id.count)) + id
    }

    private func otlpNames(_ resourceSpans: Any?) throws -> [String] {
        try objects(resourceSpans).flatMap { resource in
            try objects(resource["scopeSpans"]).flatMap { scope in
                try objects(scope["spans"]).map { try text($0["name"]) }
            }
        }
    }

    // MARK: gRPC

    private func call(
        _ api: API, _ method: String, _ write: (inout ProtobufWriter) -> Void = { _ in }
    ) async throws -> [[UInt8]] {
        var writer = ProtobufWriter()
        write(&writer)
        let version = api == .jaegerGRPC ? 3 : 2
        let outcome = try await GRPCWire.call(
            port: grpc, path: "/jaeger.api_v\(version).QueryService/\(method)",
            GRPCWire.frame(writer.bytes))
        try #require(outcome.status == 0, "\(method): \(outcome.message)")
        var messages: [[UInt8]] = []
        var rest = outcome.body[...]
        while rest.count >= 5 {
            let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
            messages.append(Array(rest.dropFirst(5).prefix(length)))
            rest = rest.dropFirst(5 + length)
        }
        return messages
    }

    private func spans(
        _ api: API, _ message: [UInt8]
    ) throws -> [(trace: String, name: String)] {
        if api == .jaegerGRPC {
            let batch = try OTLPTraces.decode(protobuf: message).batch
            return (0..<batch.count).map { row in
                (batch.traceIDs[row].hex, batch.strings[batch.names[row]])
            }
        }
        return try (try Self.fields(message)[1] ?? []).map { span in
            let fields = try Self.fields(span)
            let id = try #require(fields[1]?.first).map { byte in
                String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
            }
            return (id.joined(), String(decoding: fields[3]?.first ?? [], as: UTF8.self))
        }
    }

    /// The fields of a message that have a length.
    private static func fields(_ message: [UInt8]) throws -> [UInt32: [[UInt8]]] {
        var found: [UInt32: [[UInt8]]] = [:]
        try message.withUnsafeBytes { bytes in
            var reader = ProtobufReader(bytes)
            while reader.remaining > 0 {
                let key = try reader.nextKey()
                if key & 7 == 2 {
                    found[key >> 3, default: []].append(Array(try reader.bytes("field")))
                } else {
                    try reader.skip(key)
                }
            }
        }
        return found
    }
}
