import QueryCore
import Telemetry

/// Reads a JSON object (RFC 8259) from a line and adds its fields as labels, as Loki's `json` does:
/// fields of inner objects under `outer_inner`, arrays and nulls left out, of a repeated name the first.
/// What follows the object is not looked at. Fields before a mistake are kept.
struct JSONFlattener {
    /// Objects within each other: each takes stack.
    private static let depthMax = 64

    private let text: UnsafeRawBufferPointer
    /// What has been read; after a mistake, where it stands.
    private(set) var offset = 0
    private var path: [UInt8]
    private var unescaped: [UInt8] = []

    /// - Parameter path: what the names of all fields begin with.
    init(_ text: UnsafeRawBufferPointer, path: [UInt8] = []) {
        self.text = text
        self.path = path
    }

    /// Whether the text begins with a well-formed object.
    mutating func run(into labels: inout LineLabels) -> Bool {
        skipSpace()
        return object(into: &labels, depth: 0)
    }

    private mutating func object(into labels: inout LineLabels, depth: Int) -> Bool {
        guard depth < JSONFlattener.depthMax, take(UInt8(ascii: "{")) else { return false }
        skipSpace()
        if take(UInt8(ascii: "}")) { return true }
        while true {
            skipSpace()
            guard let key = string() else { return false }
            let length = path.count
            withContent(of: key) { SanitizedName.append($0, to: &$1) }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { return false }
            skipSpace()
            guard value(into: &labels, depth: depth) else { return false }
            path.removeLast(path.count - length)
            skipSpace()
            if take(UInt8(ascii: "}")) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
        }
    }

    private mutating func value(into labels: inout LineLabels, depth: Int) -> Bool {
        guard offset < text.count else { return false }
        switch text[offset] {
        case UInt8(ascii: "{"): return object(into: &labels, depth: depth + 1)
        case UInt8(ascii: "["): return skipArray()
        case UInt8(ascii: "\""):
            guard let content = string() else { return false }
            if !content.hasEscapes {
                add(content.range, into: &labels)
            } else {
                unescaped.removeAll(keepingCapacity: true)
                JSONEscapes.append(text[content.range], to: &unescaped)
                addUnescaped(into: &labels)
            }
            return true
        default:
            guard let range = scalar() else { return false }
            if text[range.lowerBound] != UInt8(ascii: "n") { add(range, into: &labels) }
            return true
        }
    }

    private func add(_ range: Range<Int>, into labels: inout LineLabels) {
        guard !path.isEmpty else { return }
        path.withUnsafeBytes {
            labels.add(name: $0, value: UnsafeRawBufferPointer(rebasing: text[range]))
        }
    }

    private func addUnescaped(into labels: inout LineLabels) {
        guard !path.isEmpty else { return }
        path.withUnsafeBytes { name in
            unescaped.withUnsafeBytes { labels.add(name: name, value: $0) }
        }
    }

    private mutating func withContent(
        of string: (range: Range<Int>, hasEscapes: Bool),
        _ body: (UnsafeRawBufferPointer, inout [UInt8]) -> Void
    ) {
        guard string.hasEscapes else {
            return body(UnsafeRawBufferPointer(rebasing: text[string.range]), &path)
        }
        var content: [UInt8] = []
        JSONEscapes.append(text[string.range], to: &content)
        content.withUnsafeBytes { body($0, &path) }
    }

    // MARK: Tokens

    private mutating func take(_ byte: UInt8) -> Bool {
        guard offset < text.count, text[offset] == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while offset < text.count {
            let byte = text[offset]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            offset += 1
        }
    }

    /// What stands between the quotes of the string that begins here.
    private mutating func string() -> (range: Range<Int>, hasEscapes: Bool)? {
        guard take(UInt8(ascii: "\"")) else { return nil }
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

    /// A number, `true`, `false` or `null`.
    private mutating func scalar() -> Range<Int>? {
        let start = offset
        while offset < text.count, JSONFlattener.isScalar(text[offset]) { offset += 1 }
        guard offset > start else { return nil }
        let first = text[start]
        if Lexer.isDigit(first) || first == UInt8(ascii: "-") { return start..<offset }
        let word = UnsafeRawBufferPointer(rebasing: text[start..<offset])
        let isKnown =
            word.elementsEqual("true".utf8) || word.elementsEqual("false".utf8)
            || word.elementsEqual("null".utf8)
        return isKnown ? start..<offset : nil
    }

    private static func isScalar(_ byte: UInt8) -> Bool {
        Lexer.isAlpha(byte) || Lexer.isDigit(byte) || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
    }

    private mutating func skipArray() -> Bool {
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
}

extension JSONFlattener {
    /// What was wrong, for people.
    var mistake: String {
        offset == 0
            ? JSONFlattener.noObject : "expecting a JSON object, malformed at byte \(offset)"
    }

    /// Of a text that is not an object at all.
    static let noObject = "expecting a JSON object, but it is not one"
}

/// The escapes of JSON strings (RFC 8259 §7).
enum JSONEscapes {
    /// Appends what a string's content stands for. A bad escape stands for itself, half of a surrogate
    /// pair for U+FFFD.
    static func append(_ content: Slice<UnsafeRawBufferPointer>, to output: inout [UInt8]) {
        var rest = content
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                output.append(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(escape)
            case UInt8(ascii: "u"): appendScalar(&rest, to: &output)
            default: output.append(contentsOf: [byte, escape])
            }
        }
    }

    private static func appendScalar(
        _ rest: inout Slice<UnsafeRawBufferPointer>, to output: inout [UInt8]
    ) {
        guard let unit = unit(&rest) else { return output.append(contentsOf: "\u{FFFD}".utf8) }
        var value = UInt32(unit)
        if (0xD800...0xDBFF).contains(unit) {
            var ahead = rest
            if ahead.popFirst() == UInt8(ascii: "\\"), ahead.popFirst() == UInt8(ascii: "u"),
                let low = JSONEscapes.unit(&ahead), (0xDC00...0xDFFF).contains(low)
            {
                value = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00)
                rest = ahead
            }
        }
        let scalar = Unicode.Scalar(value) ?? "\u{FFFD}"
        output.append(contentsOf: String(Character(scalar)).utf8)
    }

    private static func unit(_ rest: inout Slice<UnsafeRawBufferPointer>) -> UInt16? {
        guard rest.count >= 4 else { return nil }
        var value: UInt16 = 0
        for byte in rest.prefix(4) {
            guard let nibble = HexDigits.nibble(byte) else { return nil }
            value = value << 4 | UInt16(nibble)
        }
        rest = rest.dropFirst(4)
        return value
    }
}
