/// Cuts a template into tokens.
struct TemplateLexer {
    enum Token: Sendable, Hashable {
        case text(String)
        /// `{{` and `}}`.
        case open, close
        /// A word: a function, a keyword.
        case word(String)
        /// `$name`, with its dollar sign.
        case variable(String)
        /// `.Name` that follows a value directly, or stands by itself.
        case field(String)
        case dot
        case string(String)
        case integer(Int64)
        case number(Double)
        case pipe, comma, declare, assign, leftParenthesis, rightParenthesis
        case space
    }

    /// With the line of the template on which each stands.
    static func tokens(of source: String) throws(TemplateError) -> [(token: Token, line: Int)] {
        var lexer = TemplateLexer(source)
        try lexer.run()
        return lexer.tokens
    }

    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var line = 1
    private var tokens: [(token: Token, line: Int)] = []

    private init(_ source: String) { scalars = Array(source.unicodeScalars) }

    private mutating func run() throws(TemplateError) {
        var trimsStart = false
        while index < scalars.count {
            text(trimsStart: trimsStart)
            guard index < scalars.count else { return }
            index += 2
            if starts(with: "-"), index + 1 < scalars.count, scalars[index + 1].isTemplateSpace {
                index += 1
            }
            skipSpace()
            if starts(with: "/*") {
                trimsStart = try comment()
                continue
            }
            append(.open)
            trimsStart = try action()
        }
    }

    /// Text up to the next action, without white space where a marker asks for that.
    private mutating func text(trimsStart: Bool) {
        let start = index
        while index < scalars.count, !starts(with: "{{") { index += 1 }
        var text = scalars[start..<index]
        let startLine = line
        line += text.count { $0 == "\n" }
        if trimsStart { text = text.drop(while: \.isTemplateSpace) }
        let trimsEnd =
            index + 3 < scalars.count && scalars[index + 2] == "-"
            && scalars[index + 3].isTemplateSpace
        if trimsEnd {
            while text.last?.isTemplateSpace == true { text.removeLast() }
        }
        guard !text.isEmpty else { return }
        tokens.append((.text(String(String.UnicodeScalarView(text))), startLine))
    }

    /// Returns whether the text that follows loses its white space.
    private mutating func comment() throws(TemplateError) -> Bool {
        while index < scalars.count, !starts(with: "*/") { advance() }
        guard index < scalars.count else { throw failure("unclosed comment") }
        index += 2
        let isTrimmed = closesTrimmed()
        if isTrimmed { while !starts(with: "-") { advance() } }
        if isTrimmed { index += 1 }
        guard starts(with: "}}") else { throw failure("comment ends before closing delimiter") }
        index += 2
        return isTrimmed
    }

    /// What stands between the braces; returns whether the text that follows loses its white space.
    private mutating func action() throws(TemplateError) -> Bool {
        while index < scalars.count {
            if closesTrimmed() {
                while !starts(with: "-") { advance() }
                index += 3
                append(.close)
                return true
            }
            if starts(with: "}}") {
                index += 2
                append(.close)
                return false
            }
            try token()
        }
        throw failure("{{ is not closed by }}: unclosed action")
    }

    /// Whether white space and `-}}` come next.
    private func closesTrimmed() -> Bool {
        var place = index
        while place < scalars.count, scalars[place].isTemplateSpace { place += 1 }
        return place > index && scalars[place...].starts(with: "-}}".unicodeScalars)
    }

    private mutating func token() throws(TemplateError) {
        let scalar = scalars[index]
        if scalar.isTemplateSpace {
            skipSpace()
            return append(.space)
        }
        switch scalar {
        case "|": single(.pipe)
        case ",": single(.comma)
        case "(": single(.leftParenthesis)
        case ")": single(.rightParenthesis)
        case "=": single(.assign)
        case ":" where starts(with: ":="):
            index += 2
            append(.declare)
        case "\"": append(.string(try quoted()))
        case "`": append(.string(try raw()))
        case "'": append(.integer(try character()))
        case "$":
            index += 1
            append(.variable("$" + word()))
        case ".":
            if index + 1 < scalars.count, ("0"..."9").contains(scalars[index + 1]) {
                return append(try number())
            }
            index += 1
            let name = word()
            append(name.isEmpty ? .dot : .field(name))
        case "0"..."9", "+", "-": append(try number())
        default:
            let name = word()
            guard !name.isEmpty else { throw failure("unexpected \(scalar) in an action") }
            append(.word(name))
        }
    }

    // MARK: Literals

    private mutating func quoted() throws(TemplateError) -> String {
        var text = String.UnicodeScalarView()
        index += 1
        while index < scalars.count, scalars[index] != "\n" {
            let scalar = scalars[index]
            index += 1
            if scalar == "\"" { return String(text) }
            text.append(scalar == "\\" ? try escaped() : scalar)
        }
        throw failure("unterminated quoted string: it is not closed")
    }

    /// What stands after a backslash.
    private mutating func escaped() throws(TemplateError) -> Unicode.Scalar {
        guard index < scalars.count else { throw failure("unterminated quoted string") }
        let scalar = scalars[index]
        index += 1
        switch scalar {
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "a": return "\u{7}"
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "v": return "\u{B}"
        case "\\", "\"", "'": return scalar
        case "x", "u", "U":
            let length = scalar == "x" ? 2 : scalar == "u" ? 4 : 8
            let digits = scalars[index...].prefix(length)
            guard digits.count == length,
                let code = UInt32(String(String.UnicodeScalarView(digits)), radix: 16),
                let value = Unicode.Scalar(code)
            else { throw failure("invalid escape \\\(scalar) in a string") }
            index += length
            return value
        default: throw failure("\\\(scalar) is not supported in a string")
        }
    }

    private mutating func raw() throws(TemplateError) -> String {
        index += 1
        let start = index
        while index < scalars.count, scalars[index] != "`" { advance() }
        guard index < scalars.count else {
            throw failure("unterminated raw quoted string: it is not closed")
        }
        index += 1
        return String(String.UnicodeScalarView(scalars[start..<(index - 1)]))
    }

    private mutating func character() throws(TemplateError) -> Int64 {
        index += 1
        guard index < scalars.count else { throw failure("unterminated character constant") }
        var scalar = scalars[index]
        index += 1
        if scalar == "\\" { scalar = try escaped() }
        guard starts(with: "'") else { throw failure("unterminated character constant") }
        index += 1
        return Int64(scalar.value)
    }

    private mutating func number() throws(TemplateError) -> Token {
        let start = index
        index += 1
        while index < scalars.count {
            let isExponentSign =
                "+-".unicodeScalars.contains(scalars[index])
                && "eE".unicodeScalars.contains(scalars[index - 1])
            guard scalars[index].isWord || scalars[index] == "." || isExponentSign else { break }
            index += 1
        }
        let text = String(String.UnicodeScalarView(scalars[start..<index]).filter { $0 != "_" })
        if let integer = Int64(text) { return .integer(integer) }
        if text.hasPrefix("0x"), let integer = Int64(text.dropFirst(2), radix: 16) {
            return .integer(integer)
        }
        guard let number = Double(text), number.isFinite, text.contains(where: \.isNumber) else {
            throw failure("\(text) is not a number")
        }
        return .number(number)
    }

    // MARK: Scalars

    private mutating func single(_ token: Token) {
        index += 1
        append(token)
    }

    private mutating func append(_ token: Token) { tokens.append((token, line)) }

    private mutating func advance() {
        if scalars[index] == "\n" { line += 1 }
        index += 1
    }

    private mutating func skipSpace() {
        while index < scalars.count, scalars[index].isTemplateSpace { advance() }
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
        TemplateError(line: line, reason: reason)
    }
}

extension Unicode.Scalar {
    /// Letters, digits and the underscore.
    var isWord: Bool { properties.isAlphabetic || properties.numericType != nil || self == "_" }
    /// What Go's templates take for white space.
    var isTemplateSpace: Bool { self == " " || self == "\t" || self == "\r" || self == "\n" }
}
