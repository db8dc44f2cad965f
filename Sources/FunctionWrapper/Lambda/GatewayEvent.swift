import Glibc
import NIOCore
import Telemetry
import WireFormats

/// An HTTP request as the event that API Gateway makes of it (payload format version 2.0).
enum GatewayEvent {
    static func make(
        _ request: FunctionRequest, id: String, trace: InvocationTrace, time: Timestamp
    ) -> [UInt8] {
        var json = JSONWriter(capacity: request.body.readableBytes + 1_024)
        let headers = headers(request, trace)
        let host = headers.first { $0.name == "host" }?.value ?? ""
        json.object { json in
            json.field("version", "2.0")
            json.field("routeKey", "$default")
            json.field("rawPath", request.path)
            json.field("rawQueryString", request.query)
            let cookies = cookies(request)
            if !cookies.isEmpty { json.field("cookies", strings: cookies) }
            json.objectField("headers") { json in
                for header in headers {
                    json.key(header.name)
                    json.value(header.value)
                }
            }
            let parameters = parameters(request.query)
            if !parameters.isEmpty {
                json.objectField("queryStringParameters") { json in
                    for parameter in parameters {
                        json.key(parameter.name)
                        json.value(parameter.value)
                    }
                }
            }
            json.objectField("requestContext") { json in
                context(request, id: id, host: host, headers: headers, time: time, to: &json)
            }
            body(request, headers, to: &json)
        }
        return json.bytes
    }

    private static func context(
        _ request: FunctionRequest, id: String, host: String,
        headers: [(name: String, value: String)], time: Timestamp, to json: inout JSONWriter
    ) {
        json.field("accountId", LambdaARN.account)
        json.field("apiId", "sidelight")
        json.field("domainName", host)
        json.field("domainPrefix", String(host.prefix { $0 != "." && $0 != ":" }))
        json.objectField("http") { json in
            json.field("method", request.method)
            json.field("path", request.path)
            json.field("protocol", "HTTP/1.1")
            json.field("sourceIp", request.peer)
            json.field("userAgent", headers.first { $0.name == "user-agent" }?.value ?? "")
        }
        json.field("requestId", id)
        json.field("routeKey", "$default")
        json.field("stage", "$default")
        json.field("time", logTime(time))
        json.field("timeEpoch", time.milliseconds)
    }

    private static func cookies(_ request: FunctionRequest) -> [String] {
        var cookies: [String] = []
        for header in request.headers
        where header.name.utf8.elementsEqualIgnoringCase("cookie".utf8) {
            for cookie in header.value.split(separator: ";") {
                cookies.append(String(cookie.drop { $0 == " " }))
            }
        }
        return cookies
    }

    /// Lower-case names, repeated ones joined, and the trace as the handler's span continues it.
    private static func headers(
        _ request: FunctionRequest, _ trace: InvocationTrace
    ) -> [(name: String, value: String)] {
        var merged: [(name: String, value: String)] = []
        for header in request.headers {
            let name = header.name.lowercased()
            guard !["traceparent", "x-amzn-trace-id", "cookie"].contains(name) else { continue }
            if let index = merged.firstIndex(where: { $0.name == name }) {
                merged[index].value += ",\(header.value)"
            } else {
                merged.append((name, header.value))
            }
        }
        merged.append(("traceparent", trace.handlerTraceParent))
        merged.append(("x-amzn-trace-id", trace.xRayHeader))
        return merged
    }

    /// Decoded; values of the same name joined with commas.
    static func parameters(_ query: String) -> [(name: String, value: String)] {
        var merged: [(name: String, value: String)] = []
        for field in query.split(separator: "&") {
            let pair = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = decoded(pair[0])
            let value = pair.count > 1 ? decoded(pair[1]) : ""
            if let index = merged.firstIndex(where: { $0.name == name }) {
                merged[index].value += ",\(value)"
            } else {
                merged.append((name, value))
            }
        }
        return merged
    }

    /// Percent signs and plus signs resolved; what is no escape stays.
    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap(HexDigits.nibble)
            if byte == UInt8(ascii: "+") {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), digits.count == 2 {
                bytes.append(digits[0] << 4 | digits[1])
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Text as it is, everything else in base64.
    private static func body(
        _ request: FunctionRequest, _ headers: [(name: String, value: String)],
        to json: inout JSONWriter
    ) {
        guard request.body.readableBytes > 0 else { return json.field("isBase64Encoded", false) }
        let type = headers.first { $0.name == "content-type" }?.value.lowercased() ?? ""
        let isText =
            type.isEmpty || type.hasPrefix("text/")
            || ["json", "xml", "javascript", "x-www-form-urlencoded"].contains { type.contains($0) }
        let isEncoded = !type.isEmpty && headers.contains { $0.name == "content-encoding" }
        let bytes = Array(request.body.readableBytesView)
        if isText, !isEncoded, let text = String(validating: bytes, as: UTF8.self) {
            json.field("body", text)
            json.field("isBase64Encoded", false)
        } else {
            var encoded: [UInt8] = []
            bytes.withUnsafeBytes { Base64.append($0, to: &encoded) }
            json.field("body", String(decoding: encoded, as: UTF8.self))
            json.field("isBase64Encoded", true)
        }
    }

    /// `12/Mar/2020:19:03:58 +0000`.
    private static func logTime(_ time: Timestamp) -> String {
        var seconds = time_t(time.milliseconds / 1_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(two(parts.tm_mday))/\(months[Int(parts.tm_mon)])/\(parts.tm_year + 1_900)"
        return "\(date):\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) +0000"
    }
}

/// The name of a function in AWS's form. There is no account.
enum LambdaARN {
    static let account = "000000000000"

    static func make(_ configuration: FunctionWrapperConfiguration) -> String {
        "arn:aws:lambda:\(configuration.region):\(account):function:\(configuration.name)"
    }
}
