/// What stands in few queries, and what only the order of evaluation tells.
extension ComparisonGrammar {
    /// Patterns that match the empty value, alternatives, anchors and cases.
    mutating func matchers() -> String {
        random.pick([
            "requests_total{job=~\".*\"}", "requests_total{job=~\".+\",code!~\"5..\"}",
            "{__name__=~\"(?i)LOAD\"}", "temperature{absent=~\"|x\"}", "load{absent!~\".+\"}",
            "{__name__!=\"load\",job=\"db\"}", "{job=~\"a.*|.*b\",__name__!~\".*_bucket|.*_info\"}",
            "requests_total{code=~\"2[0-9]+\"}", "load{job!=\"\",instance=~\"^(1|2)$\"}",
            "latency_bucket{le=~\"0[.].*|[+]Inf\"}", "{job=\"web\",instance=~\"1|\"}",
            "requests_total{job=\"api\",job!=\"web\"}", "load{instance=~\"[^13]\"}",
        ])
    }

    /// Operators without parentheses, as their precedence and their side of association read them.
    mutating func chain(_ depth: Int) -> String {
        let names = ["temperature", "load", "temperature offset 1m"]
        switch random.below(7) {
        case 0:
            let operators = ["+", "-", "*", "/", "%"]
            var text = random.pick(names)
            for _ in 0..<(2 + random.below(3)) {
                text += " \(random.pick(operators)) \(random.pick(names + ["7", "0.5"]))"
            }
            return text
        case 1: return "-\(random.pick(names)) ^ 2 ^ 0.5 + 3 * 2 ^ -1"
        case 2: return "2 ^ 3 ^ 0.5 - 7 % 4 % 2 + \(random.pick(names))"
        case 3:
            let other = isInSubquery ? "unless" : "or load unless"
            return "\(random.pick(names)) > 20 and \(random.pick(names)) < 45 \(other) on "
                + "(job) build_info{job=\"db\"}"
        case 4: return "1 + 2 < bool 4 == bool 1 + \(random.pick(names))"
        case 5: return "\(random.pick(names)) >= bool ignoring (job) load{job=\"api\"} - 1 == 0"
        default: return "- - \(random.pick(names)) * -\(number()) + -(3 - 5)"
        }
    }

    /// Parameters that differ from step to step.
    mutating func varying(_ depth: Int) -> String {
        let scalar = random.pick([
            "scalar(sum(load) or vector(70)) / 400", "time() % 7 / 7",
            "scalar(sum(temperature) or vector(100)) / 400", "scalar(minute()) / 60",
        ])
        let moved = random.pick(["", " offset 1m", " offset -45s"])
        switch random.below(9) {
        case 0: return "quantile\(grouping()) (\(scalar), \(selector())\(moved))"
        case 1: return "topk\(grouping()) (1 + 5 * (\(scalar)), load\(moved))"
        case 2: return "bottomk (3 * (\(scalar)), temperature)"
        case 3: return "clamp(\(selector()), 60 * (\(scalar)) - 20, 60 * (\(scalar)))"
        case 4: return "clamp_min(\(selector()), 50 * (\(scalar)))"
        case 5: return "quantile_over_time(\(scalar), load[\(duration())]\(moved))"
        case 6: return "histogram_quantile(\(scalar), sum by (le) (rate(latency_bucket[5m])))"
        case 7: return "predict_linear(load[11m], 600 * (\(scalar)))"
        default: return "vector(\(scalar)) * on () group_right () (\(selector()))"
        }
    }

    /// Fields of times, of values and of the step's own.
    mutating func calendar(_ depth: Int) -> String {
        let field = random.pick([
            "hour", "minute", "day_of_month", "day_of_week", "day_of_year", "days_in_month",
            "month", "year",
        ])
        switch random.below(4) {
        case 0: return "vector(time()) - \(field)()"
        case 1: return "\(field)(timestamp(\(selector())))"
        case 2: return "\(field)(\(selector()) * 31e6)"
        default: return "\(field)(vector(time() + \(number()) * 86400 * 100))"
        }
    }

    mutating func unusual(_ depth: Int) -> String {
        switch random.below(isInSubquery ? 14 : 16) {
        case 0: return "round(\(vector(depth - 1)))"
        case 1: return "round(\(selector()), \(random.pick(["3", "0.25", "-2", "17"])))"
        case 2: return "label_replace(\(selector()), \"job\", \"\", \"job\", \"(d.)\")"
        case 3: return "label_replace(\(selector()), \"name\", \"$0-${2}\", \"job\", \"(.)(.+)\")"
        case 4: return "label_replace(\(selector()), \"new\", \"x\", \"absent\", \"\")"
        case 5: return "label_join(\(selector()), \"instance\", \"\")"
        case 6: return "count_values by (job) (\"job2\", round(\(selector()), 10))"
        case 7: return "absent(sum(\(selector())))"
        case 8: return "absent_over_time(\(matchers())[\(duration())])"
        case 9: return "(\(selector())) / 0 \(random.pick(["> 0", "== 0", "< bool 0"]))"
        case 10:
            return
                "max\(grouping()) (0 / (\(selector()) - \(selector())) \(isInSubquery ? "unless" : "or") load)"
        case 11: return "timestamp(\(selector())\(shift()))"
        case 12: return "sum_over_time(\(matchers())[1m30s] offset 1m15s)"
        case 13: return "count\(grouping()) (\(matchers())) + on () group_left () vector(pi())"
        case 14:
            let step = random.pick(["1m", "47s"])
            return "max_over_time(deriv(load[5m])[10m:\(step)]\(shift()))"
        default: return "min_over_time(sum_over_time(load[1m])[5m:30s] \(offset()))"
        }
    }

    private mutating func offset() -> String { random.pick(["", "offset 1m", "@ end()"]) }
}
