import Foundation
import Telemetry

/// A mail in the form in which it travels (RFC 5322, MIME of RFC 2045 and 2047): UTF-8 in quoted-printable,
/// as text, HTML or both.
struct MailMessage: Sendable {
    /// In order; values as plain text.
    var headers: [(name: String, value: String)]
    var text: String
    var html: String
    /// Unlike anything in the parts.
    var boundary: String

    /// With CRLF at the ends of lines.
    var bytes: [UInt8] {
        var lines = headers.map { "\($0.name): \(Self.encoded($0.value))" }
        lines.append("MIME-Version: 1.0")
        lines.append("Content-Type: multipart/alternative;  boundary=\(boundary)")
        lines.append("")
        for (type, content) in [("text/plain", text), ("text/html", html)] where !content.isEmpty {
            lines.append("--\(boundary)")
            lines.append("Content-Transfer-Encoding: quoted-printable")
            lines.append("Content-Type: \(type); charset=UTF-8")
            lines.append("")
            lines.append(Self.quotedPrintable(content))
        }
        lines.append("--\(boundary)--")
        lines.append("")
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    /// A header's value: what is not ASCII as encoded words; line ends cannot begin another header.
    static func encoded(_ value: String) -> String {
        let line = String(
            value.unicodeScalars.map { $0.value < 32 ? " " : Character($0) })
        guard line.utf8.contains(where: { $0 > 126 }) else { return line }
        // 75 characters a word at most: 45 bytes make 60.
        var words: [String] = []
        var word: [UInt8] = []
        for character in line {
            let bytes = Array(String(character).utf8)
            if word.count + bytes.count > 45 {
                words.append("=?UTF-8?b?\(Data(word).base64EncodedString())?=")
                word = []
            }
            word += bytes
        }
        words.append("=?UTF-8?b?\(Data(word).base64EncodedString())?=")
        return words.joined(separator: "\r\n ")
    }

    /// Lines of at most 76 characters (RFC 2045, 6.7).
    static func quotedPrintable(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return lines.map { source -> String in
            let line = source.last == UInt8(ascii: "\r") ? source.dropLast() : source
            var output: [UInt8] = []
            var width = 0
            for (offset, byte) in line.enumerated() {
                let isLast = offset == line.count - 1
                let isPlain =
                    byte != UInt8(ascii: "=") && (33...126).contains(byte)
                    || (byte == 32 || byte == 9) && !isLast
                let unit = isPlain ? [byte] : [61, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                if width + unit.count > 75 {
                    output += "=\r\n".utf8
                    width = 0
                }
                output += unit
                width += unit.count
            }
            return String(decoding: output, as: UTF8.self)
        }.joined(separator: "\r\n")
    }

    /// `Sat, 21 Nov 2026 20:40:00 +0000`.
    static func date(_ time: Timestamp) -> String {
        let full = RFC3339.string(time)
        let numbers = full.split { !$0.isNumber }.map(String.init)
        guard numbers.count >= 6, let month = Int(numbers[1]) else { return full }
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let days = Int(time.seconds / 86_400)
        return "\(weekdays[(days % 7 + 7) % 7]), \(numbers[2]) \(months[(month + 11) % 12]) "
            + "\(numbers[0]) \(numbers[3]):\(numbers[4]):\(numbers[5]) +0000"
    }
}
