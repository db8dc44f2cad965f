import LogQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("lines with very many fields")
struct WideLineTests {
    private static let shop = "{service_name=\"shop\"}"

    @Test(
        "of fields with one name the first counts, however many there are",
        arguments: [5, 16, 17, 40, 300, 1_200])
    func names(count: Int) throws {
        var random = TestRandom(seed: UInt64(count))
        var expected: [String: String] = ["service_name": "shop"]
        var pairs: [String] = []
        for place in 0..<count {
            let name = "f\(random.below(count))"
            pairs.append("\(name)=\(place)")
            if expected[name] == nil { expected[name] = "\(place)" }
        }
        let logs = TestLogs()
        logs.add(at: 1, .string(pairs.joined(separator: " ")))
        func labels(_ stages: String) throws -> [String: String] {
            let found = try LogQLEngine(store: logs.store).streams(
                Self.shop + " | logfmt" + stages, start: .zero, end: .distantFuture, limit: 9)
            let pairs = found.first?.labels.pairs.map { ($0.name, $0.value) } ?? []
            return Dictionary(uniqueKeysWithValues: pairs)
        }
        #expect(try labels("") == expected)
        let gone = try #require(expected.keys.sorted().first)
        let last = try #require(expected.keys.filter { $0.hasPrefix("f") }.max())
        let stages = " | drop \(gone) | label_format \(last)=`new`, other=`x` | logfmt"
        // What was dropped is found once more.
        var changed = expected
        changed["other"] = "x"
        changed[last] = "new"
        #expect(try labels(stages) == changed)
    }

    @Test("facets and detected fields say so when there are more than they list")
    func bounds() throws {
        let logs = TestLogs()
        for line in 0..<3 {
            let fields = (0..<400).map { "f\(line * 400 + $0)=1" }
            logs.add(at: Int64(line), .string(fields.joined(separator: " ")))
        }
        let engine = LogQLEngine(store: logs.store)
        guard case .log(let query) = try LogQLEngine.parse(Self.shop) else { return }
        let end = Timestamp(seconds: 1)
        let facets = try engine.facets(
            query, start: .zero, end: end, lineLimit: 10, valueLimit: 5)
        #expect(facets.facets.count == 1_000 && facets.warnings.count == 1)
        let fields = try engine.detectedFields(query, start: .zero, end: end, lineLimit: 10)
        #expect(fields.fields.count == 1_000 && fields.warnings == facets.warnings)
        let few = try engine.facets(query, start: .zero, end: end, lineLimit: 2, valueLimit: 5)
        #expect(few.facets.count == 800 && few.warnings.isEmpty)
    }
}
