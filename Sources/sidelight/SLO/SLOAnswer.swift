import PromQL
import Rules
import Telemetry

/// The answers of the routes about objectives. Shares are between 0 and 1, `null` without events.
enum SLOAnswer {
    struct Objective: Encodable {
        var id: String
        var service: String
        var name: String
        var description: String
        /// In percent.
        var objective: Double
        var period: String
        var specification: String
        var file: String
        var line: Int
    }

    struct Budget: Encodable {
        var objective: Objective
        var budgets: [Reading]
        /// The first day of the period of which events are known: retention and late senders cut it.
        var eventsKnownSince: String?
        /// Incidents that do not count.
        var excluded = 0
    }

    struct Reading: Encodable {
        struct BurnRate: Encodable {
            var window: String
            var rate: Double?
        }

        var labels: [String: String]
        var errorRatio: Double?
        /// 1 is the whole budget, below 0 more than there was.
        var remaining: Double?
        var burnRates: [BurnRate]
        /// Until nothing is left, at the speed of the slow page window.
        var exhaustedInSeconds: Double?
        var forecast: Forecast?
    }

    /// When the budget ends at the speed of a window: seconds from now, with what chance may do to it (95 %).
    struct Forecast: Encodable {
        var window: String
        var expectedInSeconds: Double?
        var earliestInSeconds: Double?
        /// `null`: maybe never.
        var latestInSeconds: Double?

        init(_ forecast: BudgetForecast) {
            window = PromQLDuration.format(milliseconds: forecast.window)
            expectedInSeconds = forecast.expected.map { $0 / 1_000 }
            earliestInSeconds = forecast.earliest.map { $0 / 1_000 }
            latestInSeconds = forecast.latest.map { $0 / 1_000 }
        }
    }

    struct History: Encodable {
        struct Point: Encodable {
            /// Seconds since 1970.
            var time: Double
            var remaining: Double?
        }

        var labels: [String: String]
        var points: [Point]
    }

    struct Gate: Encodable {
        /// `allow` or `deny`.
        var decision: String
        var reason: String
        var expiresAt: String
    }
}

extension SLOAnswer.Objective {
    init(_ objective: ServiceLevelObjective) {
        self.init(
            id: objective.id, service: objective.service, name: objective.name,
            description: objective.description, objective: objective.objectivePercent,
            period: PromQLDuration.format(milliseconds: objective.windows.period),
            specification: objective.origin.specification, file: objective.origin.path,
            line: objective.origin.line)
    }
}

extension SLOAnswer.Reading {
    init(_ reading: ErrorBudget.Reading, _ budget: ErrorBudget) {
        self.init(
            labels: reading.labels.texts, errorRatio: reading.errorRatio,
            remaining: reading.errorRatio.map { budget.remaining($0) }.flatMap(\.finite),
            burnRates: reading.burnRates.map {
                BurnRate(
                    window: PromQLDuration.format(milliseconds: $0.window),
                    rate: $0.rate.flatMap(\.finite))
            },
            exhaustedInSeconds: reading.exhaustion(of: budget).map { $0 / 1_000 })
    }
}

extension SLOAnswer.History {
    init(_ history: ErrorBudget.History) {
        self.init(
            labels: history.labels.texts,
            points: history.points.map {
                Point(
                    time: Double($0.time) / 1_000, remaining: $0.remaining.flatMap(\.finite))
            })
    }
}

extension SLOAnswer.Gate {
    /// - Parameters:
    ///   - paging: the series that a page would fire for.
    ///   - least: the share of the budget that must be left.
    init(
        _ readings: [ErrorBudget.Reading], paging: Set<Labels>, _ budget: ErrorBudget,
        least: Double, expiresAt: String
    ) {
        self.init(decision: "allow", reason: "", expiresAt: expiresAt)
        let windows = budget.objective.windows
        for reading in readings {
            let subject = reading.labels.isEmpty ? "" : " of \(reading.labels)"
            if paging.contains(reading.labels) {
                decision = "deny"
                reason = Self.haste(of: reading, windows, subject)
                return
            }
            guard let ratio = reading.errorRatio else { continue }
            let remaining = budget.remaining(ratio)
            if remaining < least || remaining <= 0 {
                decision = "deny"
                reason =
                    "\(NumberFormat.decimal((remaining * 1_000).rounded() / 10)) % of the budget"
                    + "\(subject) is left"
                return
            }
        }
        reason =
            readings.contains { $0.errorRatio != nil }
            ? "no page would fire and there is budget left" : "there were no events"
    }

    /// Why a page would fire.
    private static func haste(
        of reading: ErrorBudget.Reading, _ windows: AlertWindows, _ subject: String
    ) -> String {
        guard
            let pair = [windows.pageQuick, windows.pageSlow].first(where: { reading.burns($0) })
        else { return "a page would fire for the budget\(subject)" }
        return "the budget\(subject) burns more than \(NumberFormat.decimal(pair.factor)) times "
            + "too fast over \(PromQLDuration.format(milliseconds: pair.long))"
    }
}

extension Labels {
    fileprivate var texts: [String: String] {
        Dictionary(pairs.map { ($0.name, $0.value) }) { $1 }
    }
}

extension Double {
    /// JSON has no infinities.
    fileprivate var finite: Double? { isFinite ? self : nil }
}
