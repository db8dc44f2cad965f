import NIOCore
import Telemetry

/// The response that the proxy gives in an upstream's place: a JSON object that says why, with the
/// trace to look it up by.
enum LocalReply {
    /// - Returns: the length of the body.
    static func write(
        _ exchange: Exchange, _ connection: ResponseHeadWriter.ConnectionField,
        into buffer: inout ByteBuffer
    ) -> Int {
        let body =
            "{\"status\":\(exchange.status),\"error\":\"\(reason(exchange.status))\","
            + "\"details\":\"\(exchange.detail)\",\"flags\":\"\(exchange.flags.text)\","
            + "\"trace_id\":\"\(exchange.trace.traceID.hex)\"}\n"
        var head =
            "HTTP/1.1 \(exchange.status) \(reason(exchange.status))\r\n"
            + "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n"
        switch connection {
        case .none: break
        case .close: head += "connection: close\r\n"
        case .keepAlive: head += "connection: keep-alive\r\n"
        }
        buffer.writeString(head + "\r\n")
        guard exchange.headLength == 0 || exchange.head.method != .head else { return 0 }
        buffer.writeString(body)
        return body.utf8.count
    }

    private static func reason(_ status: UInt16) -> String {
        switch status {
        case 400: "Bad Request"
        case 404: "Not Found"
        case 408: "Request Timeout"
        case 414: "URI Too Long"
        case 431: "Request Header Fields Too Large"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Error"
        }
    }
}
