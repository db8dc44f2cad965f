/// Reads the text of a template.
struct TemplateReader {
    private let scalars: [Unicode.Scalar]
    private var index = 0

    init(_ source: String) { scalars = Array(source.unicodeScalars) }

    mutating func pieces() throws(TemplateError) -> [Template.Piece] {
        var pieces: [Template.Piece] = []
        var text = String.UnicodeScalarView()
        while index < scalars.count {
            guard starts(with: "{{") else {
                text.append(scalars[index])
                index += 1
                continue
            }
            if !text.isEmpty { pieces.append(.text(String(text))) }
            text.removeAll()
            index += 2
            pieces.append(.pipeline(try action()))
        }
        if !text.isEmpty { pieces.append(.text(String(text))) }
        return pieces
    }

    private enum Token: Equatable {
        case operand(TemplateOperand)
        case name(String)
        case pipe
        case end
    }

    /// What stands between `{{` and `}}`.
    private mutating func action() throws(TemplateError) -> Pipeline {
        var pipeline = Pipeline()
        var isFirst = true
        while true {
            let isLast = try stage(&pipeline, isFirst: isFirst)
            if isLast { return pipeline }
            isFirst = false
        }
    }

    /// One part of a pipeline; true if it was the last.
    private mutating func stage(
        _ pipeline: inout Pipeline, isFirst: Bool
    ) throws(TemplateError) -> Bool {
        switch try token() {
        case .operand(let operand):
            guard isFirst else { throw failure("a pipeline goes on with a function") }
            pipeline.operand = operand
            switch try token() {
            case .pipe: return false
            case .end: return true
            case .operand, .name: throw failure("a value takes no arguments")
            }
        case .name(let name):
            return try call(name, &pipeline)
        case .pipe: throw failure("nothing stands before |")
        case .end: throw failure(isFirst ? "{{ }} is empty" : "nothing stands after |")
        }
    }

    private mutating func call(
        _ name: String, _ pipeline: inout Pipeline
    ) throws(TemplateError) -> Bool {
        guard let function = TemplateFunction(rawValue: name) else {
            let known = TemplateFunction.allCases.map(\.rawValue).joined(separator: ", ")
            throw failure("\(name) is not supported; there are \(known)")
        }
        let piped = pipeline.calls.last.map { _ in false } ?? pipeline.operand?.isNumber
        var arguments: [TemplateOperand] = []
        while true {
            let token = try token()
            switch token {
            case .operand(let operand):
                arguments.append(operand)
                continue
            case .name(let name): throw failure("\(name) cannot be an argument")
            case .pipe, .end:
                let kinds = arguments.map(\.isNumber) + (piped.map { [$0] } ?? [])
                if let reason = function.refusal(arguments: arguments, areNumbers: kinds) {
                    throw failure(reason)
                }
                pipeline.calls.append(Pipeline.Call(function: function, arguments: arguments))
                return token == .end
            }
        }
    }

    private mutating func token() throws(TemplateError) -> Token {
        while index < scalars.count, scalars[index].properties.isWhitespace { index += 1 }
        guard index < scalars.count else { throw failure("{{ is not closed by }}") }
        if starts(with: "}}") {
            index += 2
            return .end
        }
        switch scalars[index] {
        case "|":
            index += 1
            return .pipe
        case "\"", "`": return .operand(.literal(.string(try string())))
        case "$", ".": return .operand(try reference())
        case "0"..."9", "+": return .operand(.literal(.number(try number())))
        case "-":
            // `-}}` trims the text that follows.
            guard index + 1 < scalars.count, scalars[index + 1].isWord else {
                throw failure("the trim marker -}} is not supported")
            }
            return .operand(.literal(.number(try number())))
        case let scalar where scalar.isWord: return .name(word())
        default: throw failure("\(scalars[index]) is not supported inside {{ }}")
        }
    }

    /// `$labels.name`, `$value`, `$externalURL` or the same as fields of the dot.
    private mutating func reference() throws(TemplateError) -> TemplateOperand {
        let start = index
        index += 1
        var path = [word()]
        while index < scalars.count, scalars[index] == "." {
            index += 1
            path.append(word())
        }
        switch (String(scalars[start]) + path[0], path.count) {
        case ("$labels", 2), (".Labels", 2):
            guard !path[1].isEmpty else { throw failure("a label name must follow the dot") }
            return .label(path[1])
        case ("$labels", 1), (".Labels", 1):
            throw failure("$labels without a label name is not supported; write $labels.name")
        case ("$value", 1), (".Value", 1): return .value
        case ("$externalURL", 1), (".ExternalURL", 1): return .externalURL
        default:
            let text = String(String.UnicodeScalarView(scalars[start..<index]))
            throw failure(
                "\(text) is not supported; there are $labels.name, $value and $externalURL")
        }
    }

    private mutating func string() throws(TemplateError) -> String {
        let quote = scalars[index]
        var text = String.UnicodeScalarView()
        index += 1
        while index < scalars.count {
            let scalar = scalars[index]
            index += 1
            if scalar == quote { return String(text) }
            guard scalar == "\\", quote == "\"" else {
                text.append(scalar)
                continue
            }
            guard index < scalars.count else { break }
            switch scalars[index] {
            case "n": text.append("\n")
            case "t": text.append("\t")
            case "\\", "\"": text.append(scalars[index])
            default: throw failure("\\\(scalars[index]) is not supported in a string")
            }
            index += 1
        }
        throw failure("a string is not closed")
    }

    private mutating func number() throws(TemplateError) -> Double {
        let start = index
        index += 1
        while index < scalars.count,
            scalars[index].isWord || "+-.".unicodeScalars.contains(scalars[index])
        {
            index += 1
        }
        let text = String(String.UnicodeScalarView(scalars[start..<index]))
        guard let number = Double(text), number.isFinite else {
            throw failure("\(text) is not a number")
        }
        return number
    }

    private mutating func word() -> String {
        let start = index
        while index < scalars.count, scalars[index].isWord { index += 1 }
        return String(String.UnicodeScalarView(scalars[start..<index]))
    }

    private func starts(with text: String) -> Bool {
        scalars[index...].starts(with: text.unicodeScalars)
    }

    private func failure(_ reason: String) -> TemplateError {
        let line = 1 + scalars[..<min(index, scalars.count)].count { $0 == "\n" }
        return TemplateError(line: line, reason: reason)
    }
}

extension Unicode.Scalar {
    /// Letters, digits and the underscore.
    var isWord: Bool { properties.isAlphabetic || properties.numericType != nil || self == "_" }
}
