import Compression
import HTTPServer
import Store
import Telemetry
import Testing
import WireFormats

@Suite struct RemoteWriteTests {
    private static let path = "/api/v1/write"

    private func write(
        _ body: [UInt8], to server: HTTPListener, type: String? = "application/x-protobuf",
        encoding: String? = "snappy"
    ) async throws -> Answer {
        guard let encoding else { return try await server.post(Self.path, body, type: type) }
        return try await server.post(
            Self.path, body, type: type, headers: ["content-encoding": encoding])
    }

    private func body(_ batch: MetricBatch) -> [UInt8] {
        Snappy.compress(RemoteWrite.encode(batch))
    }

    @Test("samples are stored and answered 204")
    func accepted() async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            for type in [
                "application/x-protobuf", "application/x-protobuf;proto=prometheus.WriteRequest",
            ] {
                let answer = try await write(body(Samples.samples(5)), to: server, type: type)
                #expect(answer.status == 204)
                #expect(answer.body.isEmpty)
            }
        }
        #expect(bed.store.metrics.map(\.sampleValues) == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]])
        // A sample that comes again replaces itself; nothing must be kept to recognise it.
        #expect(bed.store.digests == [nil, nil])
        #expect(bed.count("sidelight_receiver_items_total", "metrics", "remote_write") == 10)
    }

    @Test("an unknown message is refused by name, so that senders fall back")
    func unknownMessage() async throws {
        let bed = TestBed()
        let answer = try await bed.withHTTP { server in
            try await write(
                body(Samples.samples(1)), to: server,
                type: "application/x-protobuf;proto=io.prometheus.write.v3.Request")
        }
        #expect(answer.status == 415)
        #expect(answer.text.contains("io.prometheus.write.v3.Request"))
        #expect(bed.store.appendCount == 0)
    }

    private static let symbolized = "application/x-protobuf;proto=io.prometheus.write.v2.Request"

    /// A remote write 2.0 request: a series with samples at these times, one of them with an exemplar.
    private func symbolized(_ times: [Int64], start: Int64 = 0) -> [UInt8] {
        var writer = ProtobufWriter()
        for symbol in ["", "__name__", "requests_total"] { writer.presentString(4, symbol) }
        writer.message(5) { series in
            series.packedVarints(1, [1, 2] as [UInt64])
            for (index, time) in times.enumerated() {
                series.message(2) {
                    $0.double(1, Double(index + 1))
                    $0.varint(2, UInt64(time))
                    $0.varint(3, UInt64(start))
                }
            }
            series.message(4) { $0.varint(3, UInt64(times[0])) }
        }
        writer.message(5) { series in
            series.packedVarints(1, [1, 2] as [UInt64])
            series.message(3) {
                $0.presentVarint(1, 0)
                $0.varint(15, UInt64(times[0]))
            }
        }
        return Snappy.compress(writer.bytes)
    }

    @Test("remote write 2.0 is stored and answered with what was written")
    func version2() async throws {
        let bed = TestBed()
        let now = TestBed.now.milliseconds
        try await bed.withHTTP { server in
            let whole = try await write(
                symbolized([now - 1, now]), to: server, type: Self.symbolized)
            #expect(whole.status == 204)
            #expect(whole["x-prometheus-remote-write-samples-written"] == "2")
            #expect(whole["x-prometheus-remote-write-histograms-written"] == "1")
            #expect(whole["x-prometheus-remote-write-exemplars-written"] == "1")
            let partial = try await write(
                symbolized([now, now + 601_000]), to: server, type: Self.symbolized)
            #expect(partial.status == 400)
            #expect(partial["x-prometheus-remote-write-samples-written"] == "1")
            #expect(partial.text.contains("too_far_in_future"))
        }
        #expect(bed.store.metrics.map(\.sampleValues) == [[1, 2], [1]])
    }

    @Test("a new start of a series becomes a sample of zero, once")
    func starts() async throws {
        let bed = TestBed()
        let now = TestBed.now.milliseconds
        try await bed.withHTTP { server in
            for (time, start) in [
                (now - 2_000, now - 9_000), (now - 1_000, now - 9_000), (now, now - 500),
            ] {
                let answer = try await write(
                    symbolized([time], start: start), to: server, type: Self.symbolized)
                #expect(answer.status == 204)
                #expect(answer["x-prometheus-remote-write-samples-written"] == "1")
            }
            // A start of yesterday says nothing about the time between.
            _ = try await write(
                symbolized([now], start: now - 86_000_000), to: server, type: Self.symbolized)
        }
        let stored = bed.store.metrics.flatMap { batch in
            zip(batch.sampleTimes, batch.sampleValues).map { "\($0 - now) \($1)" }
        }
        #expect(stored == ["-9000 0.0", "-2000 1.0", "-1000 1.0", "-500 0.0", "0 1.0", "0 1.0"])
    }

    @Test(
        "other types and encodings are 415",
        arguments: [
            ("application/json", "snappy"), (nil, "snappy"), ("application/x-protobuf", "gzip"),
            ("application/x-protobuf", nil), ("application/x-protobuf", "zstd"),
        ] as [(String?, String?)])
    func wrongType(type: String?, encoding: String?) async throws {
        let bed = TestBed()
        let plain = RemoteWrite.encode(Samples.samples(1))
        let body =
            switch encoding {
            case "gzip": try Zlib.compress(plain, format: .gzip)
            case "zstd": Zstd.compress(plain, level: 1)
            case "snappy": Snappy.compress(plain)
            default: plain
            }
        let answer = try await bed.withHTTP { server in
            try await write(body, to: server, type: type, encoding: encoding)
        }
        #expect(answer.status == 415)
        #expect(bed.store.appendCount == 0)
    }

    @Test("what is not snappy, or not a write request, is 400 and stores nothing")
    func malformed() async throws {
        let bed = TestBed()
        let whole = body(Samples.samples(3))
        try await bed.withHTTP { server in
            for count in [0, 1, 5, whole.count / 2, whole.count - 1] {
                let answer = try await write(Array(whole.prefix(count)), to: server)
                #expect(answer.status == 400, "\(count) of \(whole.count) bytes")
                #expect(answer["content-type"] == "text/plain; charset=utf-8")
            }
            let garbage = try await write(
                Snappy.compress([UInt8](repeating: 0xFF, count: 100)), to: server)
            #expect(garbage.status == 400)
        }
        #expect(bed.store.appendCount == 0)
    }

    @Test("a block that claims to expand beyond the limit is 413")
    func bomb() async throws {
        let bed = TestBed()
        var limits = HTTPLimits()
        limits.expandedBytesMax = 1 << 20
        let answer = try await bed.withHTTP(limits: limits) { server in
            try await write(
                Snappy.compress([UInt8](repeating: 0, count: 2 << 20)), to: server)
        }
        #expect(answer.status == 413)
    }

    @Test("with bad samples the good ones are stored, and 400 says what was wrong")
    func partial() async throws {
        let bed = TestBed()
        var batch = Samples.samples(2)
        batch.sampleTimes[0] = TestBed.now.milliseconds + 601_000
        let late = batch
        let answer = try await bed.withHTTP { server in
            try await write(body(late), to: server)
        }
        #expect(answer.status == 400)
        #expect(
            answer.text.hasPrefix(
                "1 samples stored, 1 rejected: 1 too_far_in_future (first: requests_total"))
        #expect(bed.store.metrics.map(\.sampleValues) == [[1]])
        #expect(bed.store.metrics.first?.seriesCount == 1)
    }

    @Test("an overloaded store is 429 with the time of a retry, a failing one 503")
    func refused() async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            bed.store.answer(.failure(.overloaded(retryAfterMilliseconds: 3_000)))
            let overloaded = try await write(body(Samples.samples(1)), to: server)
            #expect(overloaded.status == 429)
            #expect(overloaded["retry-after"] == "3")
            bed.store.answer(.failure(.writeFailed(path: "/d", reason: "disk full")))
            let failed = try await write(body(Samples.samples(1)), to: server)
            #expect(failed.status == 503)
            #expect(failed.text.contains("disk full"))
        }
        let refused = "sidelight_receiver_refused_requests_total"
        #expect(bed.count(refused, "remote_write", "overloaded") == 1)
        #expect(bed.count(refused, "remote_write", "unavailable") == 1)
    }
}
