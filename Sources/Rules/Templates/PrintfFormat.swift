/// A format of `printf`: text with `%.2f` and its like for numbers, `%s` for texts, `%v` for both and
/// `%%`.
struct PrintfFormat {
    private enum Piece {
        case text(String)
        /// A C conversion of a number.
        case number(String)
        case string
        case any
    }

    /// Width and precision beyond this have no use in a message.
    private static let widthMax = 100
    private var pieces: [Piece] = []

    init(_ format: String) throws(TemplateError) {
        var rest = Array(format.unicodeScalars)[...]
        var text = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            guard scalar == "%" else {
                text.append(scalar)
                continue
            }
            if rest.first == "%" {
                text.append("%")
                rest.removeFirst()
                continue
            }
            if !text.isEmpty { pieces.append(.text(String(text))) }
            text.removeAll()
            pieces.append(try PrintfFormat.verb(&rest))
        }
        if !text.isEmpty { pieces.append(.text(String(text))) }
    }

    private static func verb(
        _ rest: inout ArraySlice<Unicode.Scalar>
    ) throws(TemplateError) -> Piece {
        var conversion = "%"
        conversion += take(&rest) { "+-0 #".unicodeScalars.contains($0) }
        let width = take(&rest) { ("0"..."9").contains($0) }
        conversion += width
        var precision = ""
        if rest.first == "." {
            rest.removeFirst()
            precision = take(&rest) { ("0"..."9").contains($0) }
            conversion += "." + precision
        }
        let verb = rest.popFirst()
        let name = conversion + (verb.map { String($0) } ?? "")
        guard (Int(width) ?? 0) <= widthMax, (Int(precision) ?? 0) <= widthMax else {
            throw TemplateError(line: 1, reason: "\(name) is wider than \(widthMax)")
        }
        switch verb {
        case "f", "e", "g", "E", "G", "F": return .number(name)
        case "s" where conversion == "%": return .string
        case "v" where conversion == "%": return .any
        default:
            throw TemplateError(
                line: 1, reason: "\(name) is not supported in printf; there are %f, %e, %g, %s, %v")
        }
    }

    private static func take(
        _ rest: inout ArraySlice<Unicode.Scalar>, while accepts: (Unicode.Scalar) -> Bool
    ) -> String {
        let taken = rest.prefix(while: accepts)
        rest = rest.dropFirst(taken.count)
        return String(String.UnicodeScalarView(taken))
    }

    /// Whether arguments of these kinds fit.
    func check(areNumbers: [Bool]) throws(TemplateError) {
        var kinds = areNumbers[...]
        for piece in pieces {
            switch piece {
            case .text: continue
            case .any:
                guard kinds.popFirst() != nil else { throw missing }
            case .number(let conversion):
                guard let isNumber = kinds.popFirst() else { throw missing }
                guard isNumber else {
                    throw TemplateError(line: 1, reason: "\(conversion) needs a number, not a text")
                }
            case .string:
                guard let isNumber = kinds.popFirst() else { throw missing }
                guard !isNumber else {
                    throw TemplateError(line: 1, reason: "%s needs a text, not a number; write %v")
                }
            }
        }
        guard kinds.isEmpty else {
            throw TemplateError(line: 1, reason: "printf has more values than its format uses")
        }
    }

    private var missing: TemplateError {
        TemplateError(line: 1, reason: "printf has fewer values than its format uses")
    }

    func text(_ arguments: [TemplateValue]) throws(TemplateError) -> String {
        var arguments = arguments[...]
        var text = ""
        for piece in pieces {
            switch piece {
            case .text(let literal): text += literal
            case .number(let conversion):
                guard case .number(let number) = arguments.popFirst() else { throw missing }
                text += GoNumber.formatted(conversion, number)
            case .string, .any:
                guard let value = arguments.popFirst() else { throw missing }
                text += value.text
            }
        }
        return text
    }
}
