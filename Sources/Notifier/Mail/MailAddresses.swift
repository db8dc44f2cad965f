/// Lists of recipients as they stand in a header (RFC 5322, 3.4).
enum MailAddresses {
    /// The parts between commas that stand in no quotes, comment or angle brackets.
    static func split(_ list: String) -> [String] {
        var parts: [String] = []
        var part = ""
        var (isQuoted, isEscaped, isAngled) = (false, false, false)
        var comments = 0
        for character in list {
            if isEscaped {
                isEscaped = false
            } else if character == "\\", isQuoted || comments > 0 {
                isEscaped = true
            } else if isQuoted {
                isQuoted = character != "\""
            } else if comments > 0 {
                comments += character == "(" ? 1 : character == ")" ? -1 : 0
            } else {
                switch character {
                case "\"": isQuoted = true
                case "(": comments = 1
                case "<": isAngled = true
                case ">": isAngled = false
                case "," where !isAngled:
                    parts.append(part)
                    part = ""
                    continue
                default: break
                }
            }
            part.append(character)
        }
        parts.append(part)
        return parts.filter { !$0.allSatisfy(\.isWhitespace) }
    }
}
