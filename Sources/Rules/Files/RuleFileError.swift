/// A mistake in a rule file: where it is, what is wrong and what was expected.
package struct RuleFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package var path: String
    /// From 1; 0 when it is about the file as a whole.
    package var line: Int
    package var reason: String

    package init(path: String, line: Int = 0, reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    package var description: String {
        line > 0 ? "\(path):\(line): \(reason)" : "\(path): \(reason)"
    }
}
