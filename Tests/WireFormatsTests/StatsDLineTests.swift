import Telemetry
import Testing
import WireFormats

@Suite("Lines of StatsD")
struct StatsDLineTests {
    /// What a line says, in one text.
    private func read(_ text: String) throws(StatsDLine.Failure) -> String {
        let result = Array(text.utf8).withUnsafeBytes { bytes in
            Result { () throws(StatsDLine.Failure) in
                let line = try StatsDLine(bytes)
                var values: [String] = []
                if line.kind == .set {
                    line.forEachText { values.append(String(decoding: $0, as: UTF8.self)) }
                } else {
                    line.forEachValue { values.append("\($0)\($1 ? "±" : "")") }
                }
                return "\(line.labels) \(line.kind) \(values) @\(line.rate)"
            }
        }
        return try result.get()
    }

    @Test(
        "kinds, rates, tags and several values",
        arguments: [
            ("page.views:1|c", "page_views counter [\"1.0\"] @1.0"),
            ("a:2|c|@0.1", "a counter [\"2.0\"] @0.1"),
            ("fuel.level:0.5|g", "fuel_level gauge [\"0.5\"] @1.0"),
            ("fuel:-4|g", "fuel gauge [\"-4.0±\"] @1.0"),
            ("song.length:240|h|@0.5", "song_length distribution [\"240.0\"] @0.5"),
            ("t:1:2.5:3|ms", "t timer [\"1.0\", \"2.5\", \"3.0\"] @1.0"),
            ("users:ab:c|s", "users set [\"ab:c\"] @1.0"),
            (
                "a:1|c|#country:china,flag,url:http://x/,b-c:d|c:container",
                "a{b_c=\"d\", country=\"china\", flag=\"true\", url=\"http://x/\"} counter"
                    + " [\"1.0\"] @1.0"
            ),
            ("a,host=h1,x=y:1|c", "a{host=\"h1\", x=\"y\"} counter [\"1.0\"] @1.0"),
            ("a#host=h1:1|d", "a{host=\"h1\"} distribution [\"1.0\"] @1.0"),
            ("a,=x:1|c|#:y,,a:1,a:2", "a{a=\"2\"} counter [\"1.0\"] @1.0"),
            ("2xx:1|c|T1656581400", "_2xx counter [\"1.0\"] @1.0"),
        ])
    func reads(line: String, expected: String) throws {
        #expect(try read(line) == expected)
    }

    @Test(
        "what is no line says why",
        arguments: [
            ("", StatsDLine.Failure.noValue), ("a", .noValue), (":1|c", .noValue),
            ("a:|c", .noValue), ("a:1", .noKind), ("a:1|", .noKind), ("a:1|x", .unknownKind),
            ("a:1|cc", .unknownKind), ("a:x|c", .badValue), ("a:1:|c", .badValue),
            ("a:NaN|g", .badValue), ("a:1|c|@0", .badRate), ("a:1|c|@2", .badRate),
            ("a:1|c|@x", .badRate), ("_e{1,1}:a|b", .noMetric), ("_sc|a|0", .noMetric),
            ("#a=b:1|c", .noValue),
        ])
    func refuses(line: String, failure: StatsDLine.Failure) {
        #expect(throws: failure) { try read(line) }
    }

    @Test("no flipped or cut-off line crashes")
    func robust() {
        let line = Array("na.me#x=y:1:+2|ms|@0.5|#a:b,c|T12".utf8)
        for end in line.indices {
            for byte in UInt8.min...UInt8.max {
                var flipped = line
                flipped[end] = byte
                for bytes in [flipped, Array(flipped[...end])] {
                    let text = String(decoding: bytes, as: UTF8.self)
                    do { #expect(!(try read(text)).isEmpty) } catch {
                        #expect(!error.rawValue.isEmpty)
                    }
                }
            }
        }
    }
}
