import NIOCore

/// Writes the head that goes to the client: the upstream's, without the fields that end at this hop.
struct ResponseHeadWriter {
    enum ConnectionField {
        case none
        case close
        case keepAlive
    }

    var connection: ConnectionField
    /// The client cannot read chunks, so the content goes out plain.
    var removesChunking: Bool
    /// `x-sidelight-peer` line for a client that is a proxy itself; else empty.
    var peerLine: [UInt8]

    /// - Parameter bytes: start with the upstream's head.
    func write(
        _ head: borrowing ResponseHead, _ bytes: UnsafeRawBufferPointer,
        into buffer: inout ByteBuffer
    ) {
        let spare = 64 + peerLine.count
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(head.block.end) + spare) {
            var writer = RawWriter($0)
            write(head, bytes, &writer)
            return writer.count
        }
    }

    private func write(
        _ head: borrowing ResponseHead, _ bytes: UnsafeRawBufferPointer, _ writer: inout RawWriter
    ) {
        writer.append("HTTP/1.1 ")
        writer.append(bytes[head.statusText])
        writer.append("\r\n")
        var runStart = head.block.fields.first.map { Int($0.start) } ?? Int(head.block.end)
        for index in 0..<head.block.fields.count {
            let field = head.block.fields[index]
            guard drops(field, head, bytes) else { continue }
            writer.append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<Int(field.start)]))
            runStart = head.block.lineEnd(index)
        }
        writer.append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<Int(head.block.end)]))
        writer.append(peerLine)
        switch connection {
        case .none: break
        case .close: writer.append("connection: close\r\n")
        case .keepAlive: writer.append("connection: keep-alive\r\n")
        }
        writer.append("\r\n")
    }

    private func drops(
        _ field: HeaderField, _ head: borrowing ResponseHead, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        switch field.known {
        case .connection, .keepAlive, .proxyConnection, .upgrade, .te, .peer: return true
        case .transferEncoding: return removesChunking
        case .other:
            guard head.block.namesOtherFields else { return false }
            let name = bytes[ByteRange(Int(field.start), Int(field.nameEnd))]
            return head.block.connectionNames(name, in: bytes)
        default: return false
        }
    }
}
