import Glibc
import RegularExpressions
import Telemetry

/// Pieces of one text that are to be replaced. All are found in the text as it came, so that what one
/// rule puts in cannot hide anything from another; pieces that overlap become one.
struct TextCuts {
    private struct Cut {
        var range: Range<Int>
        var replacement: String
    }

    /// A shorter value is looked for as a word of its own only: it may stand in others by chance.
    private static let partBytesMin = 8

    private var cuts: [Cut] = []

    var isEmpty: Bool { cuts.isEmpty }

    // MARK: Values

    /// Adds the places of a field's value, as it is and as JSON writes it.
    mutating func add(value: String, in text: UnsafeRawBufferPointer) {
        var forms = [Array(value.utf8)]
        var escaped: [UInt8] = []
        forms[0].withUnsafeBytes { JSONText.append(escaped: $0, to: &escaped) }
        if escaped != forms[0] { forms.append(escaped) }
        for form in forms {
            var start = 0
            while let found = Self.first(form, in: text, from: start) {
                let range = found..<(found + form.count)
                if form.count >= Self.partBytesMin || Self.isWord(range, in: text) {
                    cuts.append(Cut(range: range, replacement: RedactionRule.maskText))
                    start = range.upperBound
                } else {
                    start = found + 1
                }
            }
        }
    }

    /// Whether neither neighbour goes on with the same word; a full stop does with something behind it.
    private static func isWord(_ range: Range<Int>, in text: UnsafeRawBufferPointer) -> Bool {
        func goesOn(_ at: Int, _ step: Int) -> Bool {
            guard text.indices.contains(at) else { return false }
            if isWordByte(text[at]) { return true }
            let next = at + step
            return text[at] == UInt8(ascii: ".") && text.indices.contains(next)
                && isWordByte(text[next])
        }
        return !goesOn(range.lowerBound - 1, -1) && !goesOn(range.upperBound, 1)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: byte >= 0x80
        }
    }

    /// Where `part` stands next.
    static func first(_ part: [UInt8], in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let first = part.first, let base = text.baseAddress else { return nil }
        var start = start
        while text.count - start >= part.count,
            let found = memchr(base + start, Int32(first), text.count - start - part.count + 1)
        {
            let offset = UnsafeRawPointer(found) - base
            if memcmp(found, part, part.count) == 0 { return offset }
            start = offset + 1
        }
        return nil
    }

    // MARK: Values behind names

    /// Adds what stands behind a field's name and `=` or `:`, the name in quotation marks or not: in logfmt,
    /// JSON, a query, or text that has been cut off or holds one of these.
    mutating func add(valuesOf name: String, in text: UnsafeRawBufferPointer) {
        for value in Self.values(of: name, in: text) {
            cuts.append(Cut(range: value, replacement: RedactionRule.maskText))
        }
    }

    /// Where the values stand that `add(valuesOf:in:)` adds.
    static func values(of name: String, in text: UnsafeRawBufferPointer) -> [Range<Int>] {
        let name = Array(name.utf8)
        var values: [Range<Int>] = []
        var start = 0
        while let found = first(name, in: text, from: start) {
            start = found + name.count
            guard found == 0 || !isWordByte(text[found - 1]), text.indices.contains(start),
                let value = value(in: text, from: start)
            else { continue }
            values.append(value)
            start = value.upperBound
        }
        return values
    }

    /// What is assigned to the name that ends at `offset`; `nil` if nothing is.
    private static func value(
        in text: UnsafeRawBufferPointer, from offset: Int
    ) -> Range<Int>? {
        var offset = offset
        func skip(_ isSkipped: (UInt8) -> Bool) {
            while offset < text.count, isSkipped(text[offset]) { offset += 1 }
        }
        skip { $0 == UInt8(ascii: "\\") || isQuote($0) }
        skip { $0 == 0x20 || $0 == 0x09 }
        guard offset < text.count,
            text[offset] == UInt8(ascii: "=") || text[offset] == UInt8(ascii: ":")
        else { return nil }
        offset += 1
        skip { $0 == 0x20 || $0 == 0x09 }
        let start = offset
        skip { $0 == UInt8(ascii: "\\") }
        guard offset < text.count else { return start < offset ? start..<offset : nil }
        let depth = offset - start
        if isQuote(text[offset]) {
            let end = endOfQuoted(text, from: offset + 1, quote: text[offset], depth: depth)
            return (offset + 1)..<max(end, offset + 1)
        }
        if text[offset] == UInt8(ascii: "{") || text[offset] == UInt8(ascii: "[") {
            return start..<endOfNested(text, from: offset)
        }
        while offset < text.count, !isEnd(text[offset]) { offset += 1 }
        return start < offset ? start..<offset : nil
    }

    /// Where the quotation mark is that has as many backslashes before it as the one that opened.
    private static func endOfQuoted(
        _ text: UnsafeRawBufferPointer, from start: Int, quote: UInt8, depth: Int
    ) -> Int {
        var backslashes = 0
        for offset in start..<text.count {
            if text[offset] == UInt8(ascii: "\\") {
                backslashes += 1
            } else {
                let isEnd =
                    text[offset] == quote
                    && (depth == 0 ? backslashes % 2 == 0 : backslashes <= depth)
                if isEnd { return depth == 0 ? offset : offset - backslashes }
                backslashes = 0
            }
        }
        return text.count
    }

    /// Behind the bracket that closes the one at `start`; brackets in texts do not count.
    private static func endOfNested(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var depth = 0
        var offset = start
        while offset < text.count {
            switch text[offset] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "\""):
                offset = endOfQuoted(text, from: offset + 1, quote: text[offset], depth: 0)
            default: break
            }
            offset += 1
            if depth == 0 { return min(offset, text.count) }
        }
        return text.count
    }

    private static func isQuote(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
    }

    private static func isEnd(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "}"),
            UInt8(ascii: "]"), UInt8(ascii: ")"), UInt8(ascii: "\""), UInt8(ascii: "'"):
            true
        default: byte <= 0x20
        }
    }

    // MARK: Patterns

    mutating func add(
        _ pattern: Pattern, _ rule: RedactionRule, in text: UnsafeRawBufferPointer
    ) {
        var ranges: [Range<Int>?] = []
        var start = 0
        while start < text.count {
            let rest = UnsafeRawBufferPointer(rebasing: text[start...])
            guard pattern.captures(rest, whole: false, into: &ranges),
                let found = ranges.first ?? nil, !found.isEmpty
            else { return }
            let range = (start + found.lowerBound)..<(start + found.upperBound)
            cuts.append(
                Cut(range: range, replacement: rule.replacement(for: rest[found])))
            start = range.upperBound
        }
    }

    // MARK: Replacing

    /// The text with all pieces replaced, where several overlap by the mask.
    func applied(to text: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        var end = 0
        var pending: Cut?
        func put(_ cut: Cut) {
            output.append(contentsOf: text[end..<cut.range.lowerBound])
            output.append(contentsOf: cut.replacement.utf8)
            end = cut.range.upperBound
        }
        for cut in cuts.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            guard let last = pending else {
                pending = cut
                continue
            }
            if cut.range.lowerBound >= last.range.upperBound {
                put(last)
                pending = cut
            } else if cut.range != last.range {
                let upper = max(cut.range.upperBound, last.range.upperBound)
                pending = Cut(
                    range: last.range.lowerBound..<upper, replacement: RedactionRule.maskText)
            }
        }
        if let pending { put(pending) }
        output.append(contentsOf: text[end...])
        return output
    }
}
