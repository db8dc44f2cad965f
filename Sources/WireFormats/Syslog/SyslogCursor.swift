/// Reads the header of a syslog message from its start.
struct SyslogCursor {
    let text: UnsafeRawBufferPointer
    private var offset = 0

    init(text: UnsafeRawBufferPointer) { self.text = text }

    /// What has not been read.
    var rest: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: text[min(offset, text.count)...])
    }

    /// Passes over the byte order mark by which RFC 5424 §6.4 says that the message is UTF-8, and which is not
    /// part of it. A second one is.
    mutating func skipByteOrderMark() {
        if rest.starts(with: [0xEF, 0xBB, 0xBF]) { skip(3) }
    }

    mutating func skip(_ count: Int) { offset = min(offset + count, text.count) }

    /// `<0>` to `<191>`, passed over; `nil` if there is none.
    mutating func priority() -> Int? {
        guard text.first == UInt8(ascii: "<") else { return nil }
        var value = 0
        var end = 1
        while end < min(text.count, 5), text[end] != UInt8(ascii: ">") {
            let digit = text[end] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value * 10 + Int(digit)
            end += 1
        }
        guard end > 1, end < text.count, text[end] == UInt8(ascii: ">"), value <= 191 else {
            return nil
        }
        offset = end + 1
        return value
    }

    var isVersion1: Bool {
        text.count - offset > 2 && text[offset] == UInt8(ascii: "1")
            && text[offset + 1] == UInt8(ascii: " ")
    }

    func first(_ count: Int) -> UnsafeRawBufferPointer? {
        guard text.count - offset >= count else { return nil }
        return UnsafeRawBufferPointer(rebasing: text[offset..<(offset + count)])
    }

    /// Up to the next space, which is passed over; `nil` at the end.
    mutating func word() -> UnsafeRawBufferPointer? {
        guard offset < text.count else { return nil }
        let start = offset
        while offset < text.count, text[offset] != UInt8(ascii: " ") { offset += 1 }
        let word = UnsafeRawBufferPointer(rebasing: text[start..<offset])
        if offset < text.count { offset += 1 }
        return word
    }

    /// The next word; "" for `-`, which stands for none.
    mutating func field() -> String {
        guard let word = word(), !(word.count == 1 && word[0] == UInt8(ascii: "-")) else {
            return ""
        }
        return String(decoding: word, as: UTF8.self)
    }

    /// `-`, or elements `[ID NAME="VALUE" …]` (RFC 5424 §6.3), each pair given as `ID.NAME` and value.
    /// False if neither stands here.
    mutating func structuredData(_ pair: ([UInt8], [UInt8]) -> Void) -> Bool {
        guard offset < text.count else { return false }
        if text[offset] == UInt8(ascii: "-") {
            skip(1)
        } else {
            guard text[offset] == UInt8(ascii: "[") else { return false }
            while offset < text.count, text[offset] == UInt8(ascii: "[") {
                guard element(pair) else { return false }
            }
        }
        guard offset < text.count else { return true }
        guard text[offset] == UInt8(ascii: " ") else { return false }
        offset += 1
        return true
    }

    private mutating func element(_ pair: ([UInt8], [UInt8]) -> Void) -> Bool {
        offset += 1
        let id = name()
        while offset < text.count, text[offset] == UInt8(ascii: " ") {
            offset += 1
            let name = name()
            guard !name.isEmpty, text.count - offset > 1, text[offset] == UInt8(ascii: "="),
                text[offset + 1] == UInt8(ascii: "\"")
            else { return false }
            offset += 2
            guard let value = value() else { return false }
            pair(id + [UInt8(ascii: ".")] + name, value)
        }
        guard offset < text.count, text[offset] == UInt8(ascii: "]") else { return false }
        offset += 1
        return true
    }

    private mutating func name() -> [UInt8] {
        let start = offset
        while offset < text.count, text[offset] > 0x20, text[offset] != UInt8(ascii: "="),
            text[offset] != UInt8(ascii: "]"), text[offset] != UInt8(ascii: "\"")
        {
            offset += 1
        }
        return Array(text[start..<offset])
    }

    /// Up to the closing quotation mark; `\"`, `\\` and `\]` are escaped.
    private mutating func value() -> [UInt8]? {
        var value: [UInt8] = []
        while offset < text.count, text[offset] != UInt8(ascii: "\"") {
            if text[offset] == UInt8(ascii: "\\"), offset + 1 < text.count,
                text[offset + 1] == UInt8(ascii: "\"") || text[offset + 1] == UInt8(ascii: "\\")
                    || text[offset + 1] == UInt8(ascii: "]")
            {
                offset += 1
            }
            value.append(text[offset])
            offset += 1
        }
        guard offset < text.count else { return nil }
        offset += 1
        return value
    }
}
