import Store
import Telemetry

/// What an evaluation of a group has to tell: one notification for all that fires, one for all that has
/// ended.
struct Notices: Sendable {
    /// What tells this server's alerts from others'; labels that an alert has itself win, as in Prometheus.
    let externalLabels: [String: String]
    private var firing: [AlertNoticeSource] = []
    private var resolved: [AlertNoticeSource] = []

    init(externalLabels: [String: String] = [:]) { self.externalLabels = externalLabels }

    private struct AlertNoticeSource: Sendable {
        var record: AlertRecord
        /// `nil` if the rule is gone.
        var query: RuleQuery?
    }

    mutating func add(_ step: AlertMachine.Step, of rule: Rule) {
        let query = rule.query
        firing += step.firing.map { AlertNoticeSource(record: $0, query: query) }
        resolved += step.resolved.map { AlertNoticeSource(record: $0, query: query) }
    }

    /// Alerts of a rule that is gone.
    mutating func add(resolved records: [AlertRecord]) {
        resolved += records.map { AlertNoticeSource(record: $0, query: nil) }
    }

    /// What is over is told first: a rule may end one alert and raise another. What fires says why, as far
    /// as `evidence` tells, the service that makes others burn first.
    func notifications(
        group: RuleGroupKey, at now: Timestamp, externalURL: String,
        evidence: EvidenceGatherer? = nil
    ) -> [AlertNotification] {
        let told = [
            (AlertNotification.Status.resolved, resolved.map { notice($0, externalURL) }),
            (.firing, firingNotices(at: now, externalURL, evidence)),
        ]
        return told.compactMap { status, alerts in
            alerts.isEmpty
                ? nil
                : AlertNotification(
                    group: group, status: status, at: now, externalURL: externalURL,
                    alerts: alerts)
        }
    }

    private func firingNotices(
        at now: Timestamp, _ externalURL: String, _ evidence: EvidenceGatherer?
    ) -> [AlertNotice] {
        let notices = firing.map { notice($0, externalURL) }
        guard let evidence, !firing.isEmpty else { return notices }
        let subjects = zip(firing, notices).map { source, notice in
            EvidenceSubject(
                labels: notice.labels, expression: source.query?.promQL, query: source.query,
                firedAt: notice.startsAt)
        }
        let gathered = evidence(subjects, now)
        let enriched = zip(notices, gathered).map { notice, found in
            var notice = notice
            let own = Set(notice.annotations.map(\.key))
            notice.annotations += found.annotations(server: externalURL)
                .filter { !own.contains($0.key) }
            notice.evidence = found.page(server: externalURL)
            return (notice, found.isCulprit)
        }
        return enriched.filter(\.1).map(\.0) + enriched.filter { !$0.1 }.map(\.0)
    }

    private func notice(_ source: AlertNoticeSource, _ externalURL: String) -> AlertNotice {
        let (startsAt, endsAt): (Timestamp, Timestamp?) =
            switch source.record.state {
            case .pending(let since): (since, nil)
            case .firing(_, let firedAt): (firedAt, nil)
            case .resolved(let at, let firedAt): (firedAt, at)
            }
        return AlertNotice(
            labels: source.record.labels.adding(externalLabels),
            annotations: source.record.annotations,
            startsAt: startsAt, endsAt: endsAt,
            generatorURL: source.query.map {
                "\(externalURL)/graph?g0.expr=\(Self.percentEncoded($0.printed))&g0.tab=1"
            } ?? externalURL)
    }

    /// As a query parameter: unreserved characters of RFC 3986 stay.
    private static func percentEncoded(_ text: String) -> String {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                encoded.append(byte)
            default:
                let digits = Array("0123456789ABCDEF".utf8)
                encoded += [
                    UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)],
                ]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}

extension Labels {
    /// With the others where this has no label of the name.
    fileprivate func adding(_ others: [String: String]) -> Labels {
        guard !others.isEmpty else { return self }
        return Labels(others.map { (name: $0.key, value: $0.value) } + pairs)
    }
}
