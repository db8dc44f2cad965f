import Telemetry
import WireFormats

/// Reads a whole document: integers that fit are `.int`, other numbers `.double`.
func readDocument(_ text: [UInt8]) throws -> AttributeValue {
    try text.withUnsafeBytes { bytes in
        var reader = JSONReader(bytes)
        let value = try readValue(&reader)
        try reader.end()
        return value
    }
}

/// Skips a whole document and gives the bytes skipped.
@discardableResult
func skipDocument(_ text: [UInt8]) throws -> [UInt8] {
    try text.withUnsafeBytes { bytes in
        var reader = JSONReader(bytes)
        let skipped = Array(try reader.skipValue())
        try reader.end()
        return skipped
    }
}

private func readValue(_ reader: inout JSONReader) throws -> AttributeValue {
    switch try reader.peek() {
    case .string: return .string(String(decoding: try reader.string(), as: UTF8.self))
    case .bool: return .bool(try reader.bool())
    case .null:
        try reader.null()
        return .empty
    case .number:
        let number = try reader.number()
        if number.isInteger, let value = number.int64 { return .int(value) }
        return .double(number.double)
    case .array:
        var elements: [AttributeValue] = []
        try reader.beginArray()
        while try reader.nextElement() { elements.append(try readValue(&reader)) }
        return .array(elements)
    case .object:
        var members: [Attribute] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let name = String(decoding: key.bytes, as: UTF8.self)
            members.append(Attribute(name, try readValue(&reader)))
        }
        return .map(members)
    }
}

func trimmed(_ text: [UInt8]) -> [UInt8] {
    let isSpace = { (byte: UInt8) in [0x20, 0x0A, 0x0D, 0x09].contains(byte) }
    return Array(
        text.drop(while: isSpace).reversed().drop(while: isSpace).reversed() as [UInt8])
}

/// Writes random JSON documents and knows what they mean. SplitMix64.
struct JSONGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func document(isContainer: Bool = false) -> (text: [UInt8], value: AttributeValue) {
        var text: [UInt8] = []
        space(&text)
        let value = isContainer ? container(&text, depth: 0) : value(&text, depth: 0)
        space(&text)
        return (text, value)
    }

    /// A random decimal with up to 25 digits, a fraction and an exponent more often than not.
    mutating func decimal() -> String {
        var text = below(3) == 0 ? "-" : ""
        text += below(4) == 0 ? "0" : String(1 + below(9)) + digits(below(18))
        if below(3) > 0 { text += "." + digits(1 + below(8)) }
        if below(2) == 0 {
            text += ["e", "E"][below(2)] + ["", "+", "-"][below(3)]
            text += String(below(below(4) == 0 ? 330 : 30))
        }
        return text
    }

    private mutating func digits(_ count: Int) -> String {
        (0..<count).map { _ in String(below(10)) }.joined()
    }

    private mutating func value(_ text: inout [UInt8], depth: Int) -> AttributeValue {
        switch below(depth > 4 ? 6 : 9) {
        case 0: return literal("null", .empty, &text)
        case 1:
            return below(2) == 0
                ? literal("true", .bool(true), &text) : literal("false", .bool(false), &text)
        case 2:
            let number = Int64(bitPattern: next()) >> Int64(below(63))
            return literal(String(number), .int(number), &text)
        case 3:
            let json = decimal()
            if let whole = Int64(json), json != "-0" { return literal(json, .int(whole), &text) }
            return literal(json, json == "-0" ? .int(0) : .double(Double(json) ?? .nan), &text)
        case 4, 5: return .string(string(&text))
        default: return container(&text, depth: depth)
        }
    }

    private mutating func container(_ text: inout [UInt8], depth: Int) -> AttributeValue {
        let count = below(6)
        let isMap = below(2) == 0
        var elements: [AttributeValue] = []
        var members: [Attribute] = []
        text.append(isMap ? UInt8(ascii: "{") : UInt8(ascii: "["))
        space(&text)
        for index in 0..<count {
            if index > 0 {
                text.append(UInt8(ascii: ","))
                space(&text)
            }
            if isMap {
                let key = string(&text)
                space(&text)
                text.append(UInt8(ascii: ":"))
                space(&text)
                members.append(Attribute(key, value(&text, depth: depth + 1)))
            } else {
                elements.append(value(&text, depth: depth + 1))
            }
            space(&text)
        }
        text.append(isMap ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        return isMap ? .map(members) : .array(elements)
    }

    private mutating func string(_ text: inout [UInt8]) -> String {
        let scalars: [Unicode.Scalar] = [
            "a", "b", " ", "{", "]", ",", ":", "\"", "\\", "/", "\n", "\t", "\u{1}", "\u{7F}", "é",
            "€", "\u{FFFF}", "😀", "x", "0",
        ]
        var content = ""
        text.append(UInt8(ascii: "\""))
        for _ in 0..<below(below(8) == 0 ? 60 : 12) {
            let scalar = scalars[below(scalars.count)]
            content.unicodeScalars.append(scalar)
            let mustEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            if mustEscape || below(4) == 0 {
                for unit in String(scalar).utf16 {
                    let hex = String(unit, radix: 16, uppercase: below(2) == 0)
                    text +=
                        Array("\\u".utf8)
                        + Array(repeatElement(UInt8(ascii: "0"), count: 4 - hex.utf8.count))
                        + Array(hex.utf8)
                }
            } else {
                text += Array(String(scalar).utf8)
            }
        }
        text.append(UInt8(ascii: "\""))
        return content
    }

    private func literal(
        _ json: String, _ value: AttributeValue, _ text: inout [UInt8]
    ) -> AttributeValue {
        text += Array(json.utf8)
        return value
    }

    private mutating func space(_ text: inout [UInt8]) {
        for _ in 0..<max(0, below(6) - 3) { text.append([0x20, 0x0A, 0x0D, 0x09][below(4)]) }
    }
}
