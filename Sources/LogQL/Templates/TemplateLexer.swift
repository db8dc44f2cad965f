import QueryCore

/// What stands between `{{` and `}}`, and the text around it.
enum TemplateToken: Sendable, Equatable {
    case text([UInt8])
    case open
    case close
    case word(String)
    /// `.a.b`; the dot alone has no names.
    case field([String])
    case variable(String, [String])
    case string(String)
    case number(TemplateValue)
    case pipe
    case comma
    case declare
    case assign
    case leftParenthesis
    /// With the fields behind it: `(…).a`.
    case rightParenthesis([String])
}

struct TemplateLexer {
    private let bytes: [UInt8]
    private var position = 0
    private var tokens: [TemplateToken] = []
    /// The text before an action is trimmed, or that behind it.
    private var trimsNext = false

    private init(_ text: String) { bytes = Array(text.utf8) }

    static func tokens(of text: String) throws(ExpressionError) -> [TemplateToken] {
        var lexer = TemplateLexer(text)
        while lexer.position < lexer.bytes.count { try lexer.textThenAction() }
        return lexer.tokens
    }

    private mutating func textThenAction() throws(ExpressionError) {
        var end = position
        while end < bytes.count, !starts(with: "{{", at: end) { end += 1 }
        var text = bytes[position..<end]
        if trimsNext { text = text.drop(while: TemplateLexer.isSpace) }
        trimsNext = false
        position = min(end + 2, bytes.count)
        let trims =
            end < bytes.count && peek() == UInt8(ascii: "-")
            && TemplateLexer.isSpace(peek(1) ?? 0)
        if trims {
            position += 1
            while let last = text.last, TemplateLexer.isSpace(last) { text = text.dropLast() }
        }
        if !text.isEmpty { tokens.append(.text(Array(text))) }
        guard end < bytes.count else { return }
        if try comment() { return }
        tokens.append(.open)
        while try token() {}
        tokens.append(.close)
    }

    /// `/* … */` as the whole action.
    private mutating func comment() throws(ExpressionError) -> Bool {
        var start = position
        while start < bytes.count, TemplateLexer.isSpace(bytes[start]) { start += 1 }
        guard starts(with: "/*", at: start) else { return false }
        position = start + 2
        while position < bytes.count, !starts(with: "*/", at: position) { position += 1 }
        guard position < bytes.count else { throw ExpressionError(reason: "unclosed comment") }
        position += 2
        guard try end() else {
            throw ExpressionError(reason: "comment ends before closing delimiter")
        }
        return true
    }

    /// Takes `}}` or ` -}}` if it stands here.
    private mutating func end() throws(ExpressionError) -> Bool {
        while let byte = peek(), TemplateLexer.isSpace(byte) {
            position += 1
            if starts(with: "-}}", at: position) {
                position += 3
                trimsNext = true
                return true
            }
        }
        guard position < bytes.count else { throw ExpressionError(reason: "unclosed action") }
        guard starts(with: "}}", at: position) else { return false }
        position += 2
        return true
    }

    /// Whether there was another token in the action.
    private mutating func token() throws(ExpressionError) -> Bool {
        if try end() { return false }
        guard let byte = peek() else { throw ExpressionError(reason: "unclosed action") }
        switch byte {
        case UInt8(ascii: "|"): simple(.pipe)
        case UInt8(ascii: ","): simple(.comma)
        case UInt8(ascii: "("): simple(.leftParenthesis)
        case UInt8(ascii: ")"):
            position += 1
            tokens.append(.rightParenthesis(fields()))
        case UInt8(ascii: "="): simple(.assign)
        case UInt8(ascii: ":"):
            guard peek(1) == UInt8(ascii: "=") else {
                throw ExpressionError(reason: "expected :=")
            }
            position += 1
            simple(.declare)
        case UInt8(ascii: "\""), UInt8(ascii: "`"): try string()
        case UInt8(ascii: "'"): try character()
        case UInt8(ascii: "$"):
            position += 1
            let name = name()
            tokens.append(.variable(name, fields()))
        case UInt8(ascii: "."):
            if let next = peek(1), Lexer.isDigit(next) { return try number() }
            if let next = peek(1), Lexer.isAlpha(next) {
                tokens.append(.field(fields()))
            } else {
                simple(.field([]))
            }
        default:
            if Lexer.isAlpha(byte) {
                tokens.append(.word(name()))
            } else {
                return try number()
            }
        }
        return true
    }

    private mutating func simple(_ token: TemplateToken) {
        position += 1
        tokens.append(token)
    }

    private mutating func name() -> String {
        let start = position
        while let byte = peek(), Lexer.isAlpha(byte) || Lexer.isDigit(byte) || byte >= 0x80 {
            position += 1
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// `.a.b` that stands here.
    private mutating func fields() -> [String] {
        var names: [String] = []
        while peek() == UInt8(ascii: "."), let next = peek(1), Lexer.isAlpha(next) {
            position += 1
            names.append(name())
        }
        return names
    }

    private mutating func string() throws(ExpressionError) {
        do throws(QuotedText.Defect) {
            tokens.append(.string(try QuotedText.read(bytes, at: &position)))
        } catch {
            throw ExpressionError(reason: "unterminated quoted string")
        }
    }

    private mutating func character() throws(ExpressionError) {
        let rest = String(decoding: bytes[(position + 1)...].prefix(8), as: UTF8.self)
        guard let scalar = rest.unicodeScalars.first, scalar != "\\",
            rest.unicodeScalars.dropFirst().first == "'"
        else { throw ExpressionError(reason: "unterminated character constant") }
        position += 2 + String(Character(scalar)).utf8.count
        tokens.append(.number(.int(Int64(scalar.value))))
    }

    private mutating func number() throws(ExpressionError) -> Bool {
        let start = position
        if let sign = peek(), sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            position += 1
        }
        while let byte = peek(), Lexer.isDigit(byte) || Lexer.isAlpha(byte) || byte == 0x2E {
            position += 1
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        let digits = text.hasPrefix("+") ? String(text.dropFirst()) : text
        if let whole = Int64(digits) {
            tokens.append(.number(.int(whole)))
        } else if digits.hasPrefix("0x"), let whole = Int64(digits.dropFirst(2), radix: 16) {
            tokens.append(.number(.int(whole)))
        } else if let number = Double(digits), number.isFinite {
            tokens.append(.number(.float(number)))
        } else {
            let shown = text.isEmpty ? peek().map { String(Unicode.Scalar($0)) } ?? "" : text
            throw ExpressionError(reason: "unexpected \"\(shown)\" in an action")
        }
        return true
    }

    private func peek(_ ahead: Int = 0) -> UInt8? {
        position + ahead < bytes.count ? bytes[position + ahead] : nil
    }

    private func starts(with text: StaticString, at place: Int) -> Bool {
        guard place + text.utf8CodeUnitCount <= bytes.count else { return false }
        return text.withUTF8Buffer { bytes[place..<(place + $0.count)].elementsEqual($0) }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}
