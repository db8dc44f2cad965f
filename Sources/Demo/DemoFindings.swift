import Synchronization

/// What the checks saw.
package final class DemoFindings: Sendable {
    /// One row of the table.
    package struct Finding: Sendable {
        package var letter: Character
        package var what: String
        package var isGood: Bool
        package var seen: String
    }

    private let findings = Mutex<[Finding]>([])
    /// Every one of these must be found, and be good.
    package static let expected: [Character] = ["a", "b", "c", "d", "e", "f", "g"]

    package init() {}

    package func add(_ letter: Character, _ what: String, _ isGood: Bool, _ seen: String) {
        findings.withLock {
            $0.append(Finding(letter: letter, what: what, isGood: isGood, seen: seen))
        }
    }

    /// Whether all was checked and found to be right.
    package var isGood: Bool {
        findings.withLock { findings in
            findings.allSatisfy(\.isGood)
                && DemoFindings.expected.allSatisfy { letter in
                    findings.contains { $0.letter == letter }
                }
        }
    }

    /// A line for each finding, by letter, in columns.
    package var table: String {
        var rows = findings.withLock { $0 }
        for letter in DemoFindings.expected where !rows.contains(where: { $0.letter == letter }) {
            rows.append(
                Finding(letter: letter, what: "not reached", isGood: false, seen: ""))
        }
        // Findings of a letter stay in the order in which they were made.
        let sorted = rows.enumerated().sorted {
            ($0.element.letter, $0.offset) < ($1.element.letter, $1.offset)
        }.map(\.element)
        let width = sorted.map(\.what.count).max() ?? 0
        return sorted.map { row in
            let gap = String(repeating: " ", count: width - row.what.count)
            return
                "\(row.isGood ? "ok    " : "FAILED")  (\(row.letter)) \(row.what)\(gap)  \(row.seen)\n"
        }.joined()
    }
}
