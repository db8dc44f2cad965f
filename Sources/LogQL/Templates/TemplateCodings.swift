import QueryCore
import Telemetry

/// Base64 (RFC 4648) and the query coding of URLs.
enum TemplateCodings {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func call(_ arguments: TemplateArguments) throws(ExpressionError) -> TemplateValue {
        try arguments.count(1)
        let text = Array(try arguments.text(0).utf8)
        switch arguments.function {
        case .b64enc: return .text(String(decoding: encode(text), as: UTF8.self))
        case .b64dec:
            guard let bytes = decode(text) else {
                return .text("illegal base64 data")
            }
            return .text(String(decoding: bytes, as: UTF8.self))
        case .urlencode: return .text(String(decoding: escape(text), as: UTF8.self))
        default:
            guard let bytes = unescape(text) else {
                throw ExpressionError(reason: "invalid URL escape")
            }
            return .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    private static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            word <<= UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let index = Int(word >> UInt32(18 - 6 * place) & 63)
                result.append(place <= group.count ? alphabet[index] : UInt8(ascii: "="))
            }
        }
        return result
    }

    private static func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        let content = text.prefix { $0 != UInt8(ascii: "=") }
        guard text.count - content.count <= 2,
            text[content.count...].allSatisfy({ $0 == UInt8(ascii: "=") })
        else { return nil }
        var result: [UInt8] = []
        var word: UInt32 = 0
        var bits: UInt32 = 0
        for byte in content {
            guard let value = alphabet.firstIndex(of: byte) else { return nil }
            word = word << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(truncatingIfNeeded: word >> bits))
                word &= (1 << bits) - 1
            }
        }
        return result
    }

    static func escape(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "~"): result.append(byte)
            case UInt8(ascii: " "): result.append(UInt8(ascii: "+"))
            case _ where Lexer.isAlpha(byte) || Lexer.isDigit(byte): result.append(byte)
            default:
                result.append(UInt8(ascii: "%"))
                let digits = Array("0123456789ABCDEF".utf8)
                result += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return result
    }

    private static func unescape(_ bytes: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+") {
                result.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap({ HexDigits.nibble($0 | 0x20) }),
                    let low = rest.popFirst().flatMap({ HexDigits.nibble($0 | 0x20) })
                else { return nil }
                result.append(high << 4 | low)
            } else {
                result.append(byte)
            }
        }
        return result
    }
}
