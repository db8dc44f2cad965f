import Foundation
import Telemetry

/// Texts with escapes in lines of JSON: they hide from a reader of bytes what a reader of JSON sees.
enum JSONLiteral {
    /// Whether a text may be JSON that has escapes.
    static func mayStand(in text: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first(where: { $0 > 0x20 }),
            first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        else { return false }
        return text.contains(UInt8(ascii: "\\"))
    }

    /// What a literal with its quotation marks says; `nil` if it is none.
    static func text(of literal: String) -> String? {
        do {
            return try JSONDecoder().decode([String].self, from: Data("[\(literal)]".utf8)).first
        } catch {
            return nil
        }
    }

    /// - Parameter replacement: of what a literal with escapes says; `nil` leaves it.
    static func replacing(in line: String, _ replacement: (String) -> String?) -> String {
        let bytes = Array(line.utf8)
        guard bytes.withUnsafeBytes({ mayStand(in: $0) }) else { return line }
        var output: [UInt8] = []
        var copied = 0
        var start: Int?
        var hasEscapes = false
        var offset = 0
        while offset < bytes.count {
            defer { offset += 1 }
            guard let opened = start else {
                if bytes[offset] == UInt8(ascii: "\"") { (start, hasEscapes) = (offset, false) }
                continue
            }
            if bytes[offset] == UInt8(ascii: "\\") {
                hasEscapes = true
                offset += 1
            } else if bytes[offset] == UInt8(ascii: "\"") {
                start = nil
                guard hasEscapes else { continue }
                let literal = String(decoding: bytes[opened...offset], as: UTF8.self)
                guard let text = text(of: literal), let other = replacement(text) else { continue }
                output += bytes[copied..<opened]
                JSONText.append(string: other, to: &output)
                copied = offset + 1
            }
        }
        guard copied > 0 else { return line }
        return String(decoding: output + bytes[copied...], as: UTF8.self)
    }
}
