import Telemetry
import Testing

@Suite("Looking for texts in many") struct StringSearchTests {
    /// The first place at `offset` or behind it, byte by byte.
    private func plain(_ wanted: [UInt8], _ text: [UInt8], _ offset: Int) -> Int? {
        guard text.count - offset >= wanted.count else { return nil }
        return (offset...(text.count - wanted.count)).first { text[$0...].starts(with: wanted) }
    }

    @Test(
        "finds what is there, wherever it begins, and nothing else",
        arguments: [1, 3, 15, 16, 17, 32, 36, 200, 255, 256, 400])
    func places(length: Int) {
        var dice = Dice(seed: UInt64(length))
        for alphabet in [2, 4, 16, 256] {
            for count in [length, length + 1, 1_023, 1_024, 5_000] where count >= length {
                let text = (0..<count).map { _ in UInt8(dice.roll(alphabet)) }
                let begin = dice.roll(count - length + 1)
                var wanted = Array(text[begin..<(begin + length)])
                check(wanted, text)
                wanted[dice.roll(length)] ^= 1
                check(wanted, text)
            }
        }
    }

    private func check(_ wanted: [UInt8], _ text: [UInt8]) {
        let search = StringSearch(wanted)
        var offset = 0
        // All places, each behind the one before.
        for _ in 0..<20 {
            let expected = plain(wanted, text, offset)
            let found = text.withUnsafeBytes { search.place(in: $0, from: offset) }
            #expect(found == expected)
            guard let found else { return }
            offset = found + 1
        }
    }
}
