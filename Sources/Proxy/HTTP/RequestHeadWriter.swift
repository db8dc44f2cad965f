import NIOCore
import Telemetry

/// Writes the head that goes upstream: the client's, without the fields that end at this hop (RFC 9110
/// §7.6.1), with the trace context of the innermost span.
struct RequestHeadWriter {
    /// `x-sidelight-peer` line for upstream proxies; empty for the application itself.
    var peerLine: [UInt8]
    /// The client's address, to be added to `X-Forwarded-For`; empty adds none.
    var forwardedFor: [UInt8]
    var parent: SpanID

    func write(_ exchange: Exchange, into buffer: inout ByteBuffer) {
        let spare =
            768 + peerLine.count + forwardedFor.count + exchange.head.authority.count
            + exchange.requestID.count + 64
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: exchange.headLength + spare) {
            var writer = RawWriter($0)
            exchange.bytes.withUnsafeBytes { write(exchange, $0, &writer) }
            return writer.count
        }
    }

    private func write(
        _ exchange: Exchange, _ bytes: UnsafeRawBufferPointer, _ writer: inout RawWriter
    ) {
        writeRequestLine(exchange, bytes, &writer)
        let block = exchange.head.block
        var runStart = block.fields.first.map { Int($0.start) } ?? Int(block.end)
        for index in 0..<block.fields.count {
            let field = block.fields[index]
            guard drops(field, exchange, bytes) else { continue }
            writer.append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<Int(field.start)]))
            runStart = block.lineEnd(index)
        }
        writer.append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<Int(block.end)]))
        writeOwnFields(exchange, bytes, &writer)
        writer.append("\r\n")
    }

    private func writeRequestLine(
        _ exchange: Exchange, _ bytes: UnsafeRawBufferPointer, _ writer: inout RawWriter
    ) {
        writer.append(bytes[exchange.head.methodName])
        writer.append(" ")
        if exchange.head.isAbsoluteForm {
            if exchange.head.path.isEmpty {
                writer.append(exchange.head.method == .options ? "*" : "/")
            }
            let start = Int(exchange.head.path.start)
            let end = Int(exchange.head.target.end)
            writer.append(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        } else {
            writer.append(bytes[exchange.head.target])
        }
        writer.append(" HTTP/1.1\r\n")
    }

    private func drops(
        _ field: HeaderField, _ exchange: Exchange, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        switch field.known {
        case .other:
            guard exchange.head.block.namesOtherFields else { return false }
            let name = bytes[ByteRange(Int(field.start), Int(field.nameEnd))]
            return exchange.head.block.connectionNames(name, in: bytes)
        case .connection, .te, .upgrade, .keepAlive, .proxyConnection, .traceparent, .peer:
            return true
        case .tracestate: return exchange.traceState.isEmpty
        case .requestID: return exchange.generatedRequestID
        case .host: return exchange.head.isAbsoluteForm
        case .forwardedFor: return replacesForwardedFor(exchange)
        case .b3: return rewritesB3(exchange)
        case .b3TraceID, .b3SpanID, .b3ParentSpanID, .b3Sampled, .b3Flags:
            return rewritesB3(exchange) && exchange.head.block.contains(.b3TraceID)
        case .contentLength, .transferEncoding, .expect, .userAgent, .forwardedProto: return false
        }
    }

    private func replacesForwardedFor(_ exchange: Exchange) -> Bool {
        !forwardedFor.isEmpty && !exchange.head.block.isRepeated(.forwardedFor)
    }

    private func writeOwnFields(
        _ exchange: Exchange, _ bytes: UnsafeRawBufferPointer, _ writer: inout RawWriter
    ) {
        if exchange.head.isAbsoluteForm || !exchange.head.block.contains(.host) {
            writer.append("host: ")
            if exchange.head.authority.isEmpty {
                writer.append(exchange.endpoint?.text ?? [])
            } else {
                writer.append(bytes[exchange.head.authority])
            }
            writer.append("\r\n")
        }
        writer.append("traceparent: 00-")
        writer.append(hex: exchange.trace.traceID.high)
        writer.append(hex: exchange.trace.traceID.low)
        writer.append("-")
        writer.append(hex: parent.value)
        writer.append("-")
        writer.append(hexByte: exchange.trace.flags)
        writer.append("\r\n")
        writeB3(exchange, &writer)
        if exchange.generatedRequestID {
            writer.append("x-request-id: ")
            writer.append(bytes[exchange.requestID])
            writer.append("\r\n")
        }
        writeForwarded(exchange, bytes, &writer)
        writer.append(peerLine)
    }

    /// Whether B3 fields say again what `traceparent` says. In a trace that begins here there are none to
    /// rewrite but a decision without ids, which holds as it is.
    private func rewritesB3(_ exchange: Exchange) -> Bool { exchange.trace.origin != .new }

    /// A caller that speaks B3 gets it passed on, in the forms in which it sent it, also beside a
    /// `traceparent`: an upstream that reads only B3 must not end up under another parent.
    private func writeB3(_ exchange: Exchange, _ writer: inout RawWriter) {
        guard rewritesB3(exchange) else { return }
        let trace = exchange.trace
        if exchange.head.block.contains(.b3) {
            writer.append("b3: ")
            writer.append(hex: trace.traceID.high)
            writer.append(hex: trace.traceID.low)
            writer.append("-")
            writer.append(hex: parent.value)
            writer.append(trace.isSampled ? "-1\r\n" : "-0\r\n")
        }
        if exchange.head.block.contains(.b3TraceID) {
            writer.append("x-b3-traceid: ")
            writer.append(hex: trace.traceID.high)
            writer.append(hex: trace.traceID.low)
            writer.append("\r\nx-b3-spanid: ")
            writer.append(hex: parent.value)
            writer.append("\r\nx-b3-parentspanid: ")
            writer.append(hex: trace.parentID.value)
            writer.append(trace.isSampled ? "\r\nx-b3-sampled: 1\r\n" : "\r\nx-b3-sampled: 0\r\n")
        }
    }

    private func writeForwarded(
        _ exchange: Exchange, _ bytes: UnsafeRawBufferPointer, _ writer: inout RawWriter
    ) {
        guard !forwardedFor.isEmpty else { return }
        writer.append("x-forwarded-for: ")
        if replacesForwardedFor(exchange), let former = exchange.head.block.value(.forwardedFor) {
            writer.append(bytes[former])
            writer.append(", ")
        }
        writer.append(forwardedFor)
        writer.append("\r\n")
        if !exchange.head.block.contains(.forwardedProto) {
            writer.append("x-forwarded-proto: http\r\n")
        }
    }
}
