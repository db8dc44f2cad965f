import PromQL
import QueryCore
import Testing

@Suite("parts of the language that can be turned off")
struct FeatureTests {
    private func store(without feature: PromQLFeature?) -> TestStore {
        var store = TestStore(
            "a_total{x=\"1\"} 1 2 3\nb_total{x=\"2\"} 2 4 6\nc_total{x=\"1\"} 1 1 1")
        if let feature { store.options.features.remove(feature) }
        return store
    }

    @Test(
        "are refused by name where they are used, and are there otherwise",
        arguments: [
            (
                PromQLFeature.experimentalFunctions, "sum(sort_by_label(a_total, \"x\"))",
                "1:5: parse error: function \"sort_by_label\" is not enabled"
            ),
            (
                .experimentalFunctions, "1 + limitk(1, a_total)",
                "1:5: parse error: limitk() is experimental and not enabled"
            ),
            (
                .extendedRangeSelectors, "rate(a_total[1m] anchored)",
                "1:6: parse error: anchored modifier is experimental and not enabled"
            ),
            (
                .extendedRangeSelectors, "a_total smoothed",
                "1:1: parse error: smoothed modifier is experimental and not enabled"
            ),
            (
                .fillModifiers, "a_total + fill (0) b_total",
                "1:1: parse error: fill modifiers are experimental and not enabled"
            ),
        ])
    func refused(feature: PromQLFeature, query: String, message: String) throws {
        let error = failure { _ = try store(without: feature).instant(query, at: 120) }
        #expect(error?.kind == .badData)
        #expect(error?.message == message)
        _ = try store(without: nil).instant(query, at: 120)
        for other in PromQLFeature.allCases where other != feature {
            _ = try store(without: other).instant(query, at: 120)
        }
    }

    @Test(
        "names go at once where they do not go late",
        arguments: [
            ("sum by (__name__) (rate({x=~\".\"}[2m]))", false),
            ("label_replace(-a_total, \"y\", \"$1\", \"__name__\", \"(.*)\")", true),
            ("count by (__name__) (-{__name__=~\"[ab]_total\"})", true),
            ("-{x=~\".\"}", false), ("sum(-{x=\"1\"})", false), ("sum(abs({x=\"1\"}) + 1)", false),
        ])
    func atOnce(query: String, isFine: Bool) throws {
        let store = store(without: .delayedNameRemoval)
        guard isFine else {
            #expect(
                failure { _ = try store.instant(query, at: 120) }?.message
                    == "vector cannot contain metrics with the same labelset")
            return
        }
        let lines = try store.instant(query, at: 120)
        #expect(lines == (query.hasPrefix("count") ? ["{} 2"] : ["{x=\"1\"} -3"]))
    }
}
