import HTTPServer
import Notifier
import RegularExpressions

/// Which alerts a request wants to see.
struct AlertFilter: Sendable {
    private let matchers: [LabelMatcher]
    private let receiver: Pattern?
    private let showsActive: Bool
    private let showsSilenced: Bool
    private let showsInhibited: Bool

    init(_ parameters: Parameters) throws(HTTPError) {
        matchers = try Self.matchers(parameters)
        showsActive = try Self.flag(parameters, "active")
        showsSilenced = try Self.flag(parameters, "silenced")
        showsInhibited = try Self.flag(parameters, "inhibited")
        _ = try Self.flag(parameters, "unprocessed")
        guard let text = parameters["receiver"], !text.isEmpty else {
            receiver = nil
            return
        }
        do throws(PatternError) {
            receiver = try Pattern(text, options: Pattern.Options(dotMatchesNewline: false))
        } catch {
            throw .badRequest("failed to parse receiver param: \(error.reason)")
        }
    }

    static func matchers(_ parameters: Parameters) throws(HTTPError) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        for text in parameters.all("filter") {
            do throws(MatcherFailure) {
                matchers.append(try MatcherText.matcher(text))
            } catch {
                throw .badRequest(error.reason)
            }
        }
        return matchers
    }

    /// True unless the parameter says otherwise.
    static func flag(_ parameters: Parameters, _ name: String) throws(HTTPError) -> Bool {
        switch parameters[name]?.lowercased() {
        case nil, "", "true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled":
            return true
        case "false", "0", "no", "f", "off", "n": return false
        case let text?:
            throw .badRequest("\(name) in query must be of type boolean: \"\(text)\"")
        }
    }

    func acceptsReceiver(_ name: String) -> Bool { receiver?.matchesWhole(name) ?? true }

    func accepts(_ view: AlertView) -> Bool {
        guard matches(view.alert.labels) else { return false }
        if !showsActive, !view.isSuppressed { return false }
        if !showsSilenced, !view.silencedBy.isEmpty { return false }
        return showsInhibited || view.inhibitedBy.isEmpty
    }

    /// An empty value asks whether there is such a label.
    private func matches(_ labels: [String: String]) -> Bool {
        matchers.allSatisfy { matcher in
            let value = labels[matcher.name]
            if matcher.value.isEmpty, matcher.isEqual == (value == nil) { return true }
            return matcher.accepts(value ?? "")
        }
    }
}
