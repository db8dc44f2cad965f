import Receivers
import RegularExpressions
import Telemetry
import Testing

@Suite("Relabelling")
struct RelabelTests {
    private let labels = LabelBuilder([
        (name: "a", value: "foo"), (name: "b", value: "bar"), (name: "c", value: "Baz"),
    ])

    /// The labels that are left; `nil` if the rules drop them.
    private func apply(_ rules: RelabelRule...) -> Labels? {
        var labels = labels
        return RelabelRule.apply(rules, to: &labels) ? labels.labels : nil
    }

    private func rule(
        _ action: RelabelRule.Action, _ source: [String] = [], _ regex: String = "(.*)",
        target: String = "", replacement: String = "$1", separator: String = ";",
        modulus: UInt64 = 0
    ) throws -> RelabelRule {
        RelabelRule(
            action: action, sourceLabels: source, separator: separator,
            regex: try Pattern(regex), targetLabel: target, replacement: replacement,
            modulus: modulus)
    }

    @Test("replace joins the sources, matches whole and fills the groups in")
    func replaces() throws {
        let joined = try apply(
            rule(.replace, ["a", "b"], "f(.*);(.*)r", target: "d", replacement: "x$1-${2}z"))
        #expect(joined == Labels(["a": "foo", "b": "bar", "c": "Baz", "d": "xoo-baz"]))
        let unmatched = try apply(rule(.replace, ["a"], "fo", target: "d", replacement: "x"))
        #expect(unmatched == labels.labels)
        let removed = try apply(rule(.replace, ["a"], "foo", target: "b", replacement: ""))
        #expect(removed == Labels(["a": "foo", "c": "Baz"]))
        let named = try apply(
            rule(.replace, ["a"], "(.)oo", target: "${1}_name", replacement: "$1"))
        #expect(named?["f_name"] == "f")
    }

    @Test("keep and drop decide by the whole text, absent labels are empty")
    func filters() throws {
        #expect(try apply(rule(.keep, ["a"], "foo|bar")) != nil)
        #expect(try apply(rule(.keep, ["a"], "fo")) == nil)
        #expect(try apply(rule(.drop, ["a"], "f.*")) == nil)
        #expect(try apply(rule(.drop, ["none"], ".+")) != nil)
        #expect(try apply(rule(.keep, ["none"], "")) != nil)
        #expect(try apply(rule(.keepEqual, ["a"], target: "b")) == nil)
        #expect(try apply(rule(.dropEqual, ["a"], target: "b")) != nil)
        #expect(try apply(rule(.dropEqual, ["a"], target: "a")) == nil)
    }

    @Test("label names are mapped, dropped and kept by pattern")
    func names() throws {
        let mapped = try apply(rule(.labelMap, [], "([ab])", replacement: "x_$1"))
        #expect(mapped?["x_a"] == "foo")
        #expect(mapped?["a"] == "foo")
        #expect(try apply(rule(.labelDrop, [], "a|b")) == Labels(["c": "Baz"]))
        #expect(try apply(rule(.labelKeep, [], "a|b")) == Labels(["a": "foo", "b": "bar"]))
    }

    @Test("case is changed into the target label")
    func cases() throws {
        #expect(try apply(rule(.uppercase, ["a"], target: "d"))?["d"] == "FOO")
        #expect(try apply(rule(.lowercase, ["c"], target: "c"))?["c"] == "baz")
    }

    // The last sixteen digits that md5sum prints.
    @Test(
        "hashmod takes the end of the MD5 digest as a number",
        arguments: [
            ("", 0xE980_0998_ECF8_427E), ("foo", 0xEDEF_654F_CCC4_A4D8),
            ("192.168.1.7:9100", 0xCD48_5B1B_9AA0_71EB),
            (String(repeating: "x", count: 200), 0xDFDD_5397_7745_8C78),
        ] as [(String, UInt64)])
    func hashes(text: String, digest: UInt64) throws {
        for modulus in [1, 7, 1_000, UInt64.max] {
            var labels = LabelBuilder([(name: "s", value: text)])
            let rules = [try rule(.hashMod, ["s"], target: "h", modulus: modulus)]
            #expect(RelabelRule.apply(rules, to: &labels))
            #expect(labels["h"] == String(digest % modulus))
        }
    }
}
