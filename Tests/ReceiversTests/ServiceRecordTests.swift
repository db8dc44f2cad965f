import NIOCore
import NIOPosix
import Platform
import Receivers
import Testing

@Suite("Targets by SRV records")
struct ServiceRecordTests {
    /// An answer with these records to a question; names are compressed where they can be.
    private static func answer(
        _ question: [UInt8], _ records: [(port: UInt16, host: String)], code: UInt8 = 0,
        isTruncated: Bool = false
    ) -> [UInt8] {
        var bytes = Array(question.prefix(2)) + [isTruncated ? 0x87 : 0x85, 0x80 | code, 0, 1]
        bytes += [0, isTruncated ? 0 : UInt8(records.count), 0, 0, 0, 0]
        bytes += question.dropFirst(12)
        if isTruncated { return bytes }
        for record in records {
            // The name is that of the question.
            let type = question[question.count - 3]
            bytes += [0xC0, 12, 0, type, 0, 1, 0, 0, 0, 60]
            var data: [UInt8] = type == 33 ? [0, 1, 0, 2] : type == 15 ? [0, 7] : []
            if type == 33 { data += [UInt8(record.port >> 8), UInt8(record.port & 0xFF)] }
            for label in record.host.utf8.split(separator: UInt8(ascii: ".")) {
                data += [UInt8(label.count)] + label
            }
            data.append(0)
            bytes += [0, UInt8(data.count)] + data
        }
        return bytes
    }

    private static let records: [(port: UInt16, host: String)] = [
        (9_100, "b.shop.test"), (9_200, "a.shop.test"),
    ]

    /// Answers what is asked of names that begin with a word of what to do.
    private static func react(_ question: [UInt8], isStream: Bool) -> [UInt8] {
        let name = String(decoding: question.dropFirst(13).prefix(5), as: UTF8.self)
        switch name {
        case "large" where !isStream: return answer(question, [], isTruncated: true)
        case "nosuc": return answer(question, [], code: 3)
        case "fails": return answer(question, [], code: 2)
        case "loops": return Array(answer(question, records).dropLast(20)) + [0xC0, 0xFF]
        default: return answer(question, records)
        }
    }

    private func discovered(
        _ name: String, _ kind: DNSRecordKind = .service, port: Int = 0
    ) async throws -> TargetDiscovery {
        try await NameServer.with(Self.react) { serverPort in
            var job = ScrapeJob(name: "j", interval: 60_000, timeout: 60_000)
            job.sources = [.records(kind, names: [name], port: port, interval: 30_000)]
            let fetcher = HTTPScrapeFetcher(version: "1", listTimeout: 300_000)
            var discovery = TargetDiscovery(
                job: job, fetcher: fetcher,
                pool: BlockingPool(name: "resolver", threads: 1, capacity: 1),
                resolver: DNSResolver(
                    configuration: "", servers: [.init(address: "127.0.0.1", port: serverPort)],
                    timeoutSeconds: 300))
            await discovery.refresh(at: 0)
            await fetcher.shutdown()
            return discovery
        }
    }

    @Test(
        "hosts and ports become targets, over TCP where an answer is large",
        arguments: ["_m._tcp.x", "large.x."])
    func found(name: String) async throws {
        let discovery = try await discovered(name)
        #expect(discovery.failures.isEmpty)
        #expect(
            discovery.groups.flatMap(\.targets) == ["a.shop.test:9200", "b.shop.test:9100"])
        #expect(
            discovery.groups.first?.labels == [
                "__meta_dns_name": name, "__meta_dns_srv_record_target": "a.shop.test.",
                "__meta_dns_srv_record_port": "9200",
            ])
    }

    @Test(
        "what cannot be found is told",
        arguments: [
            ("nosuchname.x", "no such name"), ("fails.x", "failed (code 2)"),
            ("loops.x", "damaged"), ("a..b", "is no name"),
        ])
    func failures(name: String, reason: String) async throws {
        let failures = try await discovered(name).failures
        #expect(failures.first?.contains(reason) ?? false, "\(failures)")
    }

    @Test(
        "hosts that take mail or serve names are targets at the port of the job",
        arguments: [(DNSRecordKind.mailExchange, "mx"), (.nameServer, "ns")])
    func hosts(kind: DNSRecordKind, word: String) async throws {
        let discovery = try await discovered("shop.test", kind, port: 9_400)
        #expect(discovery.failures.isEmpty)
        #expect(
            discovery.groups.flatMap(\.targets) == ["a.shop.test:9400", "b.shop.test:9400"])
        #expect(
            discovery.groups.first?.labels == [
                "__meta_dns_name": "shop.test", "__meta_dns_\(word)_record_target": "a.shop.test.",
            ])
    }

    @Test("records of mail and of name servers need a port in the file")
    func ports() throws {
        let jobs = "scrape_configs:\n- job_name: a\n  dns_sd_configs: [{names: [x], type: "
        let file = try ScrapeFile.parse(jobs + "MX, port: 25}]", path: "p.yml")
        #expect(
            file.jobs.first?.sources == [
                .records(.mailExchange, names: ["x"], port: 25, interval: 30_000)
            ])
        #expect(throws: ScrapeFileError.self) {
            try ScrapeFile.parse(jobs + "NS}]", path: "p.yml")
        }
        #expect(throws: ScrapeFileError.self) {
            try ScrapeFile.parse(jobs + "TXT, port: 1}]", path: "p.yml")
        }
    }

    @Test("SRV is what dns_sd_configs mean unless they say otherwise")
    func read() throws {
        let file = try ScrapeFile.parse(
            "scrape_configs:\n- job_name: a\n  dns_sd_configs: [{names: [x]}]", path: "p.yml")
        #expect(
            file.jobs.first?.sources == [
                .records(.service, names: ["x"], port: 0, interval: 30_000)
            ])
    }
}

/// A name server on one free port of loopback, for UDP and TCP.
private enum NameServer {
    typealias Reaction = @Sendable (_ question: [UInt8], _ isStream: Bool) -> [UInt8]

    static func with<Value>(
        _ react: @escaping Reaction, _ body: (UInt16) async throws -> Value
    ) async throws -> Value {
        let (stream, datagrams) = try await bound(react)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(UInt16(stream.localAddress?.port ?? 0)))
        } catch {
            result = .failure(error)
        }
        try await stream.close()
        try await datagrams.close()
        return try result.get()
    }

    /// The port of one kind may be taken in the other: then another one is tried.
    private static func bound(
        _ react: @escaping Reaction
    ) async throws -> (any Channel, any Channel) {
        let group = MultiThreadedEventLoopGroup.singleton
        var last: any Error = ChannelError.ioOnClosedChannel
        for _ in 0..<20 {
            let stream = try await ServerBootstrap(group: group)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(StreamHandler(react))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            do {
                let datagrams = try await DatagramBootstrap(group: group)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(DatagramHandler(react))
                        }
                    }
                    .bind(host: "127.0.0.1", port: stream.localAddress?.port ?? 0).get()
                return (stream, datagrams)
            } catch {
                last = error
                try await stream.close()
            }
        }
        throw last
    }

    private final class DatagramHandler: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>

        private let react: Reaction

        init(_ react: @escaping Reaction) { self.react = react }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var envelope = unwrapInboundIn(data)
            envelope.data = ByteBuffer(bytes: react(Array(envelope.data.readableBytesView), false))
            context.writeAndFlush(wrapOutboundOut(envelope), promise: nil)
        }
    }

    private final class StreamHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let react: Reaction
        private var received: [UInt8] = []

        init(_ react: @escaping Reaction) { self.react = react }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += unwrapInboundIn(data).readableBytesView
            guard received.count > 2, received.count >= 2 + Int(received[1]) else { return }
            let answer = react(Array(received.dropFirst(2)), true)
            let length = [UInt8(answer.count >> 8), UInt8(answer.count & 0xFF)]
            context.writeAndFlush(
                wrapOutboundOut(ByteBuffer(bytes: length + answer)), promise: nil)
        }
    }
}
