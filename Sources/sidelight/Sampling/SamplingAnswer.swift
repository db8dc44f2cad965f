import Foundation
import Pipeline
import Platform
import Store
import Telemetry

/// What `POST /api/sidelight/sampling/backtest` is sent.
struct SamplingRequest: Codable, Sendable {
    /// For messages.
    var path: String
    var text: String
    /// RFC 3339, seconds since 1970, `now` or `now-2h`.
    var from: String
    var to: String
}

/// What it answers. Counts are weighed by what traces stand for that were thinned before.
struct SamplingAnswer: Codable, Sendable {
    struct Tally: Codable, Sendable {
        var traces: Double
        var spans: Double
        /// As OTLP protobuf.
        var bytes: Double
    }

    struct Share: Codable, Sendable {
        /// `nil` in `total` and the like.
        var name: String?
        var all: Tally
        var kept: Tally
        /// 0 to 100; missing if there were none.
        var keptTracesPercent: Double?
    }

    var from: String
    var to: String
    var seconds: Double
    /// Whether there were more traces than are looked at.
    var isPartial: Bool
    var total: Share
    var errors: Share
    /// Traces that took longer than `slowerThanSeconds`.
    var slow: Share
    var slowerThanSeconds: Double
    /// Of the room that the traces take.
    var savedBytesPercent: Double?
    var policies: [Share]
    var services: [Share]
}

extension SamplingAnswer {
    /// Longer is no longer a try.
    private static let durationMax: Int64 = 600_000_000_000

    /// Judges stored traces; blocks.
    /// - Throws: `ConfigurationError` for times, `SamplingFileError`, `StoreError`.
    static func make(
        _ request: SamplingRequest, over store: any SpanStore, clock: any Clock
    ) throws -> SamplingAnswer {
        let began = clock.monotonicNanoseconds
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let from = try TimeArgument.parse(request.from, flag: "from", now: now)
        let to = try TimeArgument.parse(request.to, flag: "to", now: now)
        guard from < to else {
            throw ConfigurationError(
                description: "from \(request.from) is not before to \(request.to)")
        }
        var backtest = SamplingBacktest(try PolicyFile.parse(request.text, path: request.path))
        let report = try backtest.run(over: store, in: TimeRange(start: from, end: to)) {
            clock.monotonicNanoseconds &- began < durationMax
        }
        let total = Share(nil, report.total)
        return SamplingAnswer(
            from: RFC3339.string(from), to: RFC3339.string(to),
            seconds: Double(clock.monotonicNanoseconds &- began) / 1e9,
            isPartial: report.isPartial, total: total, errors: Share(nil, report.errors),
            slow: Share(nil, report.slow), slowerThanSeconds: Double(report.slowerThan) / 1e9,
            savedBytesPercent: total.all.bytes > 0
                ? 100 * (1 - total.kept.bytes / total.all.bytes) : nil,
            policies: report.policies.map { Share($0.name, $0.outcome) },
            services: report.services.map { Share($0.name, $0.outcome) })
    }

    var bytes: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }

    /// For people: a table by policy, one by service, and what it comes to.
    var lines: [String] {
        var lines: [String] = []
        for (title, shares) in [("POLICY", policies), ("SERVICE", services)] where !shares.isEmpty {
            let head = [title, "TRACES", "KEPT", "%", "SPANS", "KEPT", "BYTES", "KEPT"]
            lines += Self.aligned([head] + shares.map(\.cells)) + [""]
        }
        for (name, share) in [
            ("all", total), ("errors", errors), ("slower than \(slowerThanSeconds) s", slow),
        ] {
            lines.append(
                "\(name): \(Share.whole(share.kept.traces)) of \(Share.whole(share.all.traces)) "
                    + "traces stay\(share.keptTracesPercent.map { " (\(Share.percent($0)))" } ?? "")"
            )
        }
        let saving = savedBytesPercent.map { "saves about \(Share.percent($0)) of the room" }
        lines.append(
            "\(from) to \(to): \(saving ?? "no traces")\(isPartial ? "; only the newest were judged" : "")"
        )
        return lines
    }

    private static func aligned(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 0 ? row[column] + space : space + row[column]
            }.joined(separator: "  ")
        }
    }
}

extension SamplingAnswer.Share {
    init(_ name: String?, _ outcome: SamplingBacktest.Outcome) {
        self.init(
            name: name, all: .init(outcome.all), kept: .init(outcome.kept),
            keptTracesPercent: outcome.all.traces > 0
                ? 100 * outcome.kept.traces / outcome.all.traces : nil)
    }

    fileprivate var cells: [String] {
        [
            name ?? "", Self.whole(all.traces), Self.whole(kept.traces),
            keptTracesPercent.map(Self.percent) ?? "", Self.whole(all.spans),
            Self.whole(kept.spans), Self.whole(all.bytes), Self.whole(kept.bytes),
        ]
    }

    fileprivate static func whole(_ number: Double) -> String {
        String(Int64(min(number, 0x1p53).rounded()))
    }

    fileprivate static func percent(_ number: Double) -> String {
        "\((number * 100).rounded() / 100) %"
    }
}

extension SamplingAnswer.Tally {
    fileprivate init(_ tally: SamplingBacktest.Tally) {
        self.init(traces: tally.traces, spans: tally.spans, bytes: tally.bytes)
    }
}
