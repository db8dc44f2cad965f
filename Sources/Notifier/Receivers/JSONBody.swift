import Telemetry

/// A JSON document that keeps the order of its members.
indirect enum JSONBody: Sendable {
    case text(String)
    case number(Int64)
    case fraction(Double)
    case flag(Bool)
    case null
    case list([JSONBody])
    case object([(String, JSONBody)])

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    /// Without the members that are empty texts or lists, as Go's `omitempty` has it.
    /// - Parameter kept: members that stay.
    static func filled(
        _ members: [(String, JSONBody)], keeping kept: Set<String> = []
    ) -> JSONBody {
        .object(
            members.filter { member in
                if kept.contains(member.0) { return true }
                return switch member.1 {
                case .text(let text): !text.isEmpty
                case .list(let elements): !elements.isEmpty
                case .object(let members): !members.isEmpty
                case .null: false
                case .number, .fraction, .flag: true
                }
            })
    }

    /// Texts by name, sorted.
    static func texts(_ texts: [String: String]) -> JSONBody {
        .object(texts.sorted { $0.key < $1.key }.map { ($0.key, .text($0.value)) })
    }

    private func append(to bytes: inout [UInt8]) {
        switch self {
        case .text(let text): JSONText.append(string: text, to: &bytes)
        case .number(let number): JSONText.append(number, to: &bytes)
        case .fraction(let number): JSONText.append(number, to: &bytes)
        case .flag(let flag): bytes += (flag ? "true" : "false").utf8
        case .null: bytes += "null".utf8
        case .list(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, (name, value)) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                JSONText.append(string: name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }
}
