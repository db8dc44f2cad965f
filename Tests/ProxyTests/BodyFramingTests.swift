import Platform
import Proxy
import Testing

@Suite struct BodyFramingTests {
    /// Feeds `text` in pieces of `size`; what the framing says at the end, and the content.
    private func feed(
        _ text: String, size: Int
    ) -> (progress: BodyFraming.Progress, content: String, used: Int) {
        let bytes = Array(text.utf8)
        var framing = BodyFraming(.chunked(ChunkedFraming()))
        var content: [UInt8] = []
        var offset = 0
        while offset < bytes.count {
            let piece = Array(bytes[offset..<min(offset + size, bytes.count)])
            let progress = piece.withUnsafeBytes { raw in
                framing.consume(raw) { content.append(contentsOf: piece[$0]) }
            }
            let text = String(decoding: content, as: UTF8.self)
            switch progress {
            case .more: offset += piece.count
            case .finished(let used): return (progress, text, offset + used)
            case .invalid: return (progress, text, offset)
            }
        }
        return (.more, String(decoding: content, as: UTF8.self), offset)
    }

    @Test("chunks in pieces of any size give the content and its end", arguments: 1...40)
    func pieces(size: Int) {
        let message =
            "5;name=\"v\"\r\nhello\r\n0B\r\n, chunked w\r\n4\r\norld\r\n0\r\nX-T: 1\r\n\r\n"
        let result = feed(message + "GET", size: size)
        #expect(result.content == "hello, chunked world")
        #expect(result.used == message.utf8.count)
    }

    @Test(
        "chunk framing that two parsers might read differently is refused",
        arguments: [
            "5 \r\nhello", " 5\r\nhello", "+5\r\nhello", "0x5\r\nhello", "5\nhello", "5\rhello",
            "\r\nhello", ";x\r\n", "5;\u{1}\r\nhello", "5\r\nhelloX", "5\r\nhello\n0\r\n",
            "fffffffffffffffff\r\n", "G\r\n", "0\r\n bad: 1\r\n\r\n", "0\r\nbad\r\n\r\n",
            "0\r\nX: 1\n\r\n", "0\r\n\r\r", "-1\r\n",
        ])
    func refused(_ message: String) {
        for size in [1, 3, 1_000] { #expect(feed(message, size: size).progress == .invalid) }
    }

    @Test("a body of a known length ends at that length")
    func length() {
        var framing = BodyFraming(.length(5))
        #expect(Array("hel".utf8).withUnsafeBytes { framing.consume($0) } == .more)
        #expect(!framing.isFinished)
        #expect(
            Array("loGET".utf8).withUnsafeBytes { framing.consume($0) } == .finished(used: 2))
        #expect(framing.isFinished)
        #expect(framing.contentBytes == 5)
    }

    @Test(
        "where a response ends follows from its status, its request and its fields",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", RequestMethod.get, "length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", .head, "none"),
            ("HTTP/1.1 204 No Content\r\n\r\n", .get, "none"),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", .get, "none"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .get, "chunked"),
            ("HTTP/1.0 200\r\n\r\n", .get, "untilClose"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .get, "none"),
        ])
    func responses(_ text: String, _ method: RequestMethod, _ expected: String) {
        var parser = ResponseParser()
        let result = Array(text.utf8).withUnsafeBytes { parser.parse($0) }
        #expect(result == .complete(length: text.utf8.count))
        let name =
            switch parser.head.bodyFraming(requestMethod: method).mode {
            case .none: "none"
            case .length: "length"
            case .chunked: "chunked"
            case .untilClose: "untilClose"
            }
        #expect(name == expected)
    }

    @Test(
        "responses that are no HTTP are refused",
        arguments: [
            "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 999 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 OK\nX: y\n\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ])
    func badResponses(_ text: String) {
        var parser = ResponseParser()
        let result = Array(text.utf8).withUnsafeBytes { parser.parse($0) }
        guard case .invalid = result else {
            Issue.record("\(text) was accepted: \(result)")
            return
        }
    }

    @Test("mutated chunked bodies never crash and never claim more bytes than there are")
    func fuzz() {
        let random = SeededRandom(seed: 0xC0DE)
        let seed = Array(
            "5\r\nhello\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\na: b\r\n\r\n".utf8)
        for round in 0..<20_000 {
            var bytes = seed
            for _ in 0...random.next(below: 3) {
                let index = Int(random.next(below: UInt64(bytes.count)))
                bytes[index] = UInt8(truncatingIfNeeded: random.next())
            }
            var framing = BodyFraming(.chunked(ChunkedFraming()))
            let progress = bytes.withUnsafeBytes { framing.consume($0) }
            if case .finished(let used) = progress {
                #expect(used <= bytes.count, "seed \(random.seed), round \(round)")
            }
            #expect(framing.contentBytes <= UInt64(bytes.count))
        }
    }
}
