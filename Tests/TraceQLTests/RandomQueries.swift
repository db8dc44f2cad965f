/// Queries and traces that a seed determines, over few names and values so that they meet.
struct RandomQueries {
    var random: TestRandom

    init(seed: UInt64) { random = TestRandom(seed: seed) }

    mutating func query() -> String {
        switch random.below(6) {
        case 0, 1: return filter()
        case 2, 3: return operation(depth: 2)
        case 4: return "\(operation(depth: 1)) | \(stage())"
        default: return "\(filter()) | \(stage()) | \(stage())"
        }
    }

    mutating func filter() -> String { "{ \(condition(depth: 2)) }" }

    private mutating func operation(depth: Int) -> String {
        guard depth > 0, random.below(4) > 0 else { return filter() }
        let operators = [
            "&&", "||", ">", "<", ">>", "<<", "~", "!>", "!<", "!>>", "!<<", "!~", "&>", "&<",
            "&>>", "&<<", "&~",
        ]
        return "(\(operation(depth: depth - 1))) \(random.pick(operators)) "
            + "(\(operation(depth: depth - 1)))"
    }

    private mutating func stage() -> String {
        switch random.below(7) {
        case 0: filter()
        case 1: "count() \(comparison()) \(random.below(4))"
        case 2: "sum(.n) \(comparison()) \(random.below(12))"
        case 3: "max(duration) \(comparison()) \(random.below(9))ms"
        case 4: "avg(.n) \(comparison()) \(random.below(5))"
        case 5: "min(.n) \(comparison()) \(random.below(5))"
        default: random.below(2) == 0 ? "by(\(field()))" : "coalesce()"
        }
    }

    private mutating func comparison() -> String { random.pick(["=", "!=", "<", "<=", ">", ">="]) }

    mutating func field() -> String {
        random.pick([
            ".a", ".b", ".n", "span.a", "span.n", "resource.a", "event.a", "link.a",
            "instrumentation.a", "name", "status", "kind", "duration", "event:name",
            "resource.service.name",
        ])
    }

    private mutating func condition(depth: Int) -> String {
        if depth > 0, random.below(2) == 0 {
            return switch random.below(5) {
            case 0, 1: "(\(condition(depth: depth - 1))) && (\(condition(depth: depth - 1)))"
            case 2, 3: "(\(condition(depth: depth - 1))) || (\(condition(depth: depth - 1)))"
            default: "!(\(condition(depth: depth - 1)))"
            }
        }
        switch random.below(12) {
        case 0: return "name \(comparison()) \"\(random.pick(["x", "y", "z"]))\""
        case 1: return "duration \(comparison()) \(random.below(9))ms"
        case 2: return "status \(random.pick(["=", "!="])) \(random.pick(["ok", "error"]))"
        case 3: return "kind \(random.pick(["=", "!="])) \(random.pick(["server", "client"]))"
        case 4: return "\(attribute()) =~ \"\(random.pick(["x", "x|y", "y|z"]))\""
        case 5: return "\(attribute()) !~ \"x|y\""
        case 6: return "\(attribute()) \(random.pick(["=", "!="])) nil"
        case 7: return ".n \(random.pick(["+", "-", "*"])) \(random.below(4)) = \(random.below(8))"
        case 8: return "\(random.below(4)) \(comparison()) .n"
        case 9: return "event:name = \"\(random.pick(["x", "y"]))\""
        case 10: return "resource.service.name = \"\(random.pick(["s", "t"]))\""
        default: return "\(attribute()) \(comparison()) \(literal())"
        }
    }

    private mutating func attribute() -> String {
        random.pick([
            ".a", ".b", "span.a", "span.b", "resource.a", "event.a", "link.a",
            "instrumentation.a",
        ])
    }

    private mutating func literal() -> String {
        random.pick(["\"x\"", "\"y\"", "1", "2", "2.0", "0.5", "true", "false", "1ms"])
    }
}
