/// A mistake in a rule file: where it is, what is wrong and what was expected.
package struct RuleFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package var path: String
    /// From 1; 0 when it is about the file as a whole.
    package var line: Int
    package var reason: String
    /// Further mistakes of the file, in its order.
    package var others: [RuleFileError] = []

    package init(path: String, line: Int = 0, reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    /// Of all mistakes the first, with the others; `nil` without any.
    init?(_ mistakes: [RuleFileError]) {
        guard let first = mistakes.first else { return nil }
        self = first
        others = first.others + mistakes.dropFirst()
    }

    /// A line a mistake.
    package var description: String {
        let own = line > 0 ? "\(path):\(line): \(reason)" : "\(path): \(reason)"
        return ([own] + others.map(\.description)).joined(separator: "\n")
    }
}
