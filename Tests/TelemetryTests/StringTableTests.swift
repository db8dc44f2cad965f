import Telemetry
import Testing

@Suite("string table")
struct StringTableTests {
    /// Short strings over two letters, so that many repeat and many share a prefix.
    private func strings(_ count: Int, seed: UInt64) -> [String] {
        var dice = Dice(seed: seed)
        return (0..<count).map { _ in
            String((0..<dice.roll(14)).map { _ in dice.roll(2) == 0 ? "a" : "é" })
        }
    }

    @Test("interning agrees with a dictionary, across growth")
    func model() {
        var table = StringTable(capacity: 1)
        var model: [String: StringID] = ["": 0]
        for text in strings(20_000, seed: 21) {
            let expected = model[text] ?? StringID(model.count)
            model[text] = expected
            #expect(table.intern(text) == expected)
        }
        #expect(model.count > 5_000 && table.count == model.count)
        #expect(table.repairedCount == 0)
        for (text, id) in model {
            #expect(table[id] == text)
            #expect(table.id(of: text) == id)
        }
        #expect(table.id(of: "b") == nil)
    }

    @Test("text, bytes and strings of the same content get the same id")
    func ways() {
        var table = StringTable()
        let id = table.intern("héllo wörld")
        #expect(table.intern(bytes: Array("héllo wörld".utf8)) == id)
        #expect(Array("héllo wörld".utf8).withUnsafeBytes { table.intern($0) } == id)
        #expect(table.intern("") == 0)
        #expect(table.intern(bytes: []) == 0)
        #expect(table.intern(UnsafeRawBufferPointer(start: nil, count: 0)) == 0)
        #expect(table.count == 2)
    }

    @Test("a table rebuilt from its bytes finds and interns like the original")
    func rebuilt() {
        var original = StringTable()
        let texts = strings(3_000, seed: 22)
        for text in texts { _ = original.intern(text) }
        var bytes: [UInt8] = []
        var ends: [UInt32] = []
        for id in 0..<StringID(original.count) {
            original.withBytes(of: id) { bytes.append(contentsOf: $0) }
            ends.append(UInt32(bytes.count))
        }
        var rebuilt = StringTable(bytes: bytes, ends: ends)
        #expect(rebuilt.count == original.count && rebuilt.byteCount == original.byteCount)
        // Before the first interning entries are compared one by one, afterwards by hash.
        for text in texts.prefix(200) + [""] {
            #expect(rebuilt.id(of: text) == original.id(of: text))
        }
        #expect(rebuilt.id(of: "new") == nil)
        #expect(rebuilt.intern("new") == StringID(original.count))
        for text in texts { #expect(rebuilt.intern(text) == original.id(of: text)) }
        #expect(rebuilt.count == original.count + 1)
    }

    @Test("a table rebuilt from nothing is empty and usable")
    func rebuiltEmpty() {
        var table = StringTable(bytes: [], ends: [0])
        #expect(table.id(of: "") == 0 && table.id(of: "a") == nil)
        #expect(table.intern("a") == 1 && table.intern("a") == 1)
    }

    @Test("text that is not UTF-8 is repaired and counted")
    func repair() {
        var table = StringTable()
        let broken: [UInt8] = Array("ab".utf8) + [0xFF] + Array("cdefghijk".utf8)
        let id = broken.withUnsafeBytes { table.intern($0) }
        #expect(table[id] == "ab\u{FFFD}cdefghijk")
        #expect(table.repairedCount == 1)
        #expect(broken.withUnsafeBytes { table.intern($0) } == id)
        #expect(table.repairedCount == 2)
        #expect(table.intern("ab\u{FFFD}cdefghijk") == id)
    }

    @Test("bytes that are not text stay as they are and never become text")
    func rawBytes() {
        var table = StringTable()
        let raw: [UInt8] = [0xC0, 0xAF, 0x00, 0xFF]
        let id = table.intern(bytes: raw)
        #expect(table.withBytes(of: id) { Array($0) } == raw)
        let text = raw.withUnsafeBytes { table.intern($0) }
        #expect(text != id && table.repairedCount == 1)
        #expect(table.withBytes(of: text) { String(validating: $0, as: UTF8.self) } != nil)
        #expect(table.intern(bytes: raw) == id)

        var rebuilt = StringTable(bytes: raw, ends: [0, 4])
        #expect(raw.withUnsafeBytes { rebuilt.intern($0) } != 1)
        #expect(rebuilt.intern(bytes: raw) == 1)
    }

    @Test("random bytes as text always read back as valid UTF-8")
    func noise() {
        var dice = Dice(seed: 23)
        var table = StringTable()
        for _ in 0..<5_000 {
            let content = dice.noise(dice.roll(20))
            let id = content.withUnsafeBytes { dice.roll(2) == 0 ? table.intern($0) : nil }
            guard let id else {
                _ = table.intern(bytes: content)
                continue
            }
            let expected = String(decoding: content, as: UTF8.self)
            #expect(table.withBytes(of: id) { Array($0) } == Array(expected.utf8))
        }
    }
}
