import HTTPServer
import NIOCore
import NIOHPACK
import NIOHTTP2
import Platform
import WireFormats

/// Stands before the gRPC transport on every stream: takes messages out of their frames, expands them and
/// hands them on whole and uncompressed.
///
/// The transport's own expansion never ends on a message that is cut off inside its gzip stream, and what
/// it cannot read it answers by resetting the stream: senders take that for a failure of the network and
/// try the same again for ever. Here such a call gets the status that ends it, and is counted. Calls that
/// the transport refuses by their header (an unknown compression, another content type) get their status
/// from it, and are only counted here.
final class GRPCExpansion: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private static let codings: Set<String> = ["gzip", "deflate", "zstd"]
    /// Flag and length (gRPC over HTTP/2, "Length-Prefixed-Message").
    private static let prefixBytes = 5

    private let events: EventLog
    private let messageBytesMax: Int
    /// By the service that is called.
    private var way = ReceiverProtocol.otlpGRPC
    /// What `grpc-encoding` named, if it is one of `codings`.
    private var coding: String?
    private var pending = ByteBuffer()
    private var isReadingHead = false
    private var hasAnswerBegun = false
    /// The last frame of the answer is written: whatever comes is dropped.
    private var isAnswered = false

    /// - Parameter messageBytesMax: the bound on one message, as sent and expanded.
    init(events: EventLog, messageBytesMax: Int) {
        self.events = events
        self.messageBytesMax = messageBytesMax
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswered else { return }
        switch unwrapInboundIn(data) {
        case .headers(let frame):
            isReadingHead = true
            way = ReceiverProtocol(grpcPath: frame.headers.first(name: ":path") ?? "")
            context.fireChannelRead(wrapInboundOut(.headers(withoutCoding(frame))))
            isReadingHead = false
        case .data(let frame): read(frame, context)
        default: context.fireChannelRead(data)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .headers(var frame) = unwrapOutboundIn(data) else {
            return context.write(data, promise: promise)
        }
        if !hasAnswerBegun {
            frame.headers.replaceOrAdd(
                name: "grpc-accept-encoding", value: "identity,deflate,gzip,zstd")
        }
        hasAnswerBegun = true
        isAnswered = isAnswered || frame.endStream
        if isReadingHead, frame.endStream { count(.unsupportedMediaType) }
        context.write(wrapOutboundOut(.headers(frame)), promise: promise)
    }

    /// Remembers the compression and hides it from the transport, which needs none.
    private func withoutCoding(
        _ frame: HTTP2Frame.FramePayload.Headers
    ) -> HTTP2Frame.FramePayload.Headers {
        var frame = frame
        if let name = frame.headers.first(name: "grpc-encoding"), Self.codings.contains(name) {
            coding = name
            frame.headers.remove(name: "grpc-encoding")
        }
        return frame
    }

    private func read(_ frame: HTTP2Frame.FramePayload.Data, _ context: ChannelHandlerContext) {
        if case .byteBuffer(var bytes) = frame.data {
            if pending.readableBytes == 0 { pending = bytes } else { pending.writeBuffer(&bytes) }
        }
        do throws(HTTPError) {
            while let message = try nextMessage() {
                context.fireChannelRead(
                    wrapInboundOut(.data(.init(data: .byteBuffer(message), endStream: false))))
                if isAnswered { return }
            }
            if frame.endStream, pending.readableBytes > 0 {
                throw HTTPError(.badRequest, message: "the message ends inside its frame")
            }
        } catch {
            return refuse(error, context)
        }
        if frame.endStream {
            context.fireChannelRead(
                wrapInboundOut(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true))))
        }
    }

    /// The next whole message with the prefix of an uncompressed one; `nil` if more bytes are needed.
    private func nextMessage() throws(HTTPError) -> ByteBuffer? {
        guard let flag: UInt8 = pending.getInteger(at: pending.readerIndex),
            let length: UInt32 = pending.getInteger(at: pending.readerIndex + 1)
        else { return nil }
        guard length <= messageBytesMax else {
            throw HTTPError(
                .bodyTooLarge,
                message: "the message of \(length) bytes exceeds the limit of \(messageBytesMax)")
        }
        guard flag == 0 || flag == 1 && coding != nil else {
            throw HTTPError(
                .undecodableEncoding,
                message: "the message's flag \(flag) does not go with the call's grpc-encoding")
        }
        guard let message = pending.readSlice(length: Self.prefixBytes + Int(length)) else {
            return nil
        }
        defer { if pending.readableBytes == 0 { pending = ByteBuffer() } }
        return flag == 0 ? message : try expanded(message)
    }

    private func expanded(_ message: ByteBuffer) throws(HTTPError) -> ByteBuffer {
        let body = try ContentCoding.decode(
            [UInt8](message.readableBytesView.dropFirst(Self.prefixBytes)), encoding: coding,
            raw: [], limit: messageBytesMax)
        var buffer = ByteBuffer()
        buffer.reserveCapacity(Self.prefixBytes + body.count)
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt32(clamping: body.count))
        buffer.writeBytes(body)
        return buffer
    }

    /// Ends the call with a status that is not tried again (OTLP specification, "OTLP/gRPC Throttling").
    private func refuse(_ error: HTTPError, _ context: ChannelHandlerContext) {
        isAnswered = true
        pending = ByteBuffer()
        count(error.reason)
        let code: RPCStatus.Code =
            error.reason == .bodyTooLarge ? .resourceExhausted : .internalError
        var headers = HPACKHeaders()
        if !hasAnswerBegun {
            headers.add(name: ":status", value: "200")
            headers.add(name: "content-type", value: "application/grpc")
        }
        headers.add(name: "grpc-status", value: String(code.rawValue))
        headers.add(name: "grpc-message", value: error.message)
        context.writeAndFlush(
            wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: nil)
        context.close(promise: nil)
    }

    private func count(_ reason: HTTPError.Reason) {
        events.emit(RequestRefused(way: way, reason: reason.rawValue))
    }
}

extension ReceiverProtocol {
    /// The protocol of a gRPC service: OTLP unless it is another's.
    fileprivate init(grpcPath path: String) {
        self =
            if path.hasPrefix("/jaeger.") {
                .jaegerGRPC
            } else if path.hasPrefix("/zipkin.") {
                .zipkin
            } else {
                .otlpGRPC
            }
    }
}
