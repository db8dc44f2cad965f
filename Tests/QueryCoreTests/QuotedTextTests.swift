import Platform
import QueryCore
import Testing

@Suite("Quoted text")
struct QuotedTextTests {
    @Test("what is quoted is read as it was, whatever its characters")
    func quotedTextIsReadAgain() throws {
        let random = SeededRandom(seed: 7)
        for _ in 0..<2_000 {
            let text = Self.text(random)
            let literal = Array((QuotedText.quote(text) + "tail").utf8)
            var position = 0
            #expect(try QuotedText.read(literal, at: &position) == text)
            #expect(position == literal.count - 4)
        }
    }

    @Test(
        "escapes mean what they mean in Go",
        arguments: [
            (#""\a\b\f\n\r\t\v\\\"""#, "\u{7}\u{8}\u{C}\n\r\t\u{B}\\\""), (#"'\''"#, "'"),
            (#""\101\x41\u0041\U0001F980""#, "AAA🦀"), (#"`\n"'`"#, #"\n"'"#),
            (#""\xc3\xa4""#, "ä"), (#""\xff""#, "\u{FFFD}"),
        ])
    func escapes(literal: String, content: String) throws {
        var position = 0
        #expect(try QuotedText.read(Array(literal.utf8), at: &position) == content)
        #expect(position == literal.utf8.count)
    }

    @Test(
        "what is no literal says why, and where reading stopped",
        arguments: [
            (#""abc"#, QuotedText.Defect.isNotTerminated(isRaw: false), 4),
            ("\"a\nb\"", .isNotTerminated(isRaw: false), 2),
            ("`a\nb", .isNotTerminated(isRaw: true), 4),
            (#""a\"#, .escapeIsNotTerminated, 3), (#""\x4"#, .escapeIsNotTerminated, 4),
            (#""\q""#, .isUnknownEscape(UInt8(ascii: "q")), 3),
            (#""\'""#, .isUnknownEscape(UInt8(ascii: "'")), 3), (#""\x4g""#, .isNoDigit, 4),
            (#""\777""#, .isNoCharacter, 5), (#""\ud800""#, .isNoCharacter, 7),
            (#""\U00110000""#, .isNoCharacter, 11),
        ])
    func defects(literal: String, defect: QuotedText.Defect, stop: Int) {
        var position = 0
        #expect(throws: defect) {
            try QuotedText.read(Array(literal.utf8), at: &position)
        }
        #expect(position == stop)
    }

    private static func text(_ random: SeededRandom) -> String {
        var text = ""
        for _ in 0..<random.next(below: 12) {
            let limit: UInt64 = random.next(below: 2) == 0 ? 0x80 : 0x1_F980
            guard let scalar = Unicode.Scalar(UInt32(random.next(below: limit))) else { continue }
            text.unicodeScalars.append(scalar)
        }
        return text
    }
}
