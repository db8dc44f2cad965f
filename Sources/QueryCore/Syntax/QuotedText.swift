/// String literals of the query languages: Go's escapes in quotes, none in backquotes.
package enum QuotedText {
    /// Double-quoted, so that the lexer reads the same text again.
    package static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\r": quoted += "\\r"
            case let control where control.value < 0x20 || control.value == 0x7F:
                let digits = String(control.value, radix: 16)
                quoted += "\\x" + (digits.count < 2 ? "0" : "") + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Whether `name` can be written without quotes as a label name.
    package static func isPlainLabelName(_ name: String) -> Bool {
        isPlain(name, allowsColon: false)
    }

    /// Whether `name` can be written without quotes as a metric name.
    package static func isPlainMetricName(_ name: String) -> Bool {
        isPlain(name, allowsColon: true)
    }

    private static func isPlain(_ name: String, allowsColon: Bool) -> Bool {
        guard !name.isEmpty else { return false }
        for (index, byte) in name.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "_"):
                continue
            case UInt8(ascii: "0")...UInt8(ascii: "9"): if index == 0 { return false }
            case UInt8(ascii: ":"): if !allowsColon { return false }
            default: return false
            }
        }
        return true
    }
}
