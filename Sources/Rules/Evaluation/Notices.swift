import Store
import Telemetry

/// What an evaluation of a group has to tell: one notification for all that fires, one for all that has
/// ended.
struct Notices: Sendable {
    private var firing: [AlertNoticeSource] = []
    private var resolved: [AlertNoticeSource] = []

    private struct AlertNoticeSource: Sendable {
        var record: AlertRecord
        var query: String
    }

    mutating func add(_ step: AlertMachine.Step, of rule: Rule) {
        let query = rule.query.printed
        firing += step.firing.map { AlertNoticeSource(record: $0, query: query) }
        resolved += step.resolved.map { AlertNoticeSource(record: $0, query: query) }
    }

    /// Alerts of a rule that is gone.
    mutating func add(resolved records: [AlertRecord]) {
        resolved += records.map { AlertNoticeSource(record: $0, query: "") }
    }

    /// What is over is told first: a rule may end one alert and raise another.
    func notifications(
        group: RuleGroupKey, at now: Timestamp, externalURL: String
    ) -> [AlertNotification] {
        [(AlertNotification.Status.resolved, resolved), (.firing, firing)].compactMap {
            status, sources in
            sources.isEmpty
                ? nil
                : AlertNotification(
                    group: group, status: status, at: now, externalURL: externalURL,
                    alerts: sources.map { Self.notice($0, externalURL) })
        }
    }

    private static func notice(_ source: AlertNoticeSource, _ externalURL: String) -> AlertNotice {
        let (startsAt, endsAt): (Timestamp, Timestamp?) =
            switch source.record.state {
            case .pending(let since): (since, nil)
            case .firing(_, let firedAt): (firedAt, nil)
            case .resolved(let at, let firedAt): (firedAt, at)
            }
        return AlertNotice(
            labels: source.record.labels, annotations: source.record.annotations,
            startsAt: startsAt, endsAt: endsAt,
            generatorURL: source.query.isEmpty
                ? externalURL
                : "\(externalURL)/graph?g0.expr=\(percentEncoded(source.query))&g0.tab=1")
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
