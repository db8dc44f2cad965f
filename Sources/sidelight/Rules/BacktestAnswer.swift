import Foundation
import Platform
import PromQL
import QueryCore
import Rules
import Store
import Telemetry

/// What `POST /api/sidelight/rules/backtest` is sent.
struct BacktestRequest: Codable, Sendable {
    struct File: Codable, Sendable {
        /// For messages.
        var path: String
        var text: String

        /// The groups of a rule file, or those that are made of objectives, with their statistics.
        /// - Throws: `RuleFileError`, `ConfigurationError` and `RulesRefused`, which name the file.
        func groups() throws -> [RuleGroup] {
            guard case .objectives = try FileKind(of: text, path: path) else {
                return try RuleFile.parse(text, path: path).groups
            }
            let read = SLOFiles.parse([(path, text)], period: ObjectiveBoard.period)
            guard read.mistakes.isEmpty else {
                throw RulesRefused(reasons: read.mistakes.map(\.description))
            }
            return try read.objectives.flatMap { try RuleGroup.groups(of: $0) }
        }
    }

    var files: [File]
    /// RFC 3339, seconds since 1970, `now` or `now-2h`.
    var from: String
    var to: String
}

/// What it answers. Times are RFC 3339.
struct BacktestAnswer: Codable, Sendable {
    struct Firing: Codable, Sendable {
        var labels: [String: String]
        var annotations: [String: String]
        /// Since when the expression held.
        var activeAt: String
        var firedAt: String
        /// Missing if it was still firing at the end.
        var resolvedAt: String?
        /// From firing to the end of it, or of the range.
        var seconds: Double
        var value: String
    }

    struct Rule: Codable, Sendable {
        var file: String
        var line: Int
        var group: String
        var rule: String
        /// Why it could not be replayed.
        var error: String?
        var firings: [Firing]
        /// When alerts of the name really fired; `activeAt` and `value` mean nothing.
        var real: [Firing]?
    }

    var from: String
    var to: String
    /// Of all rules that were replayed.
    var evaluations: Int64
    /// How long it took.
    var seconds: Double
    var alerts: [Rule]
    /// Recording rules that could not be replayed.
    var failedRecordings: [Rule]
}

extension BacktestAnswer {
    /// Replays the files over a store; blocks.
    /// - Throws: `ConfigurationError` for times, `RuleFileError` for files, `QueryError`.
    static func make(
        _ request: BacktestRequest, over store: any MetricStore, sources: ReplaySources,
        settings: RuleSettings, clock: any Clock
    ) throws -> BacktestAnswer {
        let began = clock.monotonicNanoseconds
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let from = try TimeArgument.parse(request.from, flag: "from", now: now)
        let to = try TimeArgument.parse(request.to, flag: "to", now: now)
        guard from < to else {
            throw ConfigurationError(
                description: "from \(request.from) is not before to \(request.to)")
        }
        var groups: [RuleGroup] = []
        for file in request.files {
            groups += try file.groups()
        }
        var limits = QueryLimits()
        // A replay is some hundred queries in one.
        limits.duration = .seconds(600)
        limits.stepsMax = 20_000
        let context = QueryContext(limits: limits) { clock.monotonicNanoseconds }
        let report = try Backtest(
            groups, over: store, sources: sources, settings: settings
        ).run(
            from: from.milliseconds, to: to.milliseconds, context: context)
        return BacktestAnswer(
            from: RFC3339.string(from), to: RFC3339.string(to), evaluations: report.evaluations,
            seconds: Double(clock.monotonicNanoseconds &- began) / 1e9,
            alerts: report.alerts.map { Rule($0, end: report.to) },
            failedRecordings: report.failedRecordings.map { Rule($0, end: report.to) })
    }

    var bytes: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }
}

extension BacktestAnswer.Rule {
    fileprivate init(_ outcome: RuleOutcome, end: Int64) {
        self.init(
            file: outcome.group.file, line: outcome.line, group: outcome.group.name,
            rule: outcome.rule, error: outcome.failure,
            firings: outcome.episodes.map { BacktestAnswer.Firing($0, end: end) },
            real: outcome.real.map { BacktestAnswer.Firing($0, end: end) })
    }
}

extension BacktestAnswer.Firing {
    fileprivate init(_ episode: AlertEpisode, end: Int64) {
        func text(_ milliseconds: Int64) -> String {
            RFC3339.string(Timestamp(milliseconds: milliseconds))
        }
        self.init(
            labels: Dictionary(episode.labels.pairs.map { ($0.name, $0.value) }) { $1 },
            annotations: Dictionary(episode.annotations.map { ($0.key, $0.value.text) }) { $1 },
            activeAt: text(episode.activeAt), firedAt: text(episode.firedAt),
            resolvedAt: episode.resolvedAt.map(text),
            seconds: Double((episode.resolvedAt ?? end) &- episode.firedAt) / 1_000,
            value: NumberFormat.decimal(episode.value))
    }
}
