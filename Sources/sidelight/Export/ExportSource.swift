import Store
import Telemetry
import WireFormats

/// Reads items out of stores as lines: requests in OTLP's JSON encoding, and for metrics that OTLP
/// cannot tell without loss, remote write requests (`ExportLine`).
///
/// Reading blocks its thread.
struct ExportSource: Sendable {
    let spans: any SpanStore
    let logs: any LogStore
    let metrics: any MetricStore

    /// Items of one line: some 100 KiB to 1 MiB.
    static let itemsMax = 1_000

    /// Takes lines with their line ends; returns false to stop.
    typealias Sink = (_ lines: [UInt8], _ counts: ExportCounts) -> Bool

    /// - Returns: false if the sink has stopped it.
    func read(_ request: ExportRequest, into sink: @escaping Sink) throws(StoreError) -> Bool {
        for signal in request.signals {
            let goesOn: Bool
            switch signal {
            case .traces: goesOn = try readSpans(request.range, into: sink)
            case .logs: goesOn = try readLogs(request.range, into: sink)
            case .metrics:
                goesOn = try ExportedSeries(
                    store: metrics, leavesOutDerived: request.leavesOutDerived
                ).read(request.range, into: sink)
            }
            guard goesOn else { return false }
        }
        return true
    }

    private func readSpans(_ range: TimeRange, into sink: Sink) throws(StoreError) -> Bool {
        var goesOn = true
        try spans.scanSpans(SpanPredicate(), in: range) { batch, _ in
            for rows in Self.parts(of: batch.count) where goesOn {
                let line = OTLPTraces.encodeJSON(
                    rows.count == batch.count ? batch : batch.rows(rows))
                var counts = ExportCounts()
                counts.spans = rows.count
                goesOn = sink(line + [0x0A], counts)
            }
            return goesOn
        }
        return goesOn
    }

    private func readLogs(_ range: TimeRange, into sink: Sink) throws(StoreError) -> Bool {
        var goesOn = true
        try logs.scanLogs(LogPredicate(), in: range, direction: .oldestFirst) { batch, _ in
            for rows in Self.parts(of: batch.count) where goesOn {
                let line = OTLPLogs.encodeJSON(rows.count == batch.count ? batch : batch.rows(rows))
                var counts = ExportCounts()
                counts.logs = rows.count
                goesOn = sink(line + [0x0A], counts)
            }
            return goesOn
        }
        return goesOn
    }

    private static func parts(of count: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: itemsMax).map { $0..<min($0 + itemsMax, count) }
    }
}
