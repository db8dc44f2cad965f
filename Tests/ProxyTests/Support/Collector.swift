import Proxy
import Telemetry
import WireFormats

/// A receiver of OTLP that keeps what it was sent.
final class Collector: Sendable {
    let server: TestUpstream

    init() async throws {
        server = try await TestUpstream { _, _ in .ok("") }
    }

    var endpoint: String { "http://127.0.0.1:\(server.port)" }

    func spans() throws -> [SpanRecord] {
        try bodies("/v1/traces").flatMap { body in
            let batch = try OTLPTraces.decode(protobuf: body).batch
            return (0..<batch.count).map(batch.span(at:))
        }
    }

    func logs() throws -> [LogRecord] {
        try bodies("/v1/logs").flatMap { body in
            let batch = try OTLPLogs.decode(protobuf: body, receivedAt: .zero).batch
            return (0..<batch.count).map(batch.record(at:))
        }
    }

    /// The value of a series at the last export, summed over all its label sets. Two exports may be of
    /// one time; the value is that of the later one.
    func last(_ name: String) throws -> Double {
        var latest: [Labels: (time: Int64, value: Double)] = [:]
        for body in try bodies("/v1/metrics") {
            let batch = try OTLPMetrics.decode(protobuf: body).batch
            for index in 0..<batch.sampleTimes.count {
                let labels = batch.labels(Int(batch.sampleSeries[index]))
                let time = batch.sampleTimes[index]
                guard labels["__name__"] == name, time >= latest[labels]?.time ?? .min else {
                    continue
                }
                latest[labels] = (time, batch.sampleValues[index])
            }
        }
        return latest.values.reduce(0) { $0 + $1.value }
    }

    /// A request whose answer came too late is repeated byte for byte, and counts once.
    private func bodies(_ target: String) throws -> [[UInt8]] {
        var seen: Set<[UInt8]> = []
        return server.requests.filter { $0.target == target && seen.insert($0.body).inserted }
            .map(\.body)
    }
}

extension SpanRecord {
    func attribute(_ key: String) -> String? {
        attributes.first { $0.key == key }?.value.text
    }
}

extension LogRecord {
    func attribute(_ key: String) -> String? {
        attributes.first { $0.key == key }?.value.text
    }
}
