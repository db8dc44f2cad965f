import Telemetry
import WireFormats

/// What a function returned as the HTTP answer that API Gateway makes of it (payload format version 2.0):
/// an object with a `statusCode` is the answer taken apart, any other JSON is the body of a 200.
enum GatewayResponse {
    /// - Returns: `nil` if it has a `statusCode` but not in the form of an answer.
    static func make(_ result: [UInt8]) -> FunctionResponse? {
        do {
            return try result.withUnsafeBytes { try parse($0) } ?? .json(200, result)
        } catch {
            return nil
        }
    }

    private struct Answer {
        var status: Int64?
        var headers: [(name: String, value: String)] = []
        var cookies: [String] = []
        var body: [UInt8] = []
        var isBase64 = false
    }

    /// - Returns: `nil` if it is no answer taken apart.
    private static func parse(
        _ bytes: UnsafeRawBufferPointer
    ) throws(DecodeError) -> FunctionResponse? {
        var reader = JSONReader(bytes)
        guard try reader.peek() == .object else {
            _ = try reader.skipValue()
            try reader.end()
            return nil
        }
        guard try hasStatus(bytes) else { return nil }
        var answer = Answer()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "statusCode":
                // Some runtimes give the number as text.
                answer.status =
                    try reader.peek() == .string
                    ? Int64(text(try reader.string())) : reader.number().int64
            case "headers": if try !reader.skipNull() { try readHeaders(&reader, &answer) }
            case "multiValueHeaders":
                if try !reader.skipNull() { try readMultiValueHeaders(&reader, &answer) }
            case "cookies": if try !reader.skipNull() { answer.cookies = try strings(&reader) }
            case "body":
                answer.body =
                    try reader.peek() == .string
                    ? Array(try reader.string())
                    : try reader.skipNull() ? [] : Array(try reader.skipValue())
            case "isBase64Encoded":
                if try !reader.skipNull() { answer.isBase64 = try reader.bool() }
            default: _ = try reader.skipValue()
            }
        }
        try reader.end()
        return try response(answer)
    }

    private static func hasStatus(_ bytes: UnsafeRawBufferPointer) throws(DecodeError) -> Bool {
        var reader = JSONReader(bytes)
        var found = false
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if case "statusCode" = key { found = true }
            _ = try reader.skipValue()
        }
        try reader.end()
        return found
    }

    private static func response(_ answer: Answer) throws(DecodeError) -> FunctionResponse {
        guard let status = answer.status, (200...599).contains(status) else {
            throw .malformed(field: "statusCode", offset: 0, reason: "not from 200 to 599")
        }
        var body = answer.body
        if answer.isBase64 {
            body = []
            guard answer.body.withUnsafeBytes({ Base64.decode($0, into: &body) }) else {
                throw .malformed(field: "body", offset: 0, reason: "not base64")
            }
        }
        let forbidden = ["content-length", "transfer-encoding", "connection"]
        var headers = answer.headers.filter { header in
            let isSafe = (header.name + header.value).utf8.allSatisfy { $0 >= 0x20 || $0 == 9 }
            return isSafe && !header.name.isEmpty && !forbidden.contains(header.name.lowercased())
        }
        headers += answer.cookies.map { (name: "set-cookie", value: $0) }
        if !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            headers.append(("content-type", "application/json"))
        }
        return FunctionResponse(status: Int(status), headers: headers, body: .bytes(body))
    }

    private static func readHeaders(
        _ reader: inout JSONReader, _ answer: inout Answer
    ) throws(DecodeError) {
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let name = text(key.bytes)
            let value =
                try reader.peek() == .string
                ? text(try reader.string()) : text(try reader.skipValue())
            answer.headers.append((name, value))
        }
    }

    private static func readMultiValueHeaders(
        _ reader: inout JSONReader, _ answer: inout Answer
    ) throws(DecodeError) {
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let name = text(key.bytes)
            for value in try strings(&reader) { answer.headers.append((name, value)) }
        }
    }

    private static func strings(_ reader: inout JSONReader) throws(DecodeError) -> [String] {
        var strings: [String] = []
        try reader.beginArray()
        while try reader.nextElement() { strings.append(text(try reader.string())) }
        return strings
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes, as: UTF8.self)
    }
}
