import PromQL

extension ServiceLevelObjective {
    /// Alerts that no failure however total could raise: the share of bad events that they wait for is
    /// not below 1.
    var unreachableAlerts: [RuleFileError] {
        var mistakes: [RuleFileError] = []
        if page != nil {
            mistakes += unreachable("page", [windows.pageQuick, windows.pageSlow])
        }
        if ticket != nil {
            mistakes += unreachable("ticket", [windows.ticketQuick, windows.ticketSlow])
        }
        return mistakes
    }

    private func unreachable(_ alert: String, _ pairs: [AlertWindows.Pair]) -> [RuleFileError] {
        pairs.compactMap { pair in
            let threshold = pair.factor * errorBudget
            guard threshold >= 1 else { return nil }
            let factor = GoNumber.significant4(pair.factor)
            let lowest = GoNumber.significant4(100 * (1 - 1 / pair.factor))
            let window = PromQLDuration.format(milliseconds: pair.long)
            return RuleFileError(
                path: origin.path, line: origin.line,
                reason:
                    "the \(alert) alert of \(id) over \(window) could never fire: it waits for a "
                    + "share of bad events above \(factor)·(1−"
                    + "\(GoNumber.significant4(objectivePercent / 100))) = "
                    + "\(GoNumber.significant4(threshold)), and no share exceeds 1; set an objective "
                    + "above \(lowest) or disable the alert")
        }
    }
}
