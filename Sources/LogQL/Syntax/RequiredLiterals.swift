import QueryCore

/// Texts that every text in which a regular expression (RE2 syntax) is found has in it, read off what it says
/// outside of groups: so that blocks without them are passed over. Some may be missing, none is wrong.
package struct RequiredLiterals {
    /// Shorter ones tell nothing apart.
    private static let countMin = 3

    private let pattern: [UInt8]
    private var offset = 0
    private var found: [[UInt8]] = []
    private var current: [UInt8] = []

    private init(_ pattern: String) { self.pattern = Array(pattern.utf8) }

    package static func of(_ pattern: String) -> [String] {
        var scanner = RequiredLiterals(pattern)
        guard scanner.scan() else { return [] }
        scanner.flush()
        return scanner.found.map { String(decoding: $0, as: UTF8.self) }
    }

    /// False if nothing can be said.
    private mutating func scan() -> Bool {
        while offset < pattern.count {
            let byte = pattern[offset]
            offset += 1
            switch byte {
            case UInt8(ascii: "|"): return false
            case UInt8(ascii: "("): guard skipGroup() else { return false }
            case UInt8(ascii: "["): skipClass()
            case UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "$"), UInt8(ascii: "+"): flush()
            case UInt8(ascii: "*"), UInt8(ascii: "?"): dropLast()
            case UInt8(ascii: "{"):
                dropLast()
                while offset < pattern.count, pattern[offset] != UInt8(ascii: "}") { offset += 1 }
                offset += 1
            case UInt8(ascii: "\\"): guard escape() else { return false }
            default: current.append(byte)
            }
        }
        return true
    }

    private mutating func flush() {
        if current.count >= Self.countMin { found.append(current) }
        current.removeAll()
    }

    /// What stands before may be missing.
    private mutating func dropLast() {
        while let byte = current.popLast(), byte & 0xC0 == 0x80 {}
        flush()
    }

    /// What a group says is not looked at; flags may mean anything.
    private mutating func skipGroup() -> Bool {
        flush()
        if pattern[offset...].starts(with: "?".utf8) {
            let isPlain = ["?:", "?P<", "?<"].contains { pattern[offset...].starts(with: $0.utf8) }
            guard isPlain else { return false }
        }
        var depth = 1
        while depth > 0, offset < pattern.count {
            let byte = pattern[offset]
            offset += 1
            switch byte {
            case UInt8(ascii: "("):
                depth += 1
                if pattern[offset...].starts(with: "?i".utf8) { return false }
            case UInt8(ascii: ")"): depth -= 1
            case UInt8(ascii: "["): skipClass()
            case UInt8(ascii: "\\"):
                guard offset < pattern.count, pattern[offset] != UInt8(ascii: "Q") else {
                    return false
                }
                offset += 1
            default: break
            }
        }
        return true
    }

    private mutating func skipClass() {
        flush()
        if offset < pattern.count, pattern[offset] == UInt8(ascii: "^") { offset += 1 }
        // The first bracket is one of the class.
        if offset < pattern.count, pattern[offset] == UInt8(ascii: "]") { offset += 1 }
        while offset < pattern.count, pattern[offset] != UInt8(ascii: "]") {
            if pattern[offset] == UInt8(ascii: "\\") {
                offset += 1
            } else if pattern[offset...].starts(with: "[:".utf8) {
                while offset < pattern.count, pattern[offset] != UInt8(ascii: "]") { offset += 1 }
            }
            offset += 1
        }
        offset += 1
    }

    private mutating func escape() -> Bool {
        guard offset < pattern.count else { return false }
        let byte = pattern[offset]
        offset += 1
        let isPunctuation =
            byte < 0x80 && !Lexer.isAlpha(byte) && !Lexer.isDigit(byte) || byte == UInt8(ascii: "_")
        if isPunctuation {
            current.append(byte)
            return true
        }
        // Classes and places of one letter.
        guard "dDsSwWbBAz".utf8.contains(byte) else { return false }
        flush()
        return true
    }
}
