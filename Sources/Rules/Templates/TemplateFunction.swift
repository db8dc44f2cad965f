/// The functions that templates know: those of Go's text/template, and Prometheus's
/// (template/template.go).
enum TemplateFunction: String, Sendable, Hashable, CaseIterable {
    // Go's.
    case and, or, not, eq, ne, lt, le, gt, ge, len, index, slice, print, printf, println, html, js
    case urlquery, call
    // Queries.
    case query, first, label, value, strvalue, sortByLabel
    // Numbers and times.
    case humanize, humanize1024, humanizePercentage, humanizeDuration, humanizeTimestamp
    case toTime, toDuration, now, parseDuration
    // Texts.
    case toUpper, toLower, title, match, reReplaceAll, stripPort, stripDomain, safeHtml
    case args, graphLink, tableLink, externalURL, pathPrefix, urlQueryEscape
    // Alertmanager's.
    case trimSpace, join, safeUrl, urlUnescape, stringSlice, list, append, dict, toJson
    case date, tz, since, base64encode, base64decode

    /// How many arguments each takes, the piped value included.
    private var arity: ClosedRange<Int> {
        switch self {
        case .now, .externalURL, .pathPrefix: 0...0
        case .print, .println, .html, .js, .urlquery, .args, .stringSlice, .list, .dict:
            0...Int.max
        case .and, .or, .printf, .index, .slice, .append, .call: 1...Int.max
        case .join, .date, .tz: 2...2
        case .eq: 2...Int.max
        case .ne, .lt, .le, .gt, .ge, .label, .sortByLabel, .match: 2...2
        case .reReplaceAll: 3...3
        default: 1...1
        }
    }

    /// Whether an argument of `and` or `or` decides already.
    func isSettled(by value: TemplateValue) -> Bool {
        self == .and && !value.isTrue || self == .or && value.isTrue
    }

    func apply(
        _ arguments: [TemplateValue], in run: TemplateRun
    ) throws(RenderFailure) -> TemplateValue {
        guard arity.contains(arguments.count) else {
            throw RenderFailure(
                reason: "wrong number of args for \(rawValue): got \(arguments.count)")
        }
        let call = TemplateCall(function: self, arguments: arguments)
        switch self {
        case .and, .or: return arguments.last ?? .nothing
        case .not: return .bool(!arguments[0].isTrue)
        case .eq, .ne, .lt, .le, .gt, .ge: return .bool(try call.comparison())
        case .len, .index, .slice: return try call.collection()
        case .print, .printf, .println, .html, .js, .urlquery: return .string(try call.printing())
        case .query, .first, .label, .value, .strvalue, .sortByLabel:
            return try call.result(of: run.subject.surroundings)
        case .humanize, .humanize1024, .humanizePercentage, .humanizeDuration,
            .humanizeTimestamp, .toTime, .toDuration, .parseDuration:
            return try call.number()
        case .now: return run.now
        case .call:
            // No data of a template is a function.
            throw RenderFailure(
                reason: "error calling call: non-function of type \(arguments[0].typeName)")
        case .title where run.isNotification:
            return .string(try call.text(0).lowercased().titled)
        case .trimSpace, .join, .safeUrl, .urlUnescape, .stringSlice, .list, .append, .dict,
            .toJson, .date, .tz, .since, .base64encode, .base64decode:
            return try call.notifying(in: run)
        case .safeHtml where run.escapesHTML: return .safe(try call.text(0))
        case .externalURL: return .string(run.subject.surroundings.externalURL)
        case .pathPrefix: return .string(URLText.path(of: run.subject.surroundings.externalURL))
        case .args:
            return .map(
                Dictionary(
                    arguments.enumerated().map { ("arg\($0.offset)", $0.element) }
                ) { $1 })
        case .toUpper, .toLower, .title, .match, .reReplaceAll, .stripPort, .stripDomain,
            .safeHtml, .graphLink, .tableLink, .urlQueryEscape:
            return try call.textual()
        }
    }
}

/// A function with the arguments it is called with.
struct TemplateCall {
    let function: TemplateFunction
    let arguments: [TemplateValue]

    func text(_ place: Int) throws(RenderFailure) -> String {
        guard case .string(let text) = arguments[place] else {
            throw wrong(arguments[place], "string")
        }
        return text
    }

    /// A number, a text that is one, or a duration in seconds.
    func float(_ place: Int) throws(RenderFailure) -> Double {
        switch arguments[place] {
        case .number(let number): return number
        case .int(let number): return Double(number)
        case .duration(let nanoseconds): return Double(nanoseconds) / 1e9
        case .string(let text):
            guard let number = Double(text) else {
                throw RenderFailure(
                    reason: "error calling \(function.rawValue): \"\(text)\" is not a number")
            }
            return number
        case let value:
            throw RenderFailure(
                reason:
                    "error calling \(function.rawValue): can't convert \(value.typeName) to float")
        }
    }

    func wrong(_ value: TemplateValue, _ wanted: String) -> RenderFailure {
        RenderFailure(
            reason: "wrong type for value of \(function.rawValue); expected \(wanted); got "
                + value.typeName)
    }
}
