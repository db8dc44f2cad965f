/// Random PromQL that means the same in Prometheus 2.42 and 3.
///
/// What is left out, because it changed since 2.42, with the reason:
/// - windows and lookbacks that a sample lies on the left bound of (3.0 leaves it out): times are chosen
///   so that this never happens, see `ComparisonSeries`;
///   A subquery is asked at round times, so none stands in another one;
/// - rates of series near zero: how far extrapolation reaches back to zero is bounded since 2.52;
/// - rates and `changes` of computed values, whose last bits decide whether there was a reset or change;
/// - `holt_winters`, since 3.0 `double_exponential_smoothing`: asked for by either name, see `Query`;
/// - the metric name of what `atan2` yields, which 2.42 keeps: a sign before it drops it in both;
/// - the deviation of a single NaN, which 2.42 takes for 0, and how many elements `topk` and its like take for
///   a NaN, which is an error now: neither gets elements or parameters that may be NaN;
/// - which of equal elements `topk` and `bottomk` take: they get elements that hardly ever are;
/// - `predict_linear` of windows pinned by `@`, which 2.42 loses after as many steps as the window is long;
/// - parameters that vary over what `@` pins: Prometheus takes that of the first step for all, and so has other
///   answers over a range than at its instants (3.14 still);
/// - `or` in subqueries: of two metrics that take turns 2.42 makes one series where a later value loses the name;
///   with `promql-delayed-name-removal` they are two until the query ends;
/// - functions, operators and modifiers newer than 2.42: their tests stand beside the engine.
struct ComparisonGrammar {
    var random: ComparisonRandom
    /// Whether what is made now stands in a subquery.
    private(set) var isInSubquery = false

    /// One expression in the spelling of either server.
    struct Query {
        var ours: String
        var theirs: String

        init(_ text: String) {
            ours = text
            theirs = text.replacing("double_exponential_smoothing", with: "holt_winters")
        }
    }

    init(seed: UInt64) { random = ComparisonRandom(seed: seed) }

    mutating func query() -> Query { Query(vector(3)) }

    // MARK: Selectors

    mutating func selector() -> String {
        random.pick([
            "requests_total", "temperature", "load", "requests_total{code=\"200\"}",
            "requests_total{job=~\"api|web\"}", "temperature{job!=\"db\"}",
            "load{instance!~\"[12]\"}",
            "{__name__=~\"load|temperature\",job=\"web\"}", "build_info",
            "latency_bucket{le=\"1\"}",
            "load{job=\"none\"}", "temperature{instance=\"1\",absent=\"\"}",
        ])
    }

    private mutating func counter() -> String {
        random.pick([
            "requests_total", "requests_total{code=\"500\"}", "requests_total{job=\"api\"}",
            "latency_bucket", "requests_total{instance=~\"1|3\"}",
        ])
    }

    mutating func shift() -> String {
        random.pick([
            "", "", "", "", " offset 1m", " offset -45s", " offset 7m", " @ 1741152000.5",
            " @ end()", " @ start() offset 2m",
        ])
    }

    mutating func duration() -> String {
        random.pick(["40s", "1m", "2m", "5m", "11m", "20m", "1h"])
    }

    private mutating func range(_ depth: Int) -> String {
        guard depth > 0, !isInSubquery, random.below(4) == 0 else {
            return "\(selector())[\(duration())]\(shift())"
        }
        let step = random.pick(["15s", "30s", "1m", "47s", ""])
        isInSubquery = true
        defer { isInSubquery = false }
        return "(\(vector(depth - 1)))[\(random.pick(["3m", "10m"])):\(step)]\(shift())"
    }

    private mutating func counterRange() -> String {
        guard !isInSubquery, random.below(5) == 0 else {
            return "\(counter())[\(duration())]\(shift())"
        }
        return "\(counter())[\(random.pick(["4m", "10m"])):\(random.pick(["30s", "1m"]))]"
    }

    mutating func number() -> String {
        random.pick(["2", "0.37", "7", "41.3", "1000003", "-3.1", "1e3", "0x1F"])
    }

    // MARK: Expressions

    mutating func vector(_ depth: Int) -> String {
        guard depth > 0 else { return selector() + shift() }
        switch random.below(20) {
        case 0: return random.below(3) == 0 ? matchers() : selector() + shift()
        case 1, 2: return counterFunction()
        case 3, 4, 5: return rangeFunction(depth)
        case 6, 7, 8: return aggregation(depth)
        case 9: return elementwise(depth)
        case 10, 11: return withNumber(depth)
        case 12, 13: return binary(depth)
        case 14: return labels(depth)
        case 15: return chain(depth)
        case 16: return varying(depth)
        case 17: return calendar(depth)
        case 18: return unusual(depth)
        default: return special(depth)
        }
    }

    private mutating func counterFunction() -> String {
        let function = random.pick([
            "rate", "rate", "increase", "irate", "resets", "changes", "idelta", "delta",
        ])
        return "\(function)(\(counterRange()))"
    }

    private mutating func rangeFunction(_ depth: Int) -> String {
        let function = random.pick([
            "sum_over_time", "avg_over_time", "count_over_time", "last_over_time", "max_over_time",
            "min_over_time", "present_over_time", "stddev_over_time", "stdvar_over_time",
            "absent_over_time", "quantile_over_time", "deriv", "predict_linear",
            "double_exponential_smoothing",
        ])
        switch function {
        case "quantile_over_time":
            return "quantile_over_time(\(random.pick(["0.37", "0", "1", "0.5"])), \(range(depth)))"
        case "predict_linear":
            let shift = random.pick(["", " offset 1m", " offset -45s"])
            return "predict_linear(\(selector())[\(duration())]\(shift), 613)"
        case "deriv": return "deriv(\(selector())[\(duration())]\(shift()))"
        case "double_exponential_smoothing":
            return "double_exponential_smoothing(\(selector())[\(duration())], 0.4, 0.3)"
        default: return "\(function)(\(range(depth)))"
        }
    }

    mutating func grouping() -> String {
        random.pick([
            "", "", " by (job)", " by (job, code)", " by (instance)", " without (instance)",
            " without (job, le)", " by (none)", " by ()",
        ])
    }

    private mutating func aggregation(_ depth: Int) -> String {
        let aggregator = random.pick([
            "sum", "avg", "count", "max", "min", "group", "stddev", "stdvar", "topk", "bottomk",
            "quantile", "count_values",
        ])
        let parameter: String
        switch aggregator {
        case "topk", "bottomk":
            let limit = random.pick(["1", "2", "5"])
            let elements = random.pick(["load", "temperature", "requests_total"]) + shift()
            return "\(aggregator)\(grouping()) (\(limit), \(elements))"
        case "stddev", "stdvar":
            let elements = random.below(2) == 0 ? selector() + shift() : counterFunction()
            return "\(aggregator)\(grouping()) (\(elements))"
        case "quantile": parameter = random.pick(["0.37, ", "0.9, ", "0, "])
        case "count_values":
            return "count_values\(grouping()) (\"value\", floor(\(selector()) / 23))"
        default: parameter = ""
        }
        return "\(aggregator)\(grouping()) (\(parameter)\(vector(depth - 1)))"
    }

    private mutating func elementwise(_ depth: Int) -> String {
        let inner = vector(depth - 1)
        switch random.below(8) {
        case 0: return "clamp(\(inner), 5, 47.5)"
        case 1: return "clamp_max(\(inner), \(number()))"
        case 2: return "round(\(selector()), 0.1)"
        case 3: return "-(\(inner))"
        case 4: return random.pick(["hour", "minute", "day_of_month"]) + "(\(selector()) * 1000)"
        case 5: return "timestamp(\(inner))"
        default:
            let function = random.pick([
                "abs", "ceil", "exp", "floor", "ln", "log2", "log10", "sqrt", "sgn", "sin", "cos",
                "tanh", "deg", "rad", "atan", "tan", "asin", "acos", "sinh", "asinh", "acosh",
                "atanh",
            ])
            return "\(function)(\(selector()) / 31)"
        }
    }

    private mutating func withNumber(_ depth: Int) -> String {
        let inner = vector(depth - 1)
        switch random.below(5) {
        case 0: return "(\(inner)) \(random.pick([">", "<", ">=", "!="])) \(number())"
        case 1: return "(\(inner)) \(random.pick([">", "<="])) bool \(number())"
        case 2: return "\(number()) \(random.pick(["+", "-", "*", "/"])) (\(inner))"
        case 3: return "-((\(selector())) \(random.pick(["%", "^", "atan2"])) 3)"
        default: return "(\(inner)) \(random.pick(["+", "-", "*", "/"])) \(number())"
        }
    }

    private mutating func binary(_ depth: Int) -> String {
        switch random.below(6) {
        case 0:
            return "temperature \(random.pick(["+", "-", "*", "/", ">", "< bool"])) load"
        case 1:
            let operation = random.pick(["*", "+"])
            return "requests_total \(operation) on (job) group_left (version) build_info"
        case 2:
            return
                "sum by (job) (\(vector(depth - 1))) / ignoring (code) "
                + "count by (job) (\(vector(depth - 1)))"
        case 3:
            let matching = random.pick(["", " on (job)", " ignoring (code, le)", " on ()"])
            let operation = random.pick(
                isInSubquery ? ["and", "unless"] : ["and", "or", "unless"])
            return "(\(vector(depth - 1))) \(operation)\(matching) (\(vector(depth - 1)))"
        case 4: return "load / on (instance, job) group_right () temperature"
        default: return "(\(vector(depth - 1))) \(random.pick(["+", "-"])) (\(vector(depth - 1)))"
        }
    }

    private mutating func labels(_ depth: Int) -> String {
        let inner = vector(depth - 1)
        guard random.below(2) == 0 else {
            return "label_join(\(inner), \"joined\", \"-\", \"job\", \"instance\")"
        }
        return "label_replace(\(inner), \"half\", \"$1x\", \"job\", \"(.).*\")"
    }

    private mutating func special(_ depth: Int) -> String {
        switch random.below(7) {
        case 0:
            let quantile = random.pick(["0.37", "0.9", "0.99", "0.013"])
            return "histogram_quantile(\(quantile), rate(latency_bucket[\(duration())]))"
        case 1: return "histogram_quantile(0.61, sum by (le) (latency_bucket\(shift())))"
        case 2: return "absent(\(selector()))"
        case 3: return "vector(scalar(\(vector(depth - 1))))"
        case 4: return "\(random.pick(["sort", "sort_desc"]))(\(selector()))"
        case 5: return "vector(time()) - \(number())"
        default: return "scalar(sum(\(selector()))) + (\(vector(depth - 1)))"
        }
    }
}
