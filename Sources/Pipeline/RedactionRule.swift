import RegularExpressions
import Telemetry

/// What is done about personal data in log records and spans before they are stored: `drop:FIELD`, `hash:FIELD`,
/// `mask:FIELD`, or the same with `/PATTERN/` for whatever a regular expression matches in a text.
///
/// A field is an attribute by its name, also inside maps, and of log records also behind a full stop, as in
/// `kubernetes.password`; where the record has its line as text too, the field's value is replaced there as
/// well, and so is what stands behind the name in any text (`?token=…`). What a line calls by the rule's name and
/// is kept under another goes, too. Numbers are texts for patterns. A hash is the same for equal values, so that they can still
/// be counted and followed; it hides them from readers, not from somebody who tries all possible ones.
package struct RedactionRule: Sendable {
    enum Action: String, Sendable {
        /// Nothing stays.
        case drop
        /// 32 hexadecimal digits.
        case hash
        case mask
    }

    enum Target: Sendable {
        case field(String)
        case pattern(Pattern)
    }

    static let maskText = "***"

    let action: Action
    let target: Target

    /// - Throws: `RedactionRuleError` saying what is wrong.
    package init(_ text: String) throws(RedactionRuleError) {
        guard let colon = text.firstIndex(of: ":"),
            let action = Action(rawValue: String(text[..<colon]))
        else { throw RedactionRuleError(rule: text, reason: "expected drop:, hash: or mask:") }
        let rest = text[text.index(after: colon)...]
        guard !rest.isEmpty else {
            throw RedactionRuleError(rule: text, reason: "expected a field or /pattern/")
        }
        self.action = action
        guard rest.first == "/" else {
            target = .field(String(rest))
            return
        }
        guard rest.count > 2, rest.last == "/" else {
            throw RedactionRuleError(rule: text, reason: "a pattern stands between two slashes")
        }
        do {
            target = .pattern(try Pattern(String(rest.dropFirst().dropLast())))
        } catch {
            throw RedactionRuleError(rule: text, reason: error.reason)
        }
    }

    /// What stands in for `value`.
    func replacement(for value: some Collection<UInt8>) -> String {
        switch action {
        case .drop: return ""
        case .mask: return Self.maskText
        case .hash:
            let hash = ContentHash(Array(value))
            return TraceID(high: hash.high, low: hash.low).hex
        }
    }
}

/// Why a text is no redaction rule.
package struct RedactionRuleError: Error, Equatable, CustomStringConvertible {
    package var rule: String
    package var reason: String

    package var description: String { "redaction rule \"\(rule)\": \(reason)" }
}
