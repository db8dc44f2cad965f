import Foundation
import Telemetry

/// Prints lines, the oldest first, and numbers.
struct LogQueryPrinter {
    let output: QueryOutput

    /// - Throws: when the answer is not one of Loki's API.
    func print(_ answer: [UInt8]) throws {
        guard output != .json else { return Self.write(answer + [UInt8(ascii: "\n")]) }
        let content = try JSONDecoder().decode(LogQueryAnswer.self, from: Data(answer)).data
        if content.series.isEmpty {
            if output == .csv { Self.write(Array("time,labels,line\n".utf8)) }
            printLines(content.streams)
        } else {
            printNumbers(content.series)
        }
    }

    /// The lines of all streams in order of time.
    func printLines(_ streams: [LogQueryAnswer.Stream]) {
        var lines: [(time: Int64, labels: String, text: String)] = []
        for stream in streams {
            let labels = Self.text(of: stream.stream)
            for entry in stream.values { lines.append((entry.time, labels, entry.line)) }
        }
        // Equal times stay in the order of the answer.
        let order = lines.indices.sorted { a, b in
            lines[a].time == lines[b].time ? a < b : lines[a].time < lines[b].time
        }
        var text = ""
        for line in order.map({ lines[$0] }) {
            let time = RFC3339.string(Timestamp(nanoseconds: line.time))
            switch output {
            case .csv:
                text += "\(time),\(Self.quoted(line.labels)),\(Self.quoted(line.text))\n"
            case .table, .json:
                text += "\(time) \(line.labels) \(Self.shown(line.text))\n"
            }
        }
        Self.write(Array(text.utf8))
    }

    private func printNumbers(_ series: [LogQueryAnswer.Series]) {
        let rows = series.flatMap { one in
            one.numbers.map { number in
                [
                    Self.text(of: one.metric),
                    RFC3339.string(
                        Timestamp(milliseconds: Int64((number.seconds * 1_000).rounded()))),
                    number.text,
                ]
            }
        }
        var text = ""
        if output == .csv {
            text = "labels,time,value\n"
            for row in rows { text += row.map(Self.quoted).joined(separator: ",") + "\n" }
        } else {
            let widths = (0..<2).map { column in rows.map { $0[column].count }.max() ?? 0 }
            for row in rows {
                text += row[0].padding(toLength: widths[0], withPad: " ", startingAt: 0) + "  "
                text += row[1].padding(toLength: widths[1], withPad: " ", startingAt: 0) + "  "
                text += row[2] + "\n"
            }
        }
        Self.write(Array(text.utf8))
    }

    private static func text(of labels: [String: String]) -> String {
        let pairs = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(shown($0.value))\"" }
        return "{\(pairs.joined(separator: ", "))}"
    }

    /// Without what would move a terminal's cursor, or worse.
    private static func shown(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 9: shown.unicodeScalars.append(scalar)
            case 0..<32, 127..<160: shown += "\\u{\(String(scalar.value, radix: 16))}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// RFC 4180.
    private static func quoted(_ text: String) -> String {
        "\"\(text.replacing("\"", with: "\"\""))\""
    }

    static func write(_ bytes: [UInt8]) {
        FileHandle.standardOutput.write(Data(bytes))
    }
}
