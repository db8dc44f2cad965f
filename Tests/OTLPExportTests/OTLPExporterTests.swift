import Compression
import Logging
import OTLPExport
import Platform
import Telemetry
import Testing
import WireFormats

@Suite struct OTLPExporterTests {
    private func exporter(
        _ receiver: ScriptedReceiver, change: (inout OTLPExporter.Configuration) -> Void = { _ in }
    ) throws -> OTLPExporter {
        var configuration = try OTLPExporter.Configuration(endpoint: "http://receiver:4318/")
        configuration.interval = .milliseconds(5)
        configuration.retry.firstWait = .milliseconds(1)
        configuration.retry.longestWait = .milliseconds(4)
        change(&configuration)
        var logger = Logger(label: "test")
        logger.logLevel = .error
        return OTLPExporter(
            configuration, transport: receiver, random: SeededRandom(seed: 7), logger: logger)
    }

    private func batch(_ count: Int, from first: UInt64 = 1) -> SpanBatch {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string("cart"))]))
        let scope = batch.append(Scope(name: "test"))
        for index in 0..<UInt64(count) {
            batch.append(
                SpanRecord(
                    traceID: TraceID(high: 1, low: 1), spanID: SpanID(first + index), name: "GET",
                    start: Timestamp(nanoseconds: 1), duration: 1),
                resource: resource, scope: scope)
        }
        return batch
    }

    private func spanIDs(_ calls: [ScriptedReceiver.Call]) throws -> [UInt64] {
        try calls.flatMap { call in
            try OTLPTraces.decode(protobuf: call.body).batch.spanIDs.map(\.value)
        }
    }

    @Test("several batches leave as one request, each item once")
    func batching() async throws {
        let receiver = ScriptedReceiver { _, _ in nil }
        let exporter = try exporter(receiver) { $0.interval = .seconds(900) }
        for number in 0..<10 { exporter.submit(batch(10, from: UInt64(number * 10 + 1))) }
        #expect(await exporter.flush(within: .seconds(300)))
        #expect(try spanIDs(receiver.accepted).sorted() == Array(1...100))
        #expect(receiver.all.count <= 2)
        #expect(receiver.all.allSatisfy { $0.url == "http://receiver:4318/v1/traces" })
        #expect(exporter.counters(.traces) == OTLPExporter.Counters(sent: 100))
        await exporter.shutdown(within: .seconds(1))
    }

    @Test("a passing failure is retried with the same bytes until the request is accepted")
    func retries() async throws {
        let receiver = ScriptedReceiver { call, _ in
            call < 3 ? .transient(reason: "status 503", retryAfter: nil) : nil
        }
        let exporter = try exporter(receiver)
        exporter.submit(batch(5))
        #expect(await exporter.flush(within: .seconds(300)))
        #expect(receiver.all.count == 4)
        #expect(Set(receiver.all.map(\.body)).count == 1)
        #expect(exporter.counters(.traces) == OTLPExporter.Counters(sent: 5))
        await exporter.shutdown(within: .seconds(1))
    }

    @Test("a refused request is dropped and counted, and the next one is sent")
    func refused() async throws {
        let receiver = ScriptedReceiver { call, _ in
            call == 0 ? .permanent(reason: "status 400") : nil
        }
        let exporter = try exporter(receiver)
        exporter.submit(batch(5))
        #expect(await exporter.flush(within: .seconds(300)))
        exporter.submit(batch(3))
        #expect(await exporter.flush(within: .seconds(300)))
        #expect(
            exporter.counters(.traces) == OTLPExporter.Counters(sent: 3, dropped: [.refused: 5]))
        await exporter.shutdown(within: .seconds(1))
    }

    @Test("what the queue cannot hold is dropped and counted, the rest arrives")
    func full() async throws {
        let receiver = ScriptedReceiver { call, _ in
            call < 5 ? .transient(reason: "down", retryAfter: nil) : nil
        }
        let exporter = try exporter(receiver) { $0.queueItemsMax = 50 }
        for _ in 0..<20 { exporter.submit(batch(10)) }
        #expect(await exporter.flush(within: .seconds(300)))
        let counters = exporter.counters(.traces)
        #expect(counters.sent + counters.droppedTotal == 200)
        #expect(counters.sent >= 50)
        #expect(UInt64(try spanIDs(receiver.accepted).count) == counters.sent)
        await exporter.shutdown(within: .seconds(1))
    }

    @Test("a receiver that never comes back costs what waits, counted, within the deadline")
    func gone() async throws {
        let receiver = ScriptedReceiver { _, _ in .transient(reason: "down", retryAfter: nil) }
        let exporter = try exporter(receiver) { $0.retry.giveUpAfter = .seconds(3_600) }
        exporter.submit(batch(7))
        #expect(await !exporter.flush(within: .milliseconds(30)))
        let start = ContinuousClock.now
        await exporter.shutdown(within: .milliseconds(50))
        #expect(ContinuousClock.now - start < .seconds(300))
        #expect(exporter.counters(.traces).dropped == [.shutdown: 7])
        #expect(exporter.counters(.traces).queued == 0)
        exporter.submit(batch(2))
        #expect(exporter.counters(.traces).dropped == [.shutdown: 9])
    }

    @Test("retrying ends after its time, counted")
    func exhausted() async throws {
        let receiver = ScriptedReceiver { _, _ in .transient(reason: "down", retryAfter: nil) }
        let exporter = try exporter(receiver) { $0.retry.giveUpAfter = .milliseconds(20) }
        exporter.submit(batch(4))
        #expect(await exporter.flush(within: .seconds(300)))
        #expect(exporter.counters(.traces).dropped == [.retriesExhausted: 4])
        await exporter.shutdown(within: .seconds(1))
    }

    @Test("trouble with one signal does not hold up the others")
    func lanes() async throws {
        let receiver = ScriptedReceiver { _, url in
            url.hasSuffix("traces") ? .transient(reason: "down", retryAfter: nil) : nil
        }
        let exporter = try exporter(receiver) { $0.retry.giveUpAfter = .seconds(3_600) }
        exporter.submit(batch(1))
        var logs = LogBatch()
        let resource = logs.append(Resource())
        let scope = logs.append(Scope())
        logs.append(
            LogRecord(time: .zero, observedTime: .zero, body: .string("line")), resource: resource,
            scope: scope)
        exporter.submit(logs)
        _ = await exporter.flush(within: .milliseconds(20))
        while exporter.counters(.logs).sent == 0 { await Task.yield() }
        #expect(exporter.counters(.logs).sent == 1)
        #expect(exporter.counters(.traces).queued == 1)
        await exporter.shutdown(within: .milliseconds(10))
    }

    @Test("gzip bodies expand to what was submitted")
    func gzip() async throws {
        let receiver = ScriptedReceiver { _, _ in nil }
        let exporter = try exporter(receiver) { $0.compressesWithGzip = true }
        exporter.submit(batch(100))
        #expect(await exporter.flush(within: .seconds(300)))
        let body = try #require(receiver.accepted.first).body
        let plain = try Zlib.decompress(body, format: .gzip, limit: 1 << 20)
        #expect(try OTLPTraces.decode(protobuf: plain).batch.count == 100)
        #expect(body.count < plain.count)
        await exporter.shutdown(within: .seconds(1))
    }

    @Test("an endpoint that is no URL is refused")
    func endpoint() {
        #expect(throws: ExportConfigurationError.self) {
            _ = try OTLPExporter.Configuration(endpoint: "localhost:4318")
        }
    }
}

@Suite struct RetryPolicyTests {
    @Test("waits double up to the longest, with jitter of a half")
    func doubling() {
        let random = SeededRandom(seed: 3)
        var policy = RetryPolicy()
        policy.firstWait = .milliseconds(100)
        policy.longestWait = .seconds(1)
        for (failures, bound) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (60, 1_000)] {
            for _ in 0..<50 {
                let wait = policy.wait(afterFailures: failures, asked: nil, random: random)
                #expect(wait <= .milliseconds(bound), "seed \(random.seed)")
                #expect(wait >= .milliseconds(bound / 2))
            }
        }
    }

    @Test("Retry-After is obeyed up to the time after which the request is given up")
    func asked() {
        let random = SeededRandom(seed: 3)
        let policy = RetryPolicy()
        #expect(policy.wait(afterFailures: 1, asked: .seconds(7), random: random) == .seconds(7))
        #expect(
            policy.wait(afterFailures: 1, asked: .seconds(7_000), random: random)
                == policy.giveUpAfter)
    }
}
