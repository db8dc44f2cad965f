import PromQL
import QueryCore

/// One objective of one service, whatever specification it was written in: what is bad, how much of
/// it is allowed over which period, and whom to tell when it goes too fast.
package struct ServiceLevelObjective: Sendable {
    /// Unique over all files: the service's name and the objective's.
    package var id: String
    package var name: String
    package var service: String
    package var description: String
    package var indicator: Indicator
    /// Above 0 and at most 100.
    package var objectivePercent: Double
    package var windows: AlertWindows
    /// On every series and alert.
    package var labels: [String: String]
    /// `nil` if nobody is to be woken.
    package var page: AlertTexts?
    package var ticket: AlertTexts?
    /// Alerts besides those on burn rates.
    package var extraAlerts: [ExtraAlert] = []
    /// Where the budget begins anew with the calendar; the windows' period is then only about as long.
    package var calendar: CalendarWindow?
    /// Events that are counted from spans and lines for the indicator's queries.
    package var sources: [EventSource] = []
    /// Queries for spans that are bad and for all, where the indicator is made of such.
    package var eventQueries: EventQueries?
    /// Bad and all events, where the indicator says only their share.
    package var counted: Counted?
    package var origin: Origin

    /// How the share of bad events is asked for.
    package enum Indicator: Sendable, Hashable {
        case raw(WindowQuery)
        case events(error: WindowQuery, total: WindowQuery)
    }

    /// Queries that count events.
    package struct Counted: Sendable, Hashable {
        package var error: WindowQuery
        package var total: WindowQuery
    }

    /// What an alert says.
    package struct AlertTexts: Sendable, Hashable {
        package var name: String
        package var labels: [String: String]
        package var annotations: [String: String]
    }

    /// An alert that is taken over from a specification as it is.
    package struct ExtraAlert: Sendable, Hashable {
        package var name: String
        package var expression: String
        /// Milliseconds.
        package var holdDuration: Int64
        package var labels: [String: String]
        package var annotations: [String: String]
    }

    /// Where it was read.
    package struct Origin: Sendable, Hashable {
        package var path: String
        /// From 1.
        package var line: Int
        /// The specification, such as `prometheus/v1`.
        package var specification: String
        /// Sloth's word for the way the rules are made, such as `cli-gen-prom`.
        package var mode: String
    }

    /// How far back the budget reaches at `time`, both in milliseconds.
    package func periodLength(at time: Int64) -> Int64 {
        guard let calendar else { return windows.period }
        return max(1, time - calendar.beginning(at: time))
    }

    /// Share of events that may be bad, as Sloth computes it (100 less the objective, in percent).
    package var errorBudget: Double { (100 - objectivePercent) / 100 }
}

/// A query with `{{.window}}` where the length of a window belongs.
package struct WindowQuery: Sendable, Hashable {
    /// Between the places of the window.
    private let parts: [String]

    /// What it was, with the window in one form.
    package var source: String { parts.joined(separator: "{{.window}}") }

    /// Why a text is no such query.
    struct Failure: Error {
        var reason: String
    }

    init(_ text: String) throws(Failure) {
        var parts: [String] = []
        var rest = text[...]
        var part = ""
        while let open = rest.firstRange(of: "{{") {
            part += rest[..<open.lowerBound]
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
                throw Failure(reason: "{{ is not closed by }}")
            }
            let inside = rest[open.upperBound..<close.lowerBound]
            guard inside.filter({ $0 != " " }) == ".window" else {
                throw Failure(
                    reason: "{{\(inside)}} is not supported; there is {{.window}} only")
            }
            parts.append(part)
            part = ""
            rest = rest[close.upperBound...]
        }
        guard !parts.isEmpty else {
            throw Failure(reason: "the query must contain {{.window}}, the window it is asked for")
        }
        self.parts = parts + [part + rest]
        let expression: Expression
        do throws(QueryError) {
            expression = try PromQLEngine.parseForEvaluation(self.text(window: 300_000))
        } catch {
            throw Failure(reason: error.message + (error.excerpt.map { "\n\($0)" } ?? ""))
        }
        guard expression.type == .instantVector || expression.type == .scalar else {
            throw Failure(reason: "the query yields a \(expression.type), not an instant vector")
        }
    }

    /// The query over `window` milliseconds.
    package func text(window: Int64) -> String {
        parts.joined(separator: PromQLDuration.format(milliseconds: window))
    }
}
