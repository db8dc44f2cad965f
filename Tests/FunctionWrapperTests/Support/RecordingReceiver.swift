import OTLPExport
import Synchronization
import Telemetry
import WireFormats

/// A receiver of OTLP that keeps what it was sent and takes it apart.
final class RecordingReceiver: ExportTransport {
    private let bodies = Mutex<[(url: String, body: [UInt8])]>([])

    func send(_ body: [UInt8], to url: String) async throws(SendFailure) {
        bodies.withLock { $0.append((url, body)) }
    }

    func close() async {}

    private func bodies(_ path: String) -> [[UInt8]] {
        bodies.withLock { $0.filter { $0.url.hasSuffix(path) }.map(\.body) }
    }

    func spans() throws -> [SpanRecord] {
        try bodies("/v1/traces").flatMap { body in
            let batch = try OTLPTraces.decode(protobuf: body).batch
            return (0..<batch.count).map(batch.span(at:))
        }
    }

    func resources() throws -> [Resource] {
        try bodies("/v1/traces").flatMap { body in
            let batch = try OTLPTraces.decode(protobuf: body).batch
            return batch.resourceIndices.map(batch.resource(at:))
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
        for body in bodies("/v1/metrics") {
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
