import PromQL

/// The rules that Sloth makes of an objective: recorded error ratios per window, what is known about the
/// objective as series, and its alerts; names, labels and expressions as in Sloth 0.16
/// (internal/plugin/slo/core).
package struct SlothRules: Sendable {
    /// The value of `sloth_version`: which program made the rules.
    package var version: String

    package init(version: String) { self.version = version }

    package func groups(of objective: ServiceLevelObjective) -> [GeneratedGroup] {
        let groups = [
            GeneratedGroup(
                name: "sloth-slo-sli-recordings-\(objective.id)", rules: ratios(of: objective)),
            GeneratedGroup(
                name: "sloth-slo-meta-recordings-\(objective.id)", rules: facts(of: objective)),
            GeneratedGroup(
                name: "sloth-slo-alerts-\(objective.id)", rules: alerts(of: objective)),
            GeneratedGroup(
                name: "sloth-slo-extra-rules-000-\(objective.id)",
                rules: objective.extraAlerts.map(GeneratedRule.init)),
        ]
        return groups.filter { !$0.rules.isEmpty }
    }

    // MARK: Ratios

    private func ratios(of objective: ServiceLevelObjective) -> [GeneratedRule] {
        let period = objective.windows.period
        return objective.windows.lengths.map { window in
            ratio(of: objective, over: window, objective.indicator.expression(over: window))
        } + [ratio(of: objective, over: period, periodRatio(of: objective))]
    }

    private func ratio(
        of objective: ServiceLevelObjective, over window: Int64, _ expression: String
    ) -> GeneratedRule {
        var labels = objective.identity
        labels["sloth_window"] = PromQLDuration.format(milliseconds: window)
        return GeneratedRule(
            kind: .record, name: Self.ratioMetric(window), expression: expression,
            labels: labels.merging(objective.labels) { $1 })
    }

    /// The mean of the shortest window's ratios: cheap, and only roughly the period's own ratio.
    private func periodRatio(of objective: ServiceLevelObjective) -> String {
        let series = Self.ratioMetric(objective.windows.pageQuick.short) + objective.filter
        let period = PromQLDuration.format(milliseconds: objective.windows.period)
        return """
            sum_over_time(\(series)[\(period)])
            / ignoring (sloth_window)
            count_over_time(\(series)[\(period)])

            """
    }

    static func ratioMetric(_ window: Int64) -> String {
        "slo:sli_error:ratio_rate\(PromQLDuration.format(milliseconds: window))"
    }

    // MARK: Facts

    private func facts(of objective: ServiceLevelObjective) -> [GeneratedRule] {
        let labels = objective.identity.merging(objective.labels) { $1 }
        func rule(_ name: String, _ expression: String) -> GeneratedRule {
            GeneratedRule(kind: .record, name: name, expression: expression, labels: labels)
        }
        let ratio = GoNumber.shortest(objective.objectivePercent / 100)
        let days = Double(objective.windows.period) / Double(AlertWindows.day)
        var info = rule("sloth_slo_info", "vector(1)")
        info.labels.merge([
            "sloth_version": version, "sloth_mode": objective.origin.mode,
            "sloth_spec": objective.origin.specification,
            "sloth_objective": NumberFormat.decimal(objective.objectivePercent),
        ]) { $1 }
        return [
            rule("slo:objective:ratio", "vector(\(ratio))"),
            rule("slo:error_budget:ratio", "vector(1-\(ratio))"),
            rule("slo:time_period:days", "vector(\(GoNumber.shortest(days)))"),
            rule(
                "slo:current_burn_rate:ratio",
                burnRate(of: objective, over: objective.windows.pageQuick.short)),
            rule(
                "slo:period_burn_rate:ratio",
                burnRate(of: objective, over: objective.windows.period)),
            rule(
                "slo:period_error_budget_remaining:ratio",
                "1 - slo:period_burn_rate:ratio\(objective.filter)"),
            info,
        ]
    }

    private func burnRate(of objective: ServiceLevelObjective, over window: Int64) -> String {
        """
        \(Self.ratioMetric(window))\(objective.filter)
        / on(sloth_id, sloth_slo, sloth_service) group_left
        slo:error_budget:ratio\(objective.filter)

        """
    }

    // MARK: Alerts

    private func alerts(of objective: ServiceLevelObjective) -> [GeneratedRule] {
        let windows = objective.windows
        var rules: [GeneratedRule] = []
        if let page = objective.page {
            rules.append(
                alert(page, "page", windows.pageQuick, windows.pageSlow, of: objective))
        }
        if let ticket = objective.ticket {
            rules.append(
                alert(ticket, "ticket", windows.ticketQuick, windows.ticketSlow, of: objective))
        }
        return rules
    }

    private func alert(
        _ texts: ServiceLevelObjective.AlertTexts, _ severity: String, _ quick: AlertWindows.Pair,
        _ slow: AlertWindows.Pair, of objective: ServiceLevelObjective
    ) -> GeneratedRule {
        let budget = GoNumber.shortest(objective.errorBudget)
        func burns(_ window: Int64, _ factor: Double) -> String {
            "max(\(Self.ratioMetric(window))\(objective.filter) > "
                + "(\(GoNumber.shortest(factor)) * \(budget))) without (sloth_window)"
        }
        let expression = """
            (
                \(burns(quick.short, quick.factor))
                and
                \(burns(quick.long, quick.factor))
            )
            or
            (
                \(burns(slow.short, slow.factor))
                and
                \(burns(slow.long, slow.factor))
            )

            """
        let names = "{{$labels.sloth_service}} {{$labels.sloth_slo}}"
        let annotations = [
            "title": "(\(severity)) \(names) SLO error budget burn rate is too fast.",
            "summary": "\(names) SLO error budget burn rate is over expected.",
        ]
        return GeneratedRule(
            kind: .alert, name: texts.name, expression: expression,
            labels: ["sloth_severity": severity].merging(texts.labels) { $1 },
            annotations: annotations.merging(texts.annotations) { $1 })
    }
}

extension ServiceLevelObjective {
    fileprivate var identity: [String: String] {
        ["sloth_id": id, "sloth_slo": name, "sloth_service": service]
    }

    /// The matchers of the objective's series. Its names have no characters that need escaping.
    fileprivate var filter: String {
        "{sloth_id=\"\(id)\", sloth_service=\"\(service)\", sloth_slo=\"\(name)\"}"
    }
}

extension ServiceLevelObjective.Indicator {
    /// The share of bad events over `window` milliseconds.
    func expression(over window: Int64) -> String {
        switch self {
        case .raw(let query): "(\(query.text(window: window)))"
        case .events(let error, let total):
            "(\(error.text(window: window)))\n/\n(\(total.text(window: window)))\n"
        }
    }
}
