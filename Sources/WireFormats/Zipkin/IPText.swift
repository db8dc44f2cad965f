/// Tells what may be an IP address in text.
enum IPText {
    /// Four numbers up to 255 with dots between them.
    static func isIPv4(_ text: UnsafeRawBufferPointer) -> Bool {
        var parts = 1
        var digits = 0
        var number = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits += 1
                number = number * 10 + Int(byte - UInt8(ascii: "0"))
                guard digits <= 3, number <= 255 else { return false }
            case UInt8(ascii: "."):
                guard digits > 0 else { return false }
                (parts, digits, number) = (parts + 1, 0, 0)
            default: return false
            }
        }
        return parts == 4 && digits > 0
    }

    /// Groups of up to four hexadecimal digits with colons between them, at most eight, the last perhaps an
    /// IPv4 address. How often `::` stands is not looked at.
    static func isIPv6(_ text: UnsafeRawBufferPointer) -> Bool {
        var colons = 0
        var digits = 0
        for (index, byte) in text.enumerated() {
            switch byte {
            case UInt8(ascii: ":"): (colons, digits) = (colons + 1, 0)
            case UInt8(ascii: "."):
                let start = index - digits
                return colons >= 2 && isIPv4(UnsafeRawBufferPointer(rebasing: text[start...]))
            default:
                guard HexText.isDigit(byte), digits < 4 else { return false }
                digits += 1
            }
        }
        return 2...8 ~= colons
    }
}
