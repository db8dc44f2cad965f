/// `html`, `js` and `urlquery` of Go's `text/template`: what is printed of the arguments, made safe for the
/// place where it shall stand.
enum TemplateEscapes {
    static func call(_ arguments: TemplateArguments) -> String {
        let text = TemplatePrinting.joined(arguments.values)
        switch arguments.function {
        case .html: return html(text)
        case .js: return script(text)
        default:
            return String(decoding: TemplateCodings.escape(Array(text.utf8)), as: UTF8.self)
        }
    }

    private static func html(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "&#34;"
            case "'": result += "&#39;"
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\0": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func script(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\", "'", "\"": result += "\\\(scalar)"
            case "<", ">", "&", "=": result += escaped(scalar)
            case _ where isPrintable(scalar): result.unicodeScalars.append(scalar)
            default: result += escaped(scalar)
            }
        }
        return result
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar != " " else { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator,
            .lineSeparator, .paragraphSeparator:
            return false
        default: return true
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
