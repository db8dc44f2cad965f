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
