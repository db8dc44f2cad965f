import Telemetry
import Testing

@Suite("labels")
struct LabelsTests {
    @Test("the order and repetition of pairs do not matter: the last of a name wins, empty ones go")
    func canonical() {
        var dice = Dice(seed: 31)
        let names = ["a", "b", "ab", "__name__", "é", "Z", "a_"]
        for _ in 0..<500 {
            let pairs = (0..<dice.roll(10)).map { _ in
                (name: names[dice.roll(names.count)], value: dice.roll(3) == 0 ? "" : dice.text())
            }
            var model: [String: String] = [:]
            for pair in pairs { model[pair.name] = pair.value }
            model = model.filter { !$0.value.isEmpty }
            let labels = Labels(pairs)
            let order = model.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            #expect(labels.pairs.map(\.name) == order)
            #expect(labels.pairs.map(\.value) == order.map { model[$0] })
            for name in names { #expect(labels[name] == model[name]) }
            let again = Labels(model.map { (name: $0.key, value: $0.value) }.shuffled(using: &dice))
            #expect(again == labels && again.seriesID == labels.seriesID)
            #expect(again.hashValue == labels.hashValue)
        }
    }

    @Test("merged, labels are those of both, and the second decide where both have a name")
    func merging() {
        var dice = Dice(seed: 32)
        let names = ["a", "b", "ab", "__name__", "é", "Z", "a_"]
        for _ in 0..<300 {
            let (first, second) = (
                (0..<dice.roll(6)).map { _ in
                    (name: names[dice.roll(names.count)], value: dice.text())
                },
                (0..<dice.roll(6)).map { _ in
                    (name: names[dice.roll(names.count)], value: "2\(dice.text())")
                }
            )
            #expect(Labels(first).merging(Labels(second)) == Labels(first + second))
        }
    }

    @Test("names that only look alike are different names")
    func canonicalEquivalence() {
        let labels = Labels(
            [("\u{E9}", "composed"), ("e\u{301}", "decomposed")].map {
                (name: $0.0, value: $0.1)
            })
        #expect(labels.pairs.count == 2)
        #expect(labels["\u{E9}"] == "composed")
        #expect(labels["e\u{301}"] == "decomposed")
        #expect(Labels(["a": "\u{E9}"]) != Labels(["a": "e\u{301}"]))
    }

    @Test("label sets that share their letters differ")
    func identity() {
        let pairs: [KeyValuePairs<String, String>] = [
            [:], ["a": "bc"], ["ab": "c"], ["a": "b"], ["a": "b", "c": "d"], ["a": "bcd"],
            ["a": "d", "c": "b"],
        ]
        let sets = pairs.map { Labels($0) }
        #expect(Set(sets).count == sets.count)
        #expect(Set(sets.map(\.seriesID)).count == sets.count)
    }

    @Test("setting replaces, adds and removes; filtering keeps what is asked for")
    func changes() {
        let labels: Labels = Labels(["job": "api", "env": "prod"])
        #expect(labels.setting("job", "web") == Labels(["job": "web", "env": "prod"]))
        #expect(labels.setting("zone", "1") == Labels(["job": "api", "env": "prod", "zone": "1"]))
        #expect(labels.setting("job", "") == Labels(["env": "prod"]))
        #expect(
            labels.filter { $0.count == 3 && $0[0] == UInt8(ascii: "j") } == Labels(["job": "api"]))
        #expect(labels.filter { _ in false } == .empty)
        #expect(labels["jo"] == nil && labels["jobs"] == nil && labels[""] == nil)
    }

    @Test(
        "a description is what the exposition format says",
        arguments: [
            (["__name__": "up"], "up"), (["__name__": "up", "job": "a"], #"up{job="a"}"#),
            (["job": "a", "env": "b"], #"{env="b", job="a"}"#), ([:], "{}"),
            (["a": "\"\\\n"], #"{a="\"\\\n"}"#), (["a": "x\r\ny"], "{a=\"x\r\\ny\"}"),
            (["a": "\"\u{301}"], "{a=\"\\\"\u{301}\"}"),
        ] as [(KeyValuePairs<String, String>, String)])
    func description(pairs: KeyValuePairs<String, String>, expected: String) {
        #expect(Array(Labels(pairs).description.utf8) == Array(expected.utf8))
    }

    @Test("damaged label bytes are read up to the damage and never crash")
    func damage() {
        var dice = Dice(seed: 32)
        let labels = Labels(["__name__": "requests_total", "method": "GET", "code": "500"])
        for end in 0..<labels.bytes.count {
            let cut = Labels(canonicalBytes: Array(labels.bytes[..<end]))
            #expect(cut.pairs.count < 3)
            #expect(labels.pairs.map(\.name).starts(with: cut.pairs.map(\.name)))
        }
        for _ in 0..<2_000 {
            let noise = Labels(canonicalBytes: dice.noise(dice.roll(40)))
            _ = noise.pairs
            _ = noise["a"]
            _ = noise.filter { _ in true }
            _ = noise.description
        }
    }
}
