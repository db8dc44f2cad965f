import Foundation
import HTTPServer
import NIOCore
import NIOPosix
import Platform
import Receivers
import Store
import Telemetry
import Testing

@Suite struct XRayTests {
    private static func segment(_ id: Int) -> String {
        let start = TestBed.now.seconds - 1
        return #"{"name":"shop","id":"\#(SpanID(UInt64(id)).hex)","#
            + #""trace_id":"1-581cf771-a006649127e371903a2de979","start_time":\#(start),"end_time":\#(start + 0.5)}"#
    }

    private static func datagram(_ document: String) -> ByteBuffer {
        ByteBuffer(string: "{\"format\": \"json\", \"version\": 1}\n" + document)
    }

    /// Sends datagrams to a listener and stops it, which stores what has come.
    private func send(_ datagrams: [ByteBuffer], to bed: TestBed, expecting spans: Int) async throws
    {
        let listener = try await XRayDatagramListener.open(
            ListenAddress(host: "127.0.0.1", port: 0), flag: "--xray", ingest: bed.ingest)
        let client = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: listener.address.port)
        for datagram in datagrams {
            try await client.writeAndFlush(
                AddressedEnvelope(remoteAddress: address, data: datagram))
        }
        // Loopback hands a datagram over before the write returns; only the reading takes time.
        let deadline = ContinuousClock.now + .seconds(300)
        while bed.store.spans.reduce(0, { $0 + $1.count }) < spans,
            ContinuousClock.now < deadline
        {
            await Task.yield()
        }
        try await client.close()
        await listener.shutdown()
    }

    @Test("segments that come by UDP are stored")
    func udp() async throws {
        let bed = TestBed()
        try await send((1...20).map { Self.datagram(Self.segment($0)) }, to: bed, expecting: 20)
        let ids = bed.store.spans.flatMap(\.spanIDs)
        #expect(Set(ids) == Set((1...20).map { SpanID(UInt64($0)) }))
        #expect(bed.count("sidelight_receiver_items_total", "traces", "xray") == 20)
    }

    @Test("datagrams that are no segments are counted, their neighbours stored")
    func badDatagrams() async throws {
        let bed = TestBed()
        let garbage = ["", "{}", "{\"format\":\"json\"}\n{", "\u{1}\u{2}"]
        try await send(
            garbage.map { ByteBuffer(string: $0) } + [Self.datagram(Self.segment(1))], to: bed,
            expecting: 1)
        #expect(bed.store.spans.flatMap(\.spanIDs) == [SpanID(1)])
        let rejected = bed.count(
            "sidelight_receiver_rejected_items_total", "traces", "xray", "malformed_item")
        // Some systems do not deliver the empty one.
        #expect((3...4).contains(rejected))
    }

    @Test("segments that the store refuses are counted by reason")
    func storeRefuses() async throws {
        let bed = TestBed()
        bed.store.answer(.failure(.overloaded(retryAfterMilliseconds: 1)))
        let listener = try await XRayDatagramListener.open(
            ListenAddress(host: "127.0.0.1", port: 0), flag: "--xray", ingest: bed.ingest)
        let client = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: listener.address.port)
        try await client.writeAndFlush(
            AddressedEnvelope(remoteAddress: address, data: Self.datagram(Self.segment(1))))
        func lost() -> UInt64 {
            bed.count("sidelight_receiver_rejected_items_total", "traces", "xray", "overloaded")
        }
        let deadline = ContinuousClock.now + .seconds(300)
        while lost() == 0, ContinuousClock.now < deadline { await Task.yield() }
        try await client.close()
        await listener.shutdown()
        #expect(lost() == 1)
    }

    @Test("PutTraceSegments stores and names what it could not take")
    func putTraceSegments() async throws {
        let bed = TestBed()
        let document = Self.segment(7).replacing("\"", with: "\\\"")
        let body = Array(#"{"TraceSegmentDocuments":["\#(document)","{"]}"#.utf8)
        try await bed.withHTTP { server in
            let answer = try await server.post("/TraceSegments", body, type: "application/json")
            #expect(answer.status == 200)
            #expect(answer.text.contains(#""UnprocessedTraceSegments":[{"ErrorCode":"ParseError""#))
            let bad = try await server.post("/TraceSegments", Array("[".utf8))
            #expect(bad.status == 400)
            #expect(bad.text.hasPrefix(#"{"__type":"InvalidRequestException","message":"#))
        }
        #expect(bed.store.spans.flatMap(\.spanIDs) == [SpanID(7)])
    }

    @Test("a taken port is an error that names the address and the flag")
    func takenPort() async throws {
        let bed = TestBed()
        let listener = try await XRayDatagramListener.open(
            ListenAddress(host: "127.0.0.1", port: 0), flag: "--xray", ingest: bed.ingest)
        _ = await #expect(throws: ListenError.taken(listener.address, flag: "--xray")) {
            try await XRayDatagramListener.open(
                listener.address, flag: "--xray", ingest: bed.ingest)
        }
        await listener.shutdown()
    }

    @Test("PutTraceSegments names segments that the limits refuse")
    func putRefused() async throws {
        let bed = TestBed()
        let start = TestBed.now.seconds + 100_000
        let future =
            #"{"name":"shop","id":"00000000000000aa","trace_id":"1-581cf771-a006649127e371903a2de979","#
            + #""start_time":\#(start),"end_time":\#(start)}"#
        let documents = [Self.segment(7), future].map {
            "\"" + $0.replacing("\"", with: "\\\"") + "\""
        }
        let body = Array("{\"TraceSegmentDocuments\":[\(documents.joined(separator: ","))]}".utf8)
        try await bed.withHTTP { server in
            let answer = try await server.post("/TraceSegments", body, type: "application/json")
            #expect(answer.status == 200)
            #expect(
                answer.text.contains(
                    #"{"UnprocessedTraceSegments":[{"Id":"00000000000000aa","ErrorCode":"InvalidSegment","Message":"too_far_in_future"}"#
                ))
            #expect(answer.text.contains("too_far_in_future"))
        }
        #expect(bed.store.spans.flatMap(\.spanIDs) == [SpanID(7)])
    }
}
