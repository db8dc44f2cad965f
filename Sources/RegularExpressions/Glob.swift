import CRE2
import Glibc

/// Literals with gaps between them, what `foo.*bar.+` means once it is taken apart. Matching one is a
/// few memory searches instead of a walk through an automaton.
struct Glob: Hashable {
    /// A gap (`.*` or `.+`) and the literal after it, which may be empty.
    struct Piece: Hashable {
        /// Whether the gap holds at least one character (`.+`).
        var isFilled: Bool
        var literal: [UInt8]
    }

    /// What the text begins with.
    var head: [UInt8] = []
    var pieces: [Piece] = []

    var isLiteral: Bool { pieces.isEmpty }

    mutating func append(_ byte: UInt8) {
        if pieces.isEmpty {
            head.append(byte)
        } else {
            pieces[pieces.count - 1].literal.append(byte)
        }
    }

    /// Adds a gap. Neighbouring gaps become one, as long as that asks for one character at most.
    /// - Returns: false if it would ask for more, of which bytes alone cannot tell.
    mutating func appendGap(isFilled: Bool) -> Bool {
        if let last = pieces.last, last.literal.isEmpty {
            if last.isFilled && isFilled { return false }
            pieces[pieces.count - 1].isFilled = last.isFilled || isFilled
        } else {
            pieces.append(Piece(isFilled: isFilled, literal: []))
        }
        return true
    }

    mutating func append(_ other: Glob) -> Bool {
        for byte in other.head { append(byte) }
        for piece in other.pieces {
            guard appendGap(isFilled: piece.isFilled) else { return false }
            for byte in piece.literal { append(byte) }
        }
        return true
    }

    /// Whether the glob covers all of `text`. Taking the first place for each inner literal leaves the
    /// most for the others, so nothing is ever tried twice.
    /// - Complexity: O(length of the text), no allocation.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count >= head.count, Glob.equal(text, at: 0, head) else { return false }
        guard let last = pieces.last else { return text.count == head.count }
        var position = head.count
        for piece in pieces.dropLast() {
            guard let found = Glob.find(piece.literal, in: text, from: position + piece.gap) else {
                return false
            }
            position = found + piece.literal.count
        }
        let tail = text.count - last.literal.count
        return tail >= position + last.gap && Glob.equal(text, at: tail, last.literal)
    }

    static func equal(_ text: UnsafeRawBufferPointer, at offset: Int, _ literal: [UInt8]) -> Bool {
        guard !literal.isEmpty, let base = text.baseAddress else { return literal.isEmpty }
        return literal.withUnsafeBytes { literal in
            literal.baseAddress.map { memcmp(base + offset, $0, literal.count) == 0 } ?? true
        }
    }

    /// Where `literal` first begins at or after `start`.
    private static func find(
        _ literal: [UInt8], in text: UnsafeRawBufferPointer, from start: Int
    ) -> Int? {
        guard start <= text.count, let base = text.baseAddress else { return nil }
        return literal.withUnsafeBytes { literal in
            guard let wanted = literal.baseAddress else { return start }
            return cre2_find(base + start, text.count - start, wanted, literal.count)
                .map { $0 - base }
        }
    }
}

extension Glob.Piece {
    /// The fewest bytes in the gap.
    var gap: Int { isFilled ? 1 : 0 }
}
