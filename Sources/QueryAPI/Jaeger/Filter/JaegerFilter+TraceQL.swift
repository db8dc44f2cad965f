import HTTPServer
import TraceQL

/// Filters as TraceQL, with the meaning that Jaeger gives the operators: of a value that is missing no
/// comparison holds, of several values one is enough, but for `ne` and `not_in`, which want a value and
/// none that matches.
extension JaegerFilter {
    /// A query for the spans of which the filter holds.
    /// - Throws: 400 for what makes no sense, 501 for what cannot be answered.
    func traceQL() throws(HTTPError) -> String { "{ \(try condition()) }" }

    private func condition() throws(HTTPError) -> String {
        guard case .call(let op, let arguments) = self else {
            throw Self.malformed("a condition is a call of an operator")
        }
        switch op {
        case "and", "or":
            guard arguments.count > 1 else { throw Self.malformed("\(op) joins two or more") }
            var conditions: [String] = []
            for argument in arguments { conditions.append("(\(try argument.condition()))") }
            return conditions.joined(separator: op == "and" ? " && " : " || ")
        case "not":
            guard arguments.count == 1 else { throw Self.malformed("not takes one condition") }
            return "!(\(try arguments[0].condition()))"
        case "some": return try Self.some(arguments)
        default: return try Self.leaf(op, arguments, ofOneElement: false)
        }
    }

    /// One condition on one element of a collection: TraceQL judges each condition on events or links by
    /// itself.
    private static func some(_ arguments: [JaegerFilter]) throws(HTTPError) -> String {
        guard arguments.count == 2, case .nested(let level) = arguments[0],
            case .call(let op, let inner) = arguments[1]
        else { throw malformed("some takes a collection and a condition") }
        if op == "or" {
            // One element for which either holds, or one for which the other does.
            var conditions: [String] = []
            for condition in inner {
                conditions.append("(\(try some([arguments[0], condition])))")
            }
            guard conditions.count > 1 else { throw malformed("or joins two or more") }
            return conditions.joined(separator: " || ")
        }
        guard !["and", "not", "some"].contains(op) else {
            throw unsupported("more than one condition on the same \(level.rawValue)")
        }
        for case .attribute(_, let other) in inner where other != level {
            throw malformed("the condition is not on the \(level.rawValue)")
        }
        for case .field(_, let other) in inner where other != level {
            throw malformed("the condition is not on the \(level.rawValue)")
        }
        return try leaf(op, inner, ofOneElement: true)
    }

    /// - Parameter ofOneElement: whether `ne` holds if it holds of one value.
    private static func leaf(
        _ op: String, _ arguments: [JaegerFilter], ofOneElement: Bool
    ) throws(HTTPError) -> String {
        if op == "exists" {
            guard arguments.count == 1, let reference = try JaegerFilterReference(arguments[0])
            else { throw malformed("exists takes a reference") }
            return reference.presence
        }
        guard arguments.count == 2 else { throw malformed("\(op) takes two operands") }
        guard let reference = try JaegerFilterReference(arguments[0]) else {
            guard let mirrored = comparisons[op]?.mirrored,
                try JaegerFilterReference(arguments[1]) != nil
            else { throw malformed("\(op) needs a reference to a value of the span") }
            return try leaf(mirrored, arguments.reversed(), ofOneElement: ofOneElement)
        }
        switch (op, arguments[1]) {
        case ("eq", .scalar(let text, let type)): return try reference.equal(to: text, type)
        case ("ne", .scalar(let text, let type)):
            return try reference.unequal(to: [text], type, ofOneElement)
        case ("in", .list(let texts, let type)): return try reference.among(texts, type)
        case ("not_in", .list(let texts, let type)):
            return try reference.unequal(to: texts, type, ofOneElement)
        case ("regex", .scalar(let pattern, _)): return try reference.matching(pattern)
        case ("phrase", .list(let words, let type)), ("fulltext", .list(let words, let type)):
            return try reference.holding(words, type, adjacent: op == "phrase")
        case (_, .scalar(let text, let type)):
            guard let sign = comparisons[op]?.sign, op != "eq", op != "ne" else { break }
            return try reference.ordered(sign, text, type)
        default:
            guard let sign = comparisons[op]?.sign,
                let other = try JaegerFilterReference(arguments[1])
            else { break }
            return reference.compared(sign, with: other)
        }
        throw malformed("there is no operator \"\(op)\" on such operands")
    }

    private static let comparisons: [String: (sign: String, mirrored: String)] = [
        "eq": ("=", "eq"), "ne": ("!=", "ne"), "gt": (">", "lt"), "lt": ("<", "gt"),
        "gte": (">=", "lte"), "lte": ("<=", "gte"),
    ]
}

extension JaegerFilterReference {
    fileprivate func each(_ condition: (_ field: String) -> String) -> String {
        fields.map(condition).joined(separator: " || ")
    }

    /// The value as TraceQL writes it: of an attribute without a type each that the text may stand for.
    private func literals(
        _ text: String, _ type: JaegerFilter.ConstantType?
    ) throws(HTTPError) -> [String] {
        func wrong(_ what: String) -> HTTPError {
            JaegerFilter.malformed("\"\(text)\" is no \(what)")
        }
        switch kind {
        case .text: return [TraceQLText.quote(text)]
        case .identifier: return [TraceQLText.quote(text.lowercased())]
        case .duration:
            guard let nanoseconds = TimeText.goDuration(text) else { throw wrong("duration") }
            return ["\(nanoseconds)ns"]
        case .status:
            let word = text.lowercased()
            guard ["ok", "error", "unset"].contains(word) else { throw wrong("status") }
            return [word]
        case .kind:
            let word = text.lowercased()
            guard word == "unspecified" || SpanKindWord.all.contains(word) else {
                throw wrong("span kind")
            }
            return [word]
        case .attribute: break
        }
        let number = Self.number(text)
        switch type {
        case .string: return [TraceQLText.quote(text)]
        case .bool:
            guard text == "true" || text == "false" else { throw wrong("bool") }
            return [text]
        case .int, .double:
            guard let number else { throw wrong("number") }
            return [number]
        case nil:
            let isFlag = text == "true" || text == "false"
            return [TraceQLText.quote(text)] + (number.map { [$0] } ?? (isFlag ? [text] : []))
        }
    }

    /// As TraceQL reads numbers.
    private static func number(_ text: String) -> String? {
        if let whole = Int64(text) { return whole == .min ? nil : "\(whole)" }
        guard let number = Double(text), number.isFinite else { return nil }
        return number.magnitude < 1e15 && number == number.rounded()
            ? "\(Int64(number)).0" : "\(number)"
    }

    fileprivate func equal(
        to text: String, _ type: JaegerFilter.ConstantType?
    ) throws(HTTPError) -> String {
        let values = try literals(text, type)
        return each { field in values.map { "\(field) = \($0)" }.joined(separator: " || ") }
    }

    fileprivate func among(
        _ texts: [String], _ type: JaegerFilter.ConstantType?
    ) throws(HTTPError) -> String {
        guard !texts.isEmpty else { throw JaegerFilter.malformed("a list is empty") }
        var conditions: [String] = []
        for text in texts { conditions.append(try equal(to: text, type)) }
        return conditions.joined(separator: " || ")
    }

    fileprivate func unequal(
        to texts: [String], _ type: JaegerFilter.ConstantType?, _ ofOneElement: Bool
    ) throws(HTTPError) -> String {
        let match = try among(texts, type)
        guard ofOneElement else { return "(\(presence)) && !(\(match))" }
        guard texts.count == 1, let value = try literals(texts[0], type).first else {
            throw JaegerFilter.unsupported("not_in on one element")
        }
        return each { "\($0) != \(value)" }
    }

    fileprivate func ordered(
        _ sign: String, _ text: String, _ type: JaegerFilter.ConstantType?
    ) throws(HTTPError) -> String {
        guard kind != .status, kind != .kind, type != .bool else {
            throw JaegerFilter.malformed("\(fields[0]) has no order")
        }
        // A number without a type is compared with numbers.
        let value = try literals(text, type).last ?? ""
        return each { "\($0) \(sign) \(value)" }
    }

    fileprivate func compared(_ sign: String, with other: JaegerFilterReference) -> String {
        each { field in other.each { "\(field) \(sign) \($0)" } }
    }

    /// A pattern that matches anywhere in the text.
    fileprivate func matching(_ pattern: String) throws(HTTPError) -> String {
        guard kind == .attribute || kind == .text || kind == .identifier else {
            throw JaegerFilter.malformed("\(fields[0]) is no text")
        }
        let anywhere = TraceQLText.quote("(?s:.*)(?:\(pattern))(?s:.*)")
        return each { "\($0) =~ \(anywhere)" }
    }

    /// Words whatever their case.
    fileprivate func holding(
        _ words: [String], _ type: JaegerFilter.ConstantType?, adjacent: Bool
    ) throws(HTTPError) -> String {
        guard kind == .attribute, type == nil || type == .string else {
            throw JaegerFilter.malformed("words are looked for in the texts of attributes")
        }
        guard !words.isEmpty,
            words.allSatisfy({ word in
                !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber }
            })
        else { throw JaegerFilter.malformed("a word is letters and digits") }
        let gap = "[^\\pL\\pN]"
        func pattern(_ text: String) -> String {
            TraceQLText.quote("(?is)(?:.*\(gap))?\(text)(?:\(gap).*)?")
        }
        let patterns =
            adjacent ? [pattern(words.joined(separator: gap + "+"))] : words.map(pattern)
        return each { field in
            "(" + patterns.map { "\(field) =~ \($0)" }.joined(separator: " && ") + ")"
        }
    }
}

/// The words of span kinds that TraceQL has.
private enum SpanKindWord {
    static let all = ["internal", "server", "client", "producer", "consumer"]
}
