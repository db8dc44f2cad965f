/// What the lexers of the query languages share: a place in a text's bytes, and what stands there.
package protocol TextScanner {
    var bytes: [UInt8] { get }
    /// Offset in `bytes` of what is read next.
    var position: Int { get set }
    /// An error at what is being read.
    func failure(_ reason: String) -> QueryError
}

extension TextScanner {
    /// The byte `ahead` of the next one; `nil` behind the text's end.
    @inlinable package func peek(_ ahead: Int = 0) -> UInt8? {
        position + ahead < bytes.count ? bytes[position + ahead] : nil
    }

    /// Moves past `character` if it is next; it is one of ASCII.
    package mutating func accept(_ character: Unicode.Scalar) -> Bool {
        guard let byte = peek(), UInt32(byte) == character.value else { return false }
        position += 1
        return true
    }

    /// The text from `start` to the place reached.
    package func text(from start: Int) -> String {
        String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// The character at `offset`, U+FFFD where the bytes are none; empty behind the text's end.
    package func character(at offset: Int) -> String {
        guard offset < bytes.count else { return "" }
        let tail = String(decoding: bytes[offset..<min(offset + 4, bytes.count)], as: UTF8.self)
        return tail.unicodeScalars.first.map(String.init) ?? ""
    }

    /// The content of the literal whose opening quote is next, in the words of Go's scanner if it is none.
    package mutating func quotedText() throws(QueryError) -> String {
        do throws(QuotedText.Defect) {
            return try QuotedText.read(bytes, at: &position)
        } catch .isNotTerminated, .escapeIsNotTerminated {
            throw failure("literal not terminated")
        } catch {
            throw failure("invalid char escape")
        }
    }

    /// The symbol that stands here, the longest if several do (at most three bytes), and moves past it.
    package mutating func longestSymbol<Symbol: RawRepresentable>(
        _: Symbol.Type
    ) -> Symbol? where Symbol.RawValue == String {
        for length in [3, 2, 1] where position + length <= bytes.count {
            let text = String(decoding: bytes[position..<position + length], as: UTF8.self)
            if let symbol = Symbol(rawValue: text) {
                position += length
                return symbol
            }
        }
        return nil
    }

    @inlinable package static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// A letter of ASCII, or `_`.
    @inlinable package static func isAlpha(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    @inlinable package static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isAlpha(byte) || isDigit(byte)
    }
}
