import Glibc
import OTLPExport
import Platform
import Synchronization
import Telemetry
import WireFormats

/// Where spans, lines and numbers of a function go: to the exporter, and lines to our own output as well.
final class FunctionTelemetry: Sendable {
    private static let scope = Scope(name: "sidelight.function")
    /// Portions of output that wait for whoever reads ours; more is dropped and counted.
    private static let echoQueueMax = 1_024

    let clock: any Clock
    private let resource: Resource
    private let exporter: OTLPExporter?
    private let metrics: Mutex<FunctionMetrics>
    private let echo: @Sendable (OutputStream, [UInt8]) -> Void
    private let echoThread = WorkerThread(
        name: "child-echo", capacity: FunctionTelemetry.echoQueueMax)
    private let echoDropped = Atomic<UInt64>(0)

    init(
        resource: Resource, exporter: OTLPExporter?, clock: any Clock,
        echo: @escaping @Sendable (OutputStream, [UInt8]) -> Void
    ) {
        self.resource = resource
        self.exporter = exporter
        self.clock = clock
        self.echo = echo
        metrics = Mutex(FunctionMetrics(start: Timestamp(nanoseconds: clock.wallNanoseconds)))
    }

    /// What was dropped, in words; `nil` if nothing was.
    var losses: String? {
        var losses: [String] = []
        let lines = echoDropped.load(ordering: .relaxed)
        if lines > 0 { losses.append("\(lines) lines not echoed") }
        for signal in OTLPExporter.Signal.allCases {
            let dropped = exporter?.counters(signal).droppedTotal ?? 0
            if dropped > 0 { losses.append("\(dropped) \(signal.rawValue) not exported") }
        }
        return losses.isEmpty ? nil : losses.joined(separator: ", ")
    }

    func record(_ spans: [SpanRecord]) {
        guard let exporter, !spans.isEmpty else { return }
        var batch = SpanBatch()
        let resource = batch.append(resource)
        let scope = batch.append(Self.scope)
        for span in spans { batch.append(span, resource: resource, scope: scope) }
        exporter.submit(batch)
    }

    func record(_ lines: [CapturedRecord]) {
        echoLines(lines)
        guard let exporter else { return }
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        var batch = LogBatch()
        let resource = batch.append(resource)
        let scope = batch.append(Self.scope)
        for line in lines {
            var record = LogRecord(
                time: line.time ?? now, observedTime: now,
                body: .string(String(decoding: line.text, as: UTF8.self)))
            record.severityNumber = line.severity
            record.traceID = line.context.traceID
            record.spanID = line.context.spanID
            record.flags = UInt32(line.context.flags)
            record.attributes = [Attribute("log.iostream", .string(line.stream.rawValue))]
            if let id = line.context.invocationID {
                record.attributes.append(Attribute("faas.invocation_id", .string(id)))
            }
            batch.append(record, resource: resource, scope: scope)
        }
        exporter.submit(batch)
    }

    private func echoLines(_ lines: [CapturedRecord]) {
        let echo = echo
        let taken = echoThread.submit {
            for line in lines { echo(line.stream, line.text + [UInt8(ascii: "\n")]) }
        }
        if !taken { echoDropped.wrappingAdd(UInt64(lines.count), ordering: .relaxed) }
    }

    func measure(_ change: (inout FunctionMetrics) -> Void) { metrics.withLock { change(&$0) } }

    func exportMetrics() {
        guard let exporter else { return }
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let points = metrics.withLock { $0.points(at: now) }
        guard !points.isEmpty else { return }
        exporter.submit(ExportMetrics(resource: resource, scope: Self.scope, metrics: points))
    }

    /// Sends all there is and ends.
    func shutdown(within limit: Duration) async {
        exportMetrics()
        await exporter?.shutdown(within: limit)
    }

    /// Writes lines to our own standard output and error.
    static let standardEcho: @Sendable (OutputStream, [UInt8]) -> Void = { stream, bytes in
        let descriptor: Int32 = stream == .out ? 1 : 2
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            guard count > 0 || errno == EINTR else { return }
            written += max(0, count)
        }
    }
}
