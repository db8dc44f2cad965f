import PromQL
import QueryCore

/// A backtest for people: a line for each firing, oldest first, and what it comes to.
struct BacktestTable {
    let lines: [String]

    init(_ answer: BacktestAnswer) {
        var rows: [[String]] = []
        for alert in answer.alerts {
            for firing in alert.firings { rows.append(Self.row(alert, firing)) }
        }
        rows.sort { $0[0] == $1[0] ? $0[3] < $1[3] : $0[0] < $1[0] }
        var lines: [String] = []
        if !rows.isEmpty {
            lines = Self.aligned([["FIRED", "FOR", "PENDING SINCE", "ALERT", "VALUE"]] + rows)
        }
        let real = Self.realRows(answer)
        if !real.isEmpty {
            lines += Self.aligned([["REALLY FIRED", "FOR", "ALERT"]] + real)
        }
        let silent = answer.alerts.filter { $0.firings.isEmpty && $0.error == nil }
        for alert in silent { lines.append("never: \(alert.rule) (\(alert.file):\(alert.line))") }
        lines.append(
            "\(answer.from) to \(answer.to): \(answer.alerts.count) alerting rules, \(rows.count) "
                + "firings; \(answer.evaluations) evaluations in "
                + "\((answer.seconds * 1_000).rounded() / 1_000) s")
        self.lines = lines
    }

    /// What alerts of the same names really did, oldest first; once where several rules have one name.
    private static func realRows(_ answer: BacktestAnswer) -> [[String]] {
        var rows: Set<[String]> = []
        for alert in answer.alerts {
            for firing in alert.real ?? [] {
                let cells = row(alert, firing)
                rows.insert([cells[0], cells[1], cells[3]])
            }
        }
        return rows.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private static func row(
        _ alert: BacktestAnswer.Rule, _ firing: BacktestAnswer.Firing
    ) -> [String] {
        let others = firing.labels.filter { $0.key != "alertname" }.sorted { $0.key < $1.key }
        let labels = others.map { "\($0.key)=\(QuotedText.quote($0.value))" }
        let duration = PromQLDuration.format(milliseconds: Int64(firing.seconds * 1_000))
        return [
            firing.firedAt, duration + (firing.resolvedAt == nil ? " and on" : ""),
            firing.activeAt, "\(alert.rule){\(labels.joined(separator: ", "))}", firing.value,
        ]
    }

    private static func aligned(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { text, width in
                text + String(repeating: " ", count: width - text.count)
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
