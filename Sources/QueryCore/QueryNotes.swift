import Synchronization

/// Collects the warnings and infos of a running query, each text once with the place in the query that it
/// is about.
package final class QueryNotes: Sendable {
    private struct Texts {
        /// By text without place; the first place that was told.
        var warnings: [String: SourceRange?] = [:]
        var infos: [String: SourceRange?] = [:]
    }

    /// More would drown the answer; Prometheus shows ten of each and how many more there are.
    private static let shownMax = 10
    /// Distinct texts that are counted: names of series are part of some.
    private static let keptMax = 1_000

    private let source: String
    private let texts = Mutex(Texts())

    /// - Parameter source: the query's text; without it no places are told.
    package init(source: String = "") { self.source = source }

    package func warn(_ text: String, at range: SourceRange? = nil) {
        texts.withLock { Self.note(text, range, in: &$0.warnings) }
    }

    package func inform(_ text: String, at range: SourceRange? = nil) {
        texts.withLock { Self.note(text, range, in: &$0.infos) }
    }

    private static func note(
        _ text: String, _ range: SourceRange?, in notes: inout [String: SourceRange?]
    ) {
        guard notes[text] == nil, notes.count < keptMax else { return }
        notes.updateValue(range, forKey: text)
    }

    package var warnings: [String] { shown(texts.withLock { $0.warnings }, "warning") }
    package var infos: [String] { shown(texts.withLock { $0.infos }, "info") }

    private func shown(_ notes: [String: SourceRange?], _ kind: String) -> [String] {
        var lines = notes.map { text, range in
            guard let range, !source.isEmpty else { return text }
            return "\(text) (\(range.position(in: source)))"
        }.sorted()
        if lines.count > Self.shownMax {
            let omitted = lines.count - Self.shownMax
            lines.removeLast(omitted)
            lines.append("\(omitted) more \(kind) annotations omitted")
        }
        return lines
    }

    /// Whether a line only says how many are not shown.
    package static func isOmission(_ line: String) -> Bool {
        line.hasSuffix(" annotations omitted")
    }
}
