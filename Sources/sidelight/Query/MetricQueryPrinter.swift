import Foundation
import Telemetry

/// Prints numbers at a time as a table, numbers over time as graphs.
struct MetricQueryPrinter {
    private typealias Series = MetricQueryAnswer.Series

    let output: QueryOutput
    let terminal: Terminal

    /// Series that are drawn; more cannot be told apart.
    private static let drawnMax = 8
    private static let graphRows = 12
    private static let axisWidth = 10
    private static let colours = [36, 33, 35, 32, 31, 34, 96, 93]

    /// - Throws: when the answer is not one of Prometheus's API.
    func print(_ answer: [UInt8]) throws {
        guard output != .json else { return Self.write(answer + [UInt8(ascii: "\n")]) }
        print(try JSONDecoder().decode(MetricQueryAnswer.self, from: Data(answer)))
    }

    /// As a table, a graph or CSV.
    func print(_ content: MetricQueryAnswer) {
        for remark in content.remarks {
            FileHandle.standardError.write(Data("\(Self.shown(remark))\n".utf8))
        }
        Self.write(Array(text(content).utf8))
    }

    private func text(_ content: MetricQueryAnswer) -> String {
        if output == .csv { return csv(content.series) }
        guard !content.series.isEmpty else { return "nothing found\n" }
        switch content.type {
        case "scalar", "string":
            return content.series.flatMap(\.points).map { Self.shown($0.text) + "\n" }.joined()
        case "vector": return table(content.series)
        default: return graphs(content.series)
        }
    }

    private func csv(_ series: [Series]) -> String {
        var text = "labels,time,value\n"
        for one in series {
            for point in one.points {
                text +=
                    [Self.name(one.labels), Self.time(point.seconds), point.text]
                    .map(Self.quoted).joined(separator: ",") + "\n"
            }
        }
        return text
    }

    /// A column for every label that any series has.
    private func table(_ series: [Series]) -> String {
        let names = Set(series.flatMap(\.labels.keys)).sorted()
        var rows = [names.map { $0 == "__name__" ? "metric" : $0 } + ["value"]]
        for one in series {
            rows.append(
                names.map { Self.shown(one.labels[$0] ?? "") }
                    + [one.points.first?.text ?? ""])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for row in rows {
            var cells = zip(row, widths).map {
                $0.padding(toLength: $1, withPad: " ", startingAt: 0)
            }
            // Numbers stand under each other by their ends.
            if let value = row.last, let width = widths.last {
                cells[cells.count - 1] = String(repeating: " ", count: width - value.count) + value
            }
            text += cells.joined(separator: "  ") + "\n"
        }
        return text
    }

    // MARK: Graphs

    private func graphs(_ series: [Series]) -> String {
        let times = series.flatMap { [$0.points.first?.seconds, $0.points.last?.seconds] }
            .compactMap { $0 }
        guard let first = times.min(), let last = times.max() else { return "nothing found\n" }
        let shown = Array(series.prefix(Self.drawnMax))
        var text = ""
        if terminal.hasColours || shown.count == 1 {
            text += graph(shown, first, last)
            for (number, one) in shown.enumerated() {
                text += coloured("━━ ", number) + summary(one) + "\n"
            }
        } else {
            for one in shown { text += summary(one) + "\n" + graph([one], first, last) }
        }
        if series.count > shown.count {
            text += "and \(series.count - shown.count) series more\n"
        }
        return text
    }

    private func graph(_ series: [Series], _ first: Double, _ last: Double) -> String {
        let columns = terminal.width - Self.axisWidth - 2
        let lines = series.map { one in
            one.points.map { point in
                (
                    place: last > first ? (point.seconds - first) / (last - first) : 0,
                    value: point.number
                )
            }
        }
        guard let graph = LineGraph(lines, columns: columns, rows: Self.graphRows) else {
            return "no numbers to draw\n"
        }
        var text = ""
        for (row, cells) in graph.cells().enumerated() {
            let label = row % 3 == 0 || row == graph.rows - 1 ? Self.brief(graph.label(row)) : ""
            let axis = label.isEmpty ? "│" : "┤"
            text += String(repeating: " ", count: max(0, Self.axisWidth - label.count)) + label
            text += " " + axis
            for cell in cells {
                let character = String(cell.character)
                text += cell.line.map { coloured(character, $0) } ?? character
            }
            text += "\n"
        }
        let (from, to) = (Self.time(first), Self.time(last))
        let gap = max(1, columns - from.count - to.count)
        return text + String(repeating: " ", count: Self.axisWidth + 2) + from
            + String(repeating: " ", count: gap) + to + "\n"
    }

    private func summary(_ series: Series) -> String {
        let numbers = series.points.map(\.number).filter { !$0.isNaN }
        let last = series.points.last?.text ?? ""
        guard let low = numbers.min(), let high = numbers.max() else {
            return "\(Self.name(series.labels))  last \(last)"
        }
        return "\(Self.name(series.labels))  last \(last)  min \(Self.brief(low))"
            + "  max \(Self.brief(high))"
    }

    private func coloured(_ text: String, _ number: Int) -> String {
        guard terminal.hasColours else { return text }
        return "\u{1B}[\(Self.colours[number % Self.colours.count])m\(text)\u{1B}[0m"
    }

    // MARK: Words

    private static func name(_ labels: [String: String]) -> String {
        let pairs = labels.filter { $0.key != "__name__" }.sorted { $0.key < $1.key }
            .map { "\(shown($0.key))=\"\(shown($0.value))\"" }
        let metric = shown(labels["__name__"] ?? "")
        return pairs.isEmpty && !metric.isEmpty
            ? metric : "\(metric){\(pairs.joined(separator: ", "))}"
    }

    private static func time(_ seconds: Double) -> String {
        RFC3339.string(Timestamp(milliseconds: Int64((seconds * 1_000).rounded())))
    }

    /// With four digits that count.
    private static func brief(_ number: Double) -> String {
        let size = number.magnitude
        return size != 0 && (size >= 1e6 || size < 1e-3)
            ? String(format: "%.3g", number) : String(format: "%.4g", number)
    }

    /// Without what would move a terminal's cursor, or worse.
    static func shown(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<32, 127..<160: shown += "\\u{\(String(scalar.value, radix: 16))}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// RFC 4180.
    static func quoted(_ text: String) -> String {
        "\"\(text.replacing("\"", with: "\"\""))\""
    }

    private static func write(_ bytes: [UInt8]) {
        FileHandle.standardOutput.write(Data(bytes))
    }
}
