import RegularExpressions

/// A condition on a label of an alert. A label that is missing counts as an empty value.
package struct LabelMatcher: Sendable {
    package enum Operation: String, Sendable, Hashable {
        case equal = "="
        case notEqual = "!="
        case matches = "=~"
        case notMatches = "!~"

        package init(isRegex: Bool, isEqual: Bool) {
            self = isRegex ? isEqual ? .matches : .notMatches : isEqual ? .equal : .notEqual
        }
    }

    package let name: String
    package let operation: Operation
    package let value: String
    private let pattern: Pattern?

    package init(
        _ name: String, _ operation: Operation, _ value: String
    ) throws(MatcherFailure) {
        self.name = name
        self.operation = operation
        self.value = value
        guard operation == .matches || operation == .notMatches else {
            pattern = nil
            return
        }
        do throws(PatternError) {
            pattern = try Pattern(value, options: Pattern.Options(dotMatchesNewline: false))
        } catch {
            throw MatcherFailure(reason: "error parsing regexp: \(error.reason)")
        }
    }

    package var isRegex: Bool { operation == .matches || operation == .notMatches }
    /// Whether a match is wanted rather than its absence.
    package var isEqual: Bool { operation == .equal || operation == .matches }

    package func accepts(_ text: String) -> Bool {
        switch operation {
        case .equal: text == value
        case .notEqual: text != value
        case .matches: pattern?.matchesWhole(text) ?? false
        case .notMatches: !(pattern?.matchesWhole(text) ?? false)
        }
    }

    package func accepts(_ labels: [String: String]) -> Bool { accepts(labels[name] ?? "") }

    /// Whether the matcher holds for a label that is missing.
    package var acceptsNothing: Bool { accepts("") }
}

extension LabelMatcher: Hashable, Comparable, CustomStringConvertible {
    package static func == (a: LabelMatcher, b: LabelMatcher) -> Bool {
        a.name == b.name && a.operation == b.operation && a.value == b.value
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(operation)
        hasher.combine(value)
    }

    /// By name, value and kind, as Alertmanager sorts them (pkg/labels/matcher.go).
    package static func < (a: LabelMatcher, b: LabelMatcher) -> Bool {
        if a.name != b.name { return a.name.utf8.lexicographicallyPrecedes(b.name.utf8) }
        if a.value != b.value { return a.value.utf8.lexicographicallyPrecedes(b.value.utf8) }
        return a.order < b.order
    }

    private var order: Int {
        switch operation {
        case .equal: 0
        case .notEqual: 1
        case .matches: 2
        case .notMatches: 3
        }
    }

    package var description: String { "\(name)\(operation.rawValue)\(LabelMatcher.quoted(value))" }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// Why a text is no matcher.
package struct MatcherFailure: Error, Hashable, Sendable {
    package var reason: String

    /// Without the text that is none.
    var kind: String {
        reason.firstRange(of: ": ").map { String(reason[..<$0.lowerBound]) } ?? reason
    }
}

extension [LabelMatcher] {
    package func accept(_ labels: [String: String]) -> Bool { allSatisfy { $0.accepts(labels) } }
    /// `{a="b",c=~"d"}`.
    package var text: String { "{\(map(\.description).joined(separator: ","))}" }
}
