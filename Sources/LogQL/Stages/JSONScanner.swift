import QueryCore
import Telemetry

/// Walks JSON (RFC 8259) value by value without building anything.
struct JSONScanner {
    /// Objects and arrays within each other: each takes stack.
    private static let depthMax = 64

    let text: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    /// A value as it stands in the text.
    enum Value {
        /// What stands between its quotes.
        case string(Range<Int>, hasEscapes: Bool)
        /// A number, `true` or `false`.
        case scalar(Range<Int>)
        case null
        case array(Range<Int>)
        case object(Range<Int>)
    }

    mutating func skipSpace() {
        while offset < text.count {
            let byte = text[offset]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            offset += 1
        }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard offset < text.count, text[offset] == byte else { return false }
        offset += 1
        return true
    }

    /// The value that begins here; `nil` if there is none or it is malformed.
    mutating func value(depth: Int = 0) -> Value? {
        skipSpace()
        guard depth < JSONScanner.depthMax, offset < text.count else { return nil }
        let start = offset
        switch text[offset] {
        case UInt8(ascii: "{"):
            let isWhole = members(depth: depth) { _, _, _ in }
            return isWhole ? .object(start..<offset) : nil
        case UInt8(ascii: "["):
            let isWhole = elements(depth: depth) { _, _ in }
            return isWhole ? .array(start..<offset) : nil
        case UInt8(ascii: "\""):
            guard let string = string() else { return nil }
            return .string(string.range, hasEscapes: string.hasEscapes)
        default: return scalar()
        }
    }

    /// Visits the members of the object that begins here.
    /// - Returns: whether it was well formed.
    mutating func members(
        depth: Int = 0,
        _ body: (_ key: Range<Int>, _ keyHasEscapes: Bool, _ value: Value) -> Void
    ) -> Bool {
        guard take(UInt8(ascii: "{")) else { return false }
        if take(UInt8(ascii: "}")) { return true }
        while true {
            skipSpace()
            guard let key = string(), take(UInt8(ascii: ":")), let value = value(depth: depth + 1)
            else { return false }
            body(key.range, key.hasEscapes, value)
            if take(UInt8(ascii: "}")) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
        }
    }

    /// Visits the elements of the array that begins here.
    mutating func elements(
        depth: Int = 0, _ body: (_ index: Int, _ value: Value) -> Void
    ) -> Bool {
        guard take(UInt8(ascii: "[")) else { return false }
        if take(UInt8(ascii: "]")) { return true }
        var index = 0
        while true {
            guard let value = value(depth: depth + 1) else { return false }
            body(index, value)
            index += 1
            if take(UInt8(ascii: "]")) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
        }
    }

    /// The byte that is next; 0 behind the text's end.
    var next: UInt8 { offset < text.count ? text[offset] : 0 }

    /// What stands between the quotes of the string that begins here.
    mutating func string() -> (range: Range<Int>, hasEscapes: Bool)? {
        guard offset < text.count, text[offset] == UInt8(ascii: "\"") else { return nil }
        offset += 1
        let start = offset
        var hasEscapes = false
        while offset < text.count {
            offset = JSONText.firstEscape(in: text, from: offset)
            guard offset < text.count else { return nil }
            let byte = text[offset]
            offset += 1
            if byte == UInt8(ascii: "\"") { return (start..<(offset - 1), hasEscapes) }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                offset += 1
            }
        }
        return nil
    }

    /// Moves past the array that begins here, whatever stands in it.
    /// - Returns: whether it ends.
    mutating func skipArray() -> Bool {
        var depth = 0
        while offset < text.count {
            switch text[offset] {
            case UInt8(ascii: "\""):
                guard string() != nil else { return false }
                continue
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
            offset += 1
            if depth == 0 { return true }
        }
        return false
    }

    /// The number, `true`, `false` or `null` that begins here.
    mutating func scalar() -> Value? {
        let start = offset
        while offset < text.count, JSONScanner.isScalar(text[offset]) { offset += 1 }
        guard offset > start else { return nil }
        if Lexer.isDigit(text[start]) || text[start] == UInt8(ascii: "-") {
            return .scalar(start..<offset)
        }
        let word = UnsafeRawBufferPointer(rebasing: text[start..<offset])
        if word.elementsEqual("null".utf8) { return .null }
        let isFlag = word.elementsEqual("true".utf8) || word.elementsEqual("false".utf8)
        return isFlag ? .scalar(start..<offset) : nil
    }

    @inline(__always)
    private static func isScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "+"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// The text that a value stands for: strings without escapes, all else as written.
    func append(_ value: Value, to output: inout [UInt8]) {
        switch value {
        case .string(let range, let hasEscapes): append(string: range, hasEscapes, to: &output)
        case .scalar(let range), .array(let range), .object(let range):
            output.append(contentsOf: text[range])
        case .null: output.append(contentsOf: "null".utf8)
        }
    }

    func append(string range: Range<Int>, _ hasEscapes: Bool, to output: inout [UInt8]) {
        if hasEscapes {
            JSONEscapes.append(text[range], to: &output)
        } else {
            output.append(contentsOf: text[range])
        }
    }
}
