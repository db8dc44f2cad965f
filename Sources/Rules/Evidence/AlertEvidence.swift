import Telemetry

/// What an alert's page says of its cause, besides what the rule says.
package struct AlertEvidence: Sendable, Hashable {
    /// A bad event with its trace.
    package struct Exemplar: Sendable, Hashable {
        package var traceID: TraceID
        package var spanID: SpanID
        package var service: String
        package var name: String
        package var start: Timestamp
        /// Nanoseconds.
        package var duration: Int64
    }

    /// What a part of the bad events have in common.
    package struct Share: Sendable, Hashable {
        package var name: String
        /// Of the bad events, and so of the budget that they burn: between 0 and 1.
        package var share: Double

        package init(name: String, share: Double) {
            self.name = name
            self.share = share
        }
    }

    /// Since when it is bad, and how bad.
    package struct Change: Sendable, Hashable {
        package var at: Timestamp
        /// Share of bad events before; `nil` if there were no events.
        package var before: Double?
        package var after: Double
    }

    package struct Budget: Sendable, Hashable {
        /// 1 is the whole budget, below 0 more than there was.
        package var remaining: Double
        /// Milliseconds; `nil` where the end is not in sight.
        package var exhaustion: Double?
    }

    /// The service whose events are bad.
    package var service = ""
    /// At most five, newest first, one a trace.
    package var exemplars: [Exemplar] = []
    /// Bad events looked at, weighted by sampling.
    package var badCount = 0.0
    package var route: Share?
    package var version: Share?
    /// The service below, of those whose failure is the cause of the service's own.
    package var upstream: Share?
    /// The deepest failing span on the way of the failure, as service, version and name.
    package var failingHop: Share?
    /// Access-log lines of the exemplars.
    package var lines: [String] = []
    package var change: Change?
    package var budget: Budget?
    /// The service that makes the others burn, where several burn together.
    package var culprit = ""
    /// The services that burn together, the culprit first.
    package var together: [String] = []
    /// What is missing and why.
    package var notes: [String] = []

    package init() {}

    package var isCulprit: Bool { culprit == service && !culprit.isEmpty }
}

extension AlertEvidence {
    /// As annotations of an alert. Keys begin with `evidence`, so that they do not stand in the way of a
    /// rule's own; `evidence` is all of it as text for people.
    /// - Parameter server: where people reach this server, without a slash at the end.
    package func annotations(server: String) -> [Attribute] {
        var pairs: [(String, String)] = []
        func add(_ key: String, _ value: String) {
            if !value.isEmpty { pairs.append(("evidence_\(key)", value)) }
        }
        add("service", service)
        add("culprit", culprit)
        add("together", together.joined(separator: ", "))
        add("traces", exemplars.map { Self.link($0, server) }.joined(separator: "\n"))
        add("route", route.map(Self.text) ?? "")
        add("version", version.map(Self.text) ?? "")
        add("upstream", upstream.map(Self.text) ?? "")
        add("failing_hop", failingHop.map(Self.text) ?? "")
        add("since", change.map { RFC3339.string($0.at) } ?? "")
        add("budget_left", budget.map { Self.percent($0.remaining) } ?? "")
        add("budget_ends_in", budget?.exhaustion.map(Self.duration) ?? "")
        add("logs", lines.joined(separator: "\n"))
        add("notes", notes.joined(separator: "; "))
        return [Attribute("evidence", .string(text))]
            + pairs.map { Attribute($0.0, .string($0.1)) }
    }

    /// A link to an exemplar's trace.
    package static func link(_ exemplar: Exemplar, _ server: String) -> String {
        "\(server)/ui/trace/\(exemplar.traceID.hex)?span=\(exemplar.spanID.hex)"
    }

    /// A paragraph for people.
    package var text: String {
        var lines: [String] = []
        if let line = Self.culpritLine(together) { lines.append(line) }
        if badCount > 0 {
            var line = "\(Self.count(badCount)) bad events of \(service)"
            if let change {
                line += " since \(RFC3339.string(change.at)) ("
                line += change.before.map(Self.percent) ?? "no events"
                line += " before, \(Self.percent(change.after)) after)"
            }
            lines.append(line + ".")
        }
        let shares: [(String, Share?)] = [
            ("route", route), ("version", version), ("upstream", upstream),
            ("first failing hop", failingHop),
        ]
        for (name, share) in shares {
            if let share { lines.append("Top \(name): \(Self.text(share)).") }
        }
        if let budget {
            var line =
                budget.remaining < 0
                ? "\(Self.percent(1 - budget.remaining)) of the budget is spent"
                : "\(Self.percent(budget.remaining)) of the budget is left"
            if let end = budget.exhaustion { line += ", for \(Self.duration(end)) at this speed" }
            lines.append(line + ".")
        }
        lines += notes
        return lines.joined(separator: "\n")
    }

    /// Says who makes whom burn; `nil` of a service that burns alone.
    /// - Parameter together: the culprit first.
    package static func culpritLine(_ together: [String]) -> String? {
        guard together.count > 1 else { return nil }
        return "\(together[0]) makes \(together.dropFirst().joined(separator: ", ")) burn."
    }

    private static func text(_ share: Share) -> String {
        "\(share.name) (\(percent(share.share)))"
    }

    private static func count(_ number: Double) -> String {
        Int64(exactly: number.rounded()).map(String.init) ?? GoNumber.significant4(number)
    }

    private static func percent(_ share: Double) -> String {
        guard share.isFinite else { return share > 0 ? "infinitely much" : "less than nothing" }
        return "\(GoNumber.significant4((share * 10_000).rounded() / 100)) %"
    }

    /// Of milliseconds, to the two largest units.
    static func duration(_ milliseconds: Double) -> String {
        let seconds = Int64(exactly: (milliseconds / 1_000).rounded()) ?? .max / 2
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60)
        if days > 0 { return hours > 0 ? "\(days)d\(hours)h" : "\(days)d" }
        if hours > 0 { return minutes > 0 ? "\(hours)h\(minutes)m" : "\(hours)h" }
        return minutes > 0 ? "\(minutes)m" : "\(seconds)s"
    }
}
