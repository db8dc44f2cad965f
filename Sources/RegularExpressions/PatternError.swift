/// Why a pattern is not a regular expression.
package struct PatternError: Error, Equatable, CustomStringConvertible {
    /// As it was written.
    package var pattern: String
    /// RE2's words.
    package var reason: String

    package init(pattern: String, reason: String) {
        self.pattern = pattern
        self.reason = reason
    }

    package var description: String { "invalid regular expression \"\(pattern)\": \(reason)" }
}
