/// Field names that the proxy acts on.
package enum KnownHeader: UInt8, Sendable, CaseIterable {
    case other
    case host
    case connection
    case contentLength
    case transferEncoding
    case te
    case upgrade
    case keepAlive
    case proxyConnection
    case expect
    case traceparent
    case tracestate
    case b3
    case b3TraceID
    case b3SpanID
    case b3ParentSpanID
    case b3Sampled
    case b3Flags
    case requestID
    case userAgent
    case forwardedFor
    case forwardedProto
    /// Names the workload behind the proxy that sent the message: `service/version/namespace`. The
    /// proxies add it to what they send to each other and take it off before applications see it.
    case peer

    /// Any case; the bytes are a valid token.
    @inline(__always)
    static func recognise(_ name: UnsafeRawBufferPointer) -> KnownHeader {
        switch name.count {
        case 2:
            if name.equalsLowercased("te") { return .te }
            if name.equalsLowercased("b3") { return .b3 }
        case 4:
            if name.equalsLowercased("host") { return .host }
        case 6:
            if name.equalsLowercased("expect") { return .expect }
        case 7:
            if name.equalsLowercased("upgrade") { return .upgrade }
        case 10: return ofTen(name)
        case 11:
            if name.equalsLowercased("traceparent") { return .traceparent }
            if name.equalsLowercased("x-b3-spanid") { return .b3SpanID }
        case 12:
            if name.equalsLowercased("x-request-id") { return .requestID }
            if name.equalsLowercased("x-b3-traceid") { return .b3TraceID }
            if name.equalsLowercased("x-b3-sampled") { return .b3Sampled }
        case 14:
            if name.equalsLowercased("content-length") { return .contentLength }
        case 15:
            if name.equalsLowercased("x-forwarded-for") { return .forwardedFor }
        case 16:
            if name.equalsLowercased("proxy-connection") { return .proxyConnection }
            if name.equalsLowercased("x-sidelight-peer") { return .peer }
        case 17:
            if name.equalsLowercased("transfer-encoding") { return .transferEncoding }
            if name.equalsLowercased("x-forwarded-proto") { return .forwardedProto }
            if name.equalsLowercased("x-b3-parentspanid") { return .b3ParentSpanID }
        default: break
        }
        return .other
    }

    private static func ofTen(_ name: UnsafeRawBufferPointer) -> KnownHeader {
        switch name[0] | 0x20 {
        case UInt8(ascii: "c"): name.equalsLowercased("connection") ? .connection : .other
        case UInt8(ascii: "k"): name.equalsLowercased("keep-alive") ? .keepAlive : .other
        case UInt8(ascii: "t"): name.equalsLowercased("tracestate") ? .tracestate : .other
        case UInt8(ascii: "u"): name.equalsLowercased("user-agent") ? .userAgent : .other
        case UInt8(ascii: "x"):
            name.equalsLowercased("x-b3-flags") ? .b3Flags : .other
        default: .other
        }
    }
}
