import LogQL
import QueryCore
import Store
import Telemetry
import Testing

/// A line as the naive evaluator sees it: text and maps of strings.
private struct NaiveLine {
    var time: Int64
    var order: Int
    var stream: [String: String]
    var fields: [(String, String)]
    var text: String
}

@Suite("LogQL on seeded logs")
struct PropertyTests {
    private static let lineFilters: [(String, @Sendable (String) -> Bool)] = [
        ("|= \"err\"", { $0.contains("err") }),
        ("!= \"err\"", { !$0.contains("err") }),
        ("|= \"/a\" or \"/b\"", { $0.contains("/a") || $0.contains("/b") }),
        ("!= \"/a\" or \"/b\"", { !$0.contains("/a") && !$0.contains("/b") }),
        ("|~ `\"code\":[45]`", { $0.contains("\"code\":4") || $0.contains("\"code\":5") }),
        ("!~ `c(e|é)`", { !$0.contains("ce") && !$0.contains("cé") }),
    ]

    private typealias LabelCondition = @Sendable ([String: String]) -> Bool

    private static let labelFilters: [(String, LabelCondition)] = {
        let isError: LabelCondition = { (code($0) ?? 0) >= 500 }
        let isA: LabelCondition = { $0["path"] == "/a" }
        let isOther: LabelCondition = { $0["path"] != "/a" && (code($0) ?? 999) < 500 }
        let hasNoInfo: LabelCondition = { $0["level"] != "info" }
        return [
            ("| code >= 500", isError), ("| path = \"/a\"", isA),
            ("| path != \"/a\" and code < 500", isOther),
            ("| level =~ \"e.*|\" or level = \"never\"", hasNoInfo),
        ]
    }()

    private static func code(_ labels: [String: String]) -> Double? {
        labels["code"].flatMap { Double($0) }
    }

    @Test("streams are those that a naive evaluator finds", arguments: 1...120)
    func streams(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let logs = TestLogs()
        let lines = Self.fill(logs, &random)
        let filter = random.pick(Self.lineFilters)
        let usesLine = random.below(2) == 0
        let usesJSON = random.below(3) > 0
        let label = random.pick(Self.labelFilters)
        let usesLabel = usesJSON && random.below(2) == 0
        let name = random.pick(["a", "b", "c", "d"])
        var query =
            random.below(2) == 0 ? "{service_name=\"\(name)\"}" : "{service_name=~\"a|b|d\"}"
        let isOne = query.contains("=\"")
        if usesLine { query += " " + filter.0 }
        if usesJSON { query += " | json" }
        if usesLabel { query += " " + label.0 }
        let limit = random.pick([1, 3, 10, 1_000])
        let direction: ScanDirection = random.below(2) == 0 ? .newestFirst : .oldestFirst
        let (start, end) = (Int64(random.below(40)), Int64(40 + random.below(80)))

        var found = lines.filter { line in
            let service = line.stream["service_name"] ?? ""
            guard isOne ? service == name : ["a", "b", "d"].contains(service) else { return false }
            guard (start..<end).contains(line.time), !usesLine || filter.1(line.text) else {
                return false
            }
            return !usesLabel || label.1(Dictionary(line.fields) { first, _ in first })
        }
        found.sort { $0.time != $1.time ? $0.time < $1.time : $0.order < $1.order }
        if direction == .newestFirst { found.reverse() }
        var expected: [Labels: [String]] = [:]
        for line in found.prefix(limit) {
            var pairs = line.stream.map { (name: $0.key, value: $0.value) }
            if usesJSON { pairs += line.fields.map { (name: $0.0, value: $0.1) } }
            expected[Labels(pairs), default: []].append("\(line.time) \(line.text)")
        }

        let streams = try LogQLEngine(store: logs.store).streams(
            query, start: Timestamp(nanoseconds: start), end: Timestamp(nanoseconds: end),
            limit: limit, direction: direction)
        var actual: [Labels: [String]] = [:]
        for stream in streams {
            #expect(actual[stream.labels] == nil, "seed \(seed)")
            actual[stream.labels] = stream.entries.map {
                "\($0.time.nanoseconds) \(String(decoding: $0.line, as: UTF8.self))"
            }
        }
        #expect(actual == expected, "seed \(seed): \(query) \(direction) limit \(limit)")
    }

    /// Records that are kept as text and records that are kept as fields, with repeated times.
    private static func fill(_ logs: TestLogs, _ random: inout TestRandom) -> [NaiveLine] {
        (0..<Int.random(in: 0...200, using: &random)).map { order in
            let service = random.pick(["a", "b", "c"])
            let time = Int64(random.below(100))
            var attributes: [Attribute] = []
            if random.below(5) > 0 {
                attributes.append(Attribute("code", .int(Int64(random.pick([200, 404, 500])))))
            }
            if random.below(5) > 0 {
                attributes.append(Attribute("path", .string(random.pick(["/a", "/b", "/cé\"\n"]))))
            }
            if random.below(2) > 0 {
                attributes.append(Attribute("level", .string(random.pick(["error", "info"]))))
            }
            if random.below(4) == 0 {
                attributes.append(
                    Attribute(
                        "in",
                        .map([
                            Attribute("x.y", .double(1.5)), Attribute("list", .array([.int(1)])),
                            Attribute(
                                "deep",
                                .map([Attribute("ok", .bool(true)), Attribute("no", .empty)])),
                        ])))
            }
            let text = AttributeValue.map(attributes).text
            if random.below(2) == 0 {
                logs.add(["service.name": service], at: time, .empty, attributes: attributes)
            } else {
                logs.add(["service.name": service], at: time, .string(text))
            }
            return NaiveLine(
                time: time, order: order, stream: ["service_name": service],
                fields: attributes.flatMap { flatten($0, "") }, text: text)
        }
    }

    private static func flatten(_ attribute: Attribute, _ prefix: String) -> [(String, String)] {
        let name = prefix + attribute.key.replacing(".", with: "_")
        switch attribute.value {
        case .map(let inner): return inner.flatMap { flatten($0, name + "_") }
        case .array, .empty: return []
        default: return [(name, attribute.value.text)]
        }
    }
}
