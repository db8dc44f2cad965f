import PromQL
import QueryCore

/// Go's `fmt.Sprintf` for the values that templates have. What does not fit is said in the text, as in
/// Go: `%!d(float64=0.5)`.
struct GoFormat {
    /// Width and precision beyond this have no use in a message.
    private static let widthMax = 1_000

    /// A verb with its flags.
    private struct Verb {
        var flags = ""
        var width: Int?
        var precision: Int?
        var letter: Unicode.Scalar

        /// The conversion of C that Go's equals, for one number.
        func conversion(_ letter: Unicode.Scalar) -> String {
            "%" + flags + (width.map { String($0) } ?? "") + (precision.map { ".\($0)" } ?? "")
                + String(letter)
        }
    }

    static func text(_ format: String, _ arguments: [TemplateValue]) -> String {
        var rest = Array(format.unicodeScalars)[...]
        var values = arguments[...]
        var text = ""
        var plain = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            guard scalar == "%" else {
                plain.append(scalar)
                continue
            }
            text += String(plain)
            plain.removeAll()
            guard let verb = verb(&rest, &values) else {
                text += "%!(NOVERB)"
                break
            }
            if verb.letter == "%" {
                text += "%"
            } else if let value = values.popFirst() {
                text += self.text(verb, value)
            } else {
                text += "%!\(verb.letter)(MISSING)"
            }
        }
        text += String(plain)
        guard !values.isEmpty else { return text }
        let extra = values.map { "\($0.typeName)=\($0.text)" }.joined(separator: ", ")
        return text + "%!(EXTRA \(extra))"
    }

    /// What stands behind a percent sign.
    private static func verb(
        _ rest: inout ArraySlice<Unicode.Scalar>, _ values: inout ArraySlice<TemplateValue>
    ) -> Verb? {
        let flags = rest.prefix { "+-0 #".unicodeScalars.contains($0) }
        rest = rest.dropFirst(flags.count)
        let width = number(&rest, &values)
        var precision: Int?
        if rest.first == "." {
            rest.removeFirst()
            precision = number(&rest, &values) ?? 0
        }
        guard let letter = rest.popFirst() else { return nil }
        return Verb(
            flags: String(String.UnicodeScalarView(flags)), width: width, precision: precision,
            letter: letter)
    }

    /// Digits, or a star for the next value.
    private static func number(
        _ rest: inout ArraySlice<Unicode.Scalar>, _ values: inout ArraySlice<TemplateValue>
    ) -> Int? {
        if rest.first == "*" {
            rest.removeFirst()
            guard case .int(let number)? = values.popFirst() else { return nil }
            return min(max(0, Int(clamping: number)), widthMax)
        }
        let digits = rest.prefix { ("0"..."9").contains($0) }
        rest = rest.dropFirst(digits.count)
        return Int(String(String.UnicodeScalarView(digits))).map { min($0, widthMax) }
    }

    private static func text(_ verb: Verb, _ value: TemplateValue) -> String {
        switch (verb.letter, value) {
        case ("f", .number(let number)), ("F", .number(let number)), ("e", .number(let number)),
            ("E", .number(let number)), ("g", .number(let number)), ("G", .number(let number)):
            return float(verb, number)
        case ("d", .int(let number)), ("d", .duration(let number)):
            return padded(sign(verb, number) + String(number.magnitude), verb, isNumber: true)
        case ("x", .int(let number)), ("X", .int(let number)), ("o", .int(let number)),
            ("b", .int(let number)):
            let radix = verb.letter == "o" ? 8 : verb.letter == "b" ? 2 : 16
            let digits = String(
                number.magnitude, radix: radix, uppercase: verb.letter == "X")
            return padded(sign(verb, number) + digits, verb, isNumber: true)
        case ("c", .int(let number)):
            let scalar = UInt32(exactly: number).flatMap { Unicode.Scalar($0) } ?? "\u{FFFD}"
            return padded(String(Character(scalar)), verb)
        case ("U", .int(let number)):
            let digits = String(UInt64(bitPattern: number), radix: 16, uppercase: true)
            let zeros = String(repeating: "0", count: max(0, 4 - digits.count))
            return padded("U+\(zeros)\(digits)", verb)
        case ("q", .string(let text)): return padded(QuotedText.quote(text), verb)
        case ("x", .string(let text)), ("X", .string(let text)):
            let digits = text.utf8.map { byte in
                let pair = String(byte, radix: 16, uppercase: verb.letter == "X")
                return pair.count < 2 ? "0" + pair : pair
            }
            return padded(digits.joined(), verb)
        case ("t", .bool): return padded(value.text, verb)
        case ("T", _): return padded(value.typeName, verb)
        case ("v", .number(let number)) where verb.precision != nil || verb.flags.contains("+"):
            var verb = verb
            verb.letter = "g"
            return float(verb, number)
        case ("s", .number), ("s", .int), ("s", .bool): break
        case ("v", .number), ("v", .int): return padded(value.text, verb, isNumber: true)
        case ("v", _), ("s", _):
            let text = verb.precision.map { String(value.text.prefix($0)) } ?? value.text
            return padded(text, verb)
        default: break
        }
        return "%!\(verb.letter)(\(value.typeName)=\(value.text))"
    }

    private static func sign(_ verb: Verb, _ number: Int64) -> String {
        number < 0 ? "-" : verb.flags.contains("+") ? "+" : verb.flags.contains(" ") ? " " : ""
    }

    /// `%g` without a precision has the fewest digits that read back; else Go's agree with C's.
    private static func float(_ verb: Verb, _ number: Double) -> String {
        let isShortest = verb.precision == nil && (verb.letter == "g" || verb.letter == "G")
        guard isShortest || !number.isFinite else {
            let letter = verb.letter == "F" ? "f" : verb.letter
            return GoNumber.formatted(verb.conversion(letter), number)
        }
        var text = GoNumber.shortest(number)
        if text.hasPrefix("+"), !verb.flags.contains("+") { text.removeFirst() }
        if number.isInfinite, number > 0 { text = "+Inf" }
        return padded(
            verb.letter == "G" ? text.uppercased() : text, verb, isNumber: number.isFinite)
    }

    private static func padded(_ text: String, _ verb: Verb, isNumber: Bool = false) -> String {
        let missing = (verb.width ?? 0) - text.count
        guard missing > 0 else { return text }
        if verb.flags.contains("-") { return text + String(repeating: " ", count: missing) }
        guard verb.flags.contains("0"), isNumber else {
            return String(repeating: " ", count: missing) + text
        }
        let sign = text.prefix { "+- ".contains($0) }
        return sign + String(repeating: "0", count: missing) + text.dropFirst(sign.count)
    }
}
