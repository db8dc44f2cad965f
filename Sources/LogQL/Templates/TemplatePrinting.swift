import QueryCore

/// `print`, `println` and `printf` of Go's `fmt`.
enum TemplatePrinting {
    static func call(_ arguments: TemplateArguments) throws(ExpressionError) -> String {
        switch arguments.function {
        case .print: return joined(arguments.values)
        case .println: return arguments.values.map(\.printed).joined(separator: " ") + "\n"
        default:
            guard !arguments.values.isEmpty else {
                throw ExpressionError(reason: "wrong number of args for printf")
            }
            return format(try arguments.text(0), Array(arguments.values.dropFirst()))
        }
    }

    /// With a space between operands when neither is a text.
    static func joined(_ values: [TemplateValue]) -> String {
        var result = ""
        var previousIsText = true
        for value in values {
            var isText = false
            if case .text = value { isText = true }
            if !isText, !previousIsText { result += " " }
            result += value.printed
            previousIsText = isText
        }
        return result
    }

    /// Flags, width and precision of one verb.
    private struct Directive {
        var isLeft = false
        var hasPlus = false
        var hasZero = false
        var width = 0
        var precision: Int?
    }

    private static func format(_ text: String, _ values: [TemplateValue]) -> String {
        var result = ""
        var rest = text.unicodeScalars[...]
        var next = 0
        while let scalar = rest.popFirst() {
            guard scalar == "%" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            let directive = directive(&rest)
            guard let verb = rest.popFirst() else {
                result += "%!(NOVERB)"
                break
            }
            if verb == "%" {
                result += "%"
                continue
            }
            guard next < values.count else {
                result += "%!\(verb)(MISSING)"
                continue
            }
            result += padded(Self.verb(verb, values[next], directive), directive)
            next += 1
            if result.utf8.count > TemplateRun.outputBytesMax { break }
        }
        if next < values.count {
            let extra = values[next...].map { "\($0.typeName)=\($0.printed)" }
            result += "%!(EXTRA \(extra.joined(separator: ", ")))"
        }
        return result
    }

    private static func directive(
        _ rest: inout Substring.UnicodeScalarView
    ) -> Directive {
        var directive = Directive()
        while let flag = rest.first, "+-# 0".unicodeScalars.contains(flag) {
            if flag == "-" { directive.isLeft = true }
            if flag == "+" { directive.hasPlus = true }
            if flag == "0" { directive.hasZero = true }
            rest.removeFirst()
        }
        directive.width = number(&rest) ?? 0
        if rest.first == "." {
            rest.removeFirst()
            directive.precision = number(&rest) ?? 0
        }
        return directive
    }

    private static func number(_ rest: inout Substring.UnicodeScalarView) -> Int? {
        var number: Int?
        while let digit = rest.first, ("0"..."9").contains(digit) {
            number = min((number ?? 0) * 10 + Int(digit.value - 48), 10_000)
            rest.removeFirst()
        }
        return number
    }

    private static func verb(
        _ verb: Unicode.Scalar, _ value: TemplateValue, _ directive: Directive
    ) -> String {
        switch (verb, value) {
        case ("v", .int(let number)), ("d", .int(let number)):
            return (directive.hasPlus && number >= 0 ? "+" : "") + String(number)
        case ("v", _): return value.printed
        case ("s", .text(let text)):
            guard let precision = directive.precision else { return text }
            return String(String.UnicodeScalarView(text.unicodeScalars.prefix(precision)))
        case ("q", .text(let text)): return QuotedText.quote(text)
        case ("t", .bool): return value.printed
        case ("x", .int(let number)): return String(number, radix: 16)
        case ("X", .int(let number)): return String(number, radix: 16, uppercase: true)
        case ("o", .int(let number)): return String(number, radix: 8)
        case ("b", .int(let number)): return String(number, radix: 2)
        case ("c", .int(let number)):
            return UInt32(exactly: number).flatMap(Unicode.Scalar.init).map { String($0) }
                ?? "\u{FFFD}"
        case ("f", .float(let number)), ("F", .float(let number)):
            return (directive.hasPlus && number >= 0 ? "+" : "")
                + fixed(number, directive.precision ?? 6)
        case ("g", .float), ("e", .float): return value.printed
        case ("T", _): return value.typeName
        default: return "%!\(verb)(\(value.typeName)=\(value.printed))"
        }
    }

    /// With exactly `places` digits behind the point.
    static func fixed(_ number: Double, _ places: Int) -> String {
        guard number.isFinite, number.magnitude < 1e18, places <= 18 else {
            return TemplateValue.format(number)
        }
        var scale = UInt128(1)
        for _ in 0..<places { scale *= 10 }
        // Whole and fraction apart: the product of both may not be exact.
        let whole = number.magnitude.rounded(.towardZero)
        var fraction = UInt128(
            ((number.magnitude - whole) * Double(scale)).rounded(.toNearestOrEven))
        var units = UInt128(whole)
        if fraction >= scale {
            fraction -= scale
            units += 1
        }
        let sign = number < 0 || number.sign == .minus ? "-" : ""
        guard places > 0 else { return "\(sign)\(units)" }
        let digits = String(fraction)
        return "\(sign)\(units).\(String(repeating: "0", count: places - digits.count))\(digits)"
    }

    private static func padded(_ text: String, _ directive: Directive) -> String {
        let missing = directive.width - text.unicodeScalars.count
        guard missing > 0 else { return text }
        if directive.isLeft { return text + String(repeating: " ", count: missing) }
        guard directive.hasZero else { return String(repeating: " ", count: missing) + text }
        let zeros = String(repeating: "0", count: missing)
        if let sign = text.first, sign == "-" || sign == "+" {
            return String(sign) + zeros + text.dropFirst()
        }
        return zeros + text
    }
}
