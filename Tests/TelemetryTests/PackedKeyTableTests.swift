import Telemetry
import Testing

@Suite("Numbers of packed keys")
struct PackedKeyTableTests {
    @Test("count up in order of appearance, and a key keeps its own")
    func numbers() {
        var dice = Dice(seed: 5)
        var table = PackedKeyTable()
        var wanted: [UInt64: Int] = [:]
        for _ in 0..<20_000 {
            let word = dice.noise(2)
            let key = (UInt64(word[0]) << 8 | UInt64(word[1])) << UInt64(word[0] % 48)
            let (number, isNew) = table.number(of: key)
            #expect(isNew == (wanted[key] == nil))
            #expect(number == wanted[key, default: wanted.count])
            wanted[key] = number
        }
        #expect(table.count == wanted.count)
    }
}
