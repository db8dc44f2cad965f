import Glibc
import HTTPServer
import Receivers
import Telemetry
import Testing
import WireFormats

@Suite("syslog over UDP and TCP")
struct SyslogListenerTests {
    private func withSyslog(
        _ bed: TestBed, _ body: (SyslogListener) async throws -> Void
    ) async throws {
        let listener = try await SyslogListener.open(
            ListenAddress(host: "127.0.0.1", port: 0), flag: "--syslog", ingest: bed.ingest)
        do { try await body(listener) } catch {
            await listener.shutdown()
            throw error
        }
        await listener.shutdown()
    }

    /// A socket that is connected to the listener.
    private struct Peer: ~Copyable {
        let descriptor: Int32

        init(port: Int, isStream: Bool) {
            let kind = isStream ? SOCK_STREAM : SOCK_DGRAM
            descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let status = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            #expect(descriptor >= 0 && status == 0)
        }

        deinit { close(descriptor) }

        func send(_ text: String) {
            let bytes = Array(text.utf8)
            #expect(
                Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                    == bytes.count)
        }
    }

    private func bodies(_ bed: TestBed) -> [String] {
        bed.store.logs.flatMap { batch in (0..<batch.count).map { batch.body($0).text } }
    }

    private func wait(_ bed: TestBed, for count: Int) async {
        while bodies(bed).count < count { await Task.yield() }
    }

    @Test("datagrams are stored, each a message", .timeLimit(.minutes(5)))
    func datagrams() async throws {
        let bed = TestBed()
        try await withSyslog(bed) { listener in
            let peer = Peer(port: listener.address.port, isStream: false)
            for number in 0..<50 { peer.send("<13>1 - h app - - - message \(number)") }
            await wait(bed, for: 50)
        }
        #expect(bodies(bed) == (0..<50).map { "message \($0)" })
        #expect(bed.count("sidelight_receiver_items_total", "logs", "syslog") == 50)
    }

    @Test("a stream holds lines and counted messages, cut anywhere", .timeLimit(.minutes(5)))
    func stream() async throws {
        let bed = TestBed()
        try await withSyslog(bed) { listener in
            let peer = Peer(port: listener.address.port, isStream: true)
            for piece in [
                "<13>1 - h a - -", " - one\n<13>", "1 - h a - - - two\n21 <13>1 - h a ",
                "- - - x\ny", "20 <13>1 - h a - - - zz", "last",
            ] {
                peer.send(piece)
            }
            await wait(bed, for: 4)
        }
        #expect(bodies(bed).prefix(4) == ["one", "two", "x\ny", "zz"])
    }

    @Test("what is left when a stream ends is its last message", .timeLimit(.minutes(5)))
    func end() async throws {
        let bed = TestBed()
        try await withSyslog(bed) { listener in
            do {
                let peer = Peer(port: listener.address.port, isStream: true)
                peer.send("<13>1 - h a - - - no line end")
            }
            await wait(bed, for: 1)
        }
        #expect(bodies(bed) == ["no line end"])
    }

    @Test("messages that are too long are passed over and counted, the next ones stored")
    func oversized() async throws {
        let bed = TestBed()
        try await withSyslog(bed) { listener in
            let peer = Peer(port: listener.address.port, isStream: true)
            let long = String(repeating: "x", count: 1 << 20)
            peer.send("<13>1 - h a - - - " + long + "\n<13>1 - h a - - - after\n")
            peer.send("1048577 " + long + "y19 <13>1 - h a - - - z")
            await wait(bed, for: 2)
        }
        #expect(bodies(bed) == ["after", "z"])
        #expect(
            bed.count(
                "sidelight_receiver_rejected_items_total", "logs", "syslog", "line_too_long") == 2)
    }

    @Test("a taken port is an error that names the address and the flag")
    func taken() async throws {
        let bed = TestBed()
        try await withSyslog(bed) { listener in
            _ = await #expect(throws: ListenError.taken(listener.address, flag: "--syslog")) {
                try await SyslogListener.open(
                    listener.address, flag: "--syslog", ingest: bed.ingest)
            }
        }
    }
}
