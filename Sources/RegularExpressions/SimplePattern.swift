/// A pattern taken apart into alternatives of literals and gaps, without an automaton: what most label
/// matchers and line filters are (`checkout|cart`, `/api/.*`, `.+`, `api-(a|b)\.example`).
///
/// Only what is certain is recognised: plain characters, escaped punctuation, `.*`, `.+`, groups and
/// alternation, `^` and `$` at the ends of the whole pattern's alternatives. Everything else, flags
/// included, is left to RE2.
struct SimplePattern {
    /// One alternative of the whole pattern.
    struct Alternative: Hashable {
        var glob = Glob()
        /// Whether it begins with `^`, ends with `$`.
        var isAnchoredAtStart = false
        var isAnchoredAtEnd = false
    }

    /// More alternatives than this, multiplied out, are RE2's.
    static let alternativesMax = 4_096
    private static let depthMax = 16

    let alternatives: [Alternative]

    /// `nil` if the pattern is not that simple.
    init?(_ source: String) {
        var parser = Parser(Array(source.utf8))
        guard let alternatives = parser.alternation(depth: 0), parser.isAtEnd else { return nil }
        self.alternatives = alternatives
    }

    private struct Parser {
        private let bytes: [UInt8]
        private var offset = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { offset == bytes.count }
        private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

        private mutating func take(_ expected: Unicode.Scalar) -> Bool {
            guard next == UInt8(ascii: expected) else { return false }
            offset += 1
            return true
        }

        mutating func alternation(depth: Int) -> [Alternative]? {
            var all: [Alternative] = []
            repeat {
                guard let some = sequence(depth: depth),
                    all.count + some.count <= SimplePattern.alternativesMax
                else { return nil }
                all += some
            } while take("|")
            return all
        }

        /// Items up to `|`, `)` or the end, with groups multiplied out.
        private mutating func sequence(depth: Int) -> [Alternative]? {
            var all = [Alternative()]
            if take("^") {
                guard depth == 0 else { return nil }
                all[0].isAnchoredAtStart = true
            }
            while let byte = next {
                switch byte {
                case UInt8(ascii: "|"), UInt8(ascii: ")"): return all
                case UInt8(ascii: "$"):
                    offset += 1
                    guard depth == 0, next == nil || next == UInt8(ascii: "|") else { return nil }
                    for index in all.indices { all[index].isAnchoredAtEnd = true }
                case UInt8(ascii: "("):
                    guard let multiplied = group(depth: depth, after: all) else { return nil }
                    all = multiplied
                case UInt8(ascii: "."):
                    guard let isFilled = gap() else { return nil }
                    for index in all.indices {
                        guard all[index].glob.appendGap(isFilled: isFilled) else { return nil }
                    }
                default:
                    guard let literal = literal() else { return nil }
                    for index in all.indices { all[index].glob.append(literal) }
                }
            }
            return all
        }

        private mutating func group(depth: Int, after heads: [Alternative]) -> [Alternative]? {
            offset += 1
            if take("?") {
                guard take(":") else { return nil }
            }
            guard depth < SimplePattern.depthMax, let inner = alternation(depth: depth + 1),
                take(")"), !isQuantified,
                heads.count * inner.count <= SimplePattern.alternativesMax
            else { return nil }
            var all: [Alternative] = []
            for head in heads {
                for tail in inner {
                    var both = head
                    guard both.glob.append(tail.glob) else { return nil }
                    all.append(both)
                }
            }
            return all
        }

        /// `.*` or `.+`; a lazy one accepts the same texts.
        private mutating func gap() -> Bool? {
            offset += 1
            let isFilled = next == UInt8(ascii: "+")
            guard isFilled || next == UInt8(ascii: "*") else { return nil }
            offset += 1
            _ = take("?")
            return isQuantified ? nil : isFilled
        }

        private mutating func literal() -> UInt8? {
            var byte = bytes[offset]
            offset += 1
            if byte == UInt8(ascii: "\\") {
                guard let escaped = next, SimplePattern.isPunctuation(escaped) else { return nil }
                byte = escaped
                offset += 1
            } else if SimplePattern.isSpecial(byte) {
                return nil
            }
            return isQuantified ? nil : byte
        }

        private var isQuantified: Bool {
            switch next {
            case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"): true
            default: false
            }
        }
    }

    static func isSpecial(_ byte: UInt8) -> Bool {
        "\\.+*?()|[]{}^$".utf8.contains(byte)
    }

    /// ASCII that stands for itself after a backslash, in RE2 as in Go.
    static func isPunctuation(_ byte: UInt8) -> Bool {
        "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~".utf8.contains(byte)
    }
}
