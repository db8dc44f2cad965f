import Platform
import Proxy
import Testing

@Suite struct RequestParserTests {
    private func parse(_ text: String, limits: HeadLimits = HeadLimits()) -> HeadResult {
        var parser = RequestParser(limits: limits)
        return Array(text.utf8).withUnsafeBytes { parser.parse($0) }
    }

    private func text(_ range: ByteRange, of text: String) -> String {
        String(decoding: Array(text.utf8)[range.range], as: UTF8.self)
    }

    @Test("the parts of a request are found")
    func parts() {
        let request = "GET /a/b?x=1 HTTP/1.1\r\nHost: shop:80\r\nUser-Agent:  curl \r\n\r\n"
        var parser = RequestParser()
        let result = Array(request.utf8).withUnsafeBytes { parser.parse($0) }
        #expect(result == .complete(length: request.utf8.count))
        #expect(parser.head.method == .get)
        #expect(text(parser.head.path, of: request) == "/a/b")
        #expect(text(parser.head.query, of: request) == "x=1")
        #expect(text(parser.head.authority, of: request) == "shop:80")
        #expect(parser.head.block.value(.userAgent).map { text($0, of: request) } == "curl")
        #expect(parser.head.keepsAlive)
    }

    @Test("the target's absolute form wins over Host")
    func absoluteForm() {
        let request = "GET http://cart:81/x?y HTTP/1.1\r\nHost: other\r\n\r\n"
        var parser = RequestParser()
        _ = Array(request.utf8).withUnsafeBytes { parser.parse($0) }
        #expect(parser.head.isAbsoluteForm)
        #expect(text(parser.head.authority, of: request) == "cart:81")
        #expect(text(parser.head.path, of: request) == "/x")
    }

    @Test(
        "what request smuggling and broken clients send is refused",
        arguments: [
            ("GET / HTTP/1.1\nHost: a\n\n", HeadError.bareLineFeed),
            ("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", .bareLineFeed),
            ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", .malformedHostOrValue),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", .spaceBeforeColon),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", .foldedField),
            ("GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n", .foldedField),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", .malformedFieldValue),
            ("GET / HTTP/1.1\r\nHost: a\r\nX\u{1}: b\r\n\r\n", .malformedFieldName),
            ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", .spaceBeforeColon),
            ("GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", .malformedFieldName),
            ("GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n", .malformedFieldName),
            ("GET / HTTP/1.1\r\n\r\n", .missingHost),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .repeatedHost),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .malformedHost),
            ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", .malformedHost),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("GET /\r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("GET / http/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
            ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", .unsupportedVersion),
            ("PRI * HTTP/2.0\r\n\r\n", .unsupportedVersion),
            ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", .unsupportedMethod),
        ])
    func refused(_ request: String, _ error: HeadError) {
        #expect(parse(request) == .invalid(error))
    }

    @Test(
        "bodies whose end two parsers might see differently are refused",
        arguments: [
            (
                "Content-Length: 5\r\nTransfer-Encoding: chunked",
                HeadError.contentLengthWithTransferEncoding
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 5",
                .contentLengthWithTransferEncoding
            ),
            ("Content-Length: 5\r\nContent-Length: 6", .repeatedContentLength),
            ("Content-Length: 5\r\nContent-Length: 5", .repeatedContentLength),
            ("Content-Length: 5, 5", .malformedContentLength),
            ("Content-Length: +5", .malformedContentLength),
            ("Content-Length: -5", .malformedContentLength),
            ("Content-Length: 0x5", .malformedContentLength),
            ("Content-Length: 5 5", .malformedContentLength),
            ("Content-Length:", .malformedContentLength),
            ("Content-Length: 9999999999999999999999", .malformedContentLength),
            ("Transfer-Encoding: gzip, chunked", .unsupportedTransferEncoding),
            ("Transfer-Encoding: chunked, chunked", .unsupportedTransferEncoding),
            ("Transfer-Encoding: identity", .unsupportedTransferEncoding),
            ("Transfer-Encoding: xchunked", .unsupportedTransferEncoding),
            ("Transfer-Encoding: chunked;a=b", .unsupportedTransferEncoding),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                .repeatedTransferEncoding
            ),
            ("Transfer-Encoding : chunked", .spaceBeforeColon),
            ("Transfer-Encoding:\u{b}chunked", .malformedFieldValue),
        ])
    func smuggling(_ fields: String, _ error: HeadError) {
        #expect(
            parse("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n") == .invalid(error))
    }

    @Test("chunks from an HTTP/1.0 client are refused")
    func oldChunks() {
        #expect(
            parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")
                == .invalid(.transferEncodingInOldVersion))
    }

    @Test("heads past the limits are refused while they still grow")
    func limits() {
        var limits = HeadLimits()
        limits.headBytesMax = 400
        limits.requestLineBytesMax = 100
        limits.fieldsMax = 5
        let long = String(repeating: "x", count: 300)
        #expect(parse("GET /\(long)", limits: limits) == .invalid(.requestLineTooLong))
        #expect(
            parse("GET /\(long) HTTP/1.1\r\n", limits: limits) == .invalid(.requestLineTooLong))
        #expect(
            parse("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\(long)", limits: limits)
                == .invalid(.headTooLarge))
        let fields = String(repeating: "X: y\r\n", count: 6)
        #expect(
            parse("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n", limits: limits)
                == .invalid(.tooManyFields))
    }

    @Test("a request split at any two places is the same request")
    func splits() {
        let request = Array(
            ("POST /p?q=1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
                + "Content-Length: 12\r\ntraceparent: 00-1-2-3\r\n\r\n").utf8)
        for first in 0...request.count {
            for second in first...request.count {
                var parser = RequestParser()
                for end in [first, second] where end < request.count {
                    let result = request[..<end].withUnsafeBytes { parser.parse($0) }
                    #expect(result == .incomplete)
                }
                let result = request.withUnsafeBytes { parser.parse($0) }
                #expect(result == .complete(length: request.count))
                #expect(parser.head.block.contentLength == 12)
                #expect(parser.head.block.namesOtherFields)
                #expect(parser.head.block.fields.count == 5)
            }
        }
    }

    @Test("a request fed byte by byte is the same request")
    func byteByByte() {
        let request = Array("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n".utf8)
        var parser = RequestParser()
        for end in 1..<request.count {
            #expect(request[..<end].withUnsafeBytes { parser.parse($0) } == .incomplete)
        }
        #expect(
            request.withUnsafeBytes { parser.parse($0) } == .complete(length: request.count))
        #expect(parser.head.minorVersion == 0)
        #expect(parser.head.keepsAlive)
    }

    @Test("field names consist of exactly the token characters of RFC 9110", arguments: 0...255)
    func tokens(value: Int) {
        let byte = UInt8(value)
        let marks = Array("!#$%&'*+-.^_`|~".utf8)
        let isToken =
            marks.contains(byte) || (48...57).contains(byte) || (65...90).contains(byte)
            || (97...122).contains(byte)
        let request =
            Array("GET / HTTP/1.1\r\nHost: a\r\nx".utf8) + [byte] + Array("x: y\r\n\r\n".utf8)
        var parser = RequestParser()
        let result = request.withUnsafeBytes { parser.parse($0) }
        // A colon ends the name; what follows is a value.
        #expect((result == .complete(length: request.count)) == (isToken || byte == 58))
    }

    @Test("mutated requests never crash and never claim more bytes than there are")
    func fuzz() {
        let random = SeededRandom(seed: 0x51DE)
        let seed = Array(
            ("PUT http://h:1/a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                + "b3: 0\r\nX-Request-Id: abc\r\nConnection: close\r\n\r\n").utf8)
        for round in 0..<20_000 {
            var bytes = seed
            for _ in 0...random.next(below: 4) {
                let index = Int(random.next(below: UInt64(bytes.count)))
                switch random.next(below: 3) {
                case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
                }
            }
            var parser = RequestParser()
            let result = bytes.withUnsafeBytes { parser.parse($0) }
            guard case .complete(let length) = result else { continue }
            #expect(length <= bytes.count, "seed \(random.seed), round \(round)")
            #expect(Int(parser.head.target.end) <= length)
            for field in parser.head.block.fields { #expect(Int(field.value.end) <= length) }
        }
    }
}

extension HeadError {
    /// A bare CR in `Host` is seen as a broken value.
    fileprivate static let malformedHostOrValue = HeadError.malformedFieldValue
}
