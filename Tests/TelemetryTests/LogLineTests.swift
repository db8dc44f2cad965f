import Telemetry
import Testing

@Suite("LogLine")
struct LogLineTests {
    private func line(body: AttributeValue = .empty, _ attributes: [Attribute] = []) -> String {
        var batch = LogBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        var record = LogRecord(time: .zero, observedTime: .zero, body: body)
        record.attributes = attributes
        batch.append(LogRecord(time: .zero, observedTime: .zero), resource: resource, scope: scope)
        batch.append(record, resource: resource, scope: scope)
        return LogLine.string(batch, row: 1)
    }

    @Test(
        "a record without a body is its attributes as a JSON object, in order and with their types")
    func object() {
        let attributes: [Attribute] = [
            Attribute("z", .string("a\"b")), Attribute("a", .int(-3)), Attribute("f", .double(2)),
            Attribute("t", .bool(true)), Attribute("n", .empty), Attribute("b", .bytes([0, 255])),
            Attribute("z", .array([.int(1), .map([Attribute("k\n", .string(""))]), .array([])])),
        ]
        #expect(
            line(body: .empty, attributes)
                == #"{"z":"a\"b","a":-3,"f":2.0,"t":true,"n":null,"b":"00ff","#
                + #""z":[1,{"k\n":""},[]]}"#)
        #expect(line() == "{}")
    }

    @Test("a body is the line, attributes or not")
    func bodies() {
        #expect(
            line(body: .string("GET / \"x\"\t200"), [Attribute("a", .int(1))]) == "GET / \"x\"\t200"
        )
        #expect(line(body: .string("")).isEmpty)
        #expect(line(body: .int(7)) == "7")
        #expect(line(body: .bytes([1, 2])) == "0102")
        #expect(line(body: .map([Attribute("a", .bool(false))])) == #"{"a":false}"#)
    }

    @Test(
        "many lines of a batch render as each by itself", arguments: 1...20 as ClosedRange<UInt64>)
    func renderer(seed: UInt64) {
        var dice = Dice(seed: seed)
        var batch = LogBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        let keys = ["plain", "other", "a b", "quo\"te", "é", "", "plain"]
        for _ in 0..<60 {
            let body = dice.roll(8) == 0 ? dice.value() : .empty
            var record = LogRecord(time: .zero, observedTime: .zero, body: body)
            let isSimple = dice.roll(2) == 0
            record.attributes = (0..<dice.roll(keys.count)).map { place in
                let key = dice.roll(4) == 0 ? keys[dice.roll(keys.count)] : keys[place]
                guard isSimple else { return Attribute(key, dice.value()) }
                let number = Int64(bitPattern: dice.next()) >> Int64(dice.roll(64))
                let values: [AttributeValue] = [
                    .string("GET /\(dice.roll(50))"), .int(number), .int(.min), .int(.max),
                    .bool(dice.roll(2) == 0), .empty, .string(""), .int(0),
                ]
                return Attribute(key, values[dice.roll(values.count)])
            }
            if dice.roll(5) == 0 { record.flags = LineSpacing.all.rawValue | 1 }
            batch.append(record, resource: resource, scope: scope)
        }
        var renderer = LineRenderer(batch)
        for row in Array(0..<batch.count) + [0, 59, 3] {
            var output = Array("x".utf8)
            renderer.append(row: row, to: &output)
            #expect(
                String(decoding: output, as: UTF8.self) == "x" + LogLine.string(batch, row: row))
        }
    }

    @Test("encoded bytes that are damaged anywhere render as some JSON and never trap")
    func damaged() {
        let value = AttributeValue.map([
            Attribute("key", .array([.int(1_000), .double(0.5), .string("text"), .bytes([1])])),
            Attribute("other", .map([Attribute("x", .bool(true))])),
        ])
        let whole = value.encoded
        for length in 0..<whole.count {
            var output = Array("x".utf8)
            JSONText.append(encoded: Array(whole[..<length]), to: &output)
            #expect(String(decoding: output, as: UTF8.self) == "xnull")
        }
        for index in whole.indices {
            for byte in UInt8.min ... .max {
                var broken = whole
                broken[index] = byte
                var output: [UInt8] = []
                JSONText.append(encoded: broken, to: &output)
                #expect(!output.isEmpty)
            }
        }
    }
}
