import HTTPServer
import NIOCore
import NIOPosix
import Platform
import Receivers
import Telemetry
import Testing

@Suite("StatsD")
struct StatsDTests {
    private func add(_ text: String, to series: inout StatsDSeries, at time: Int64) {
        Array(text.utf8).withUnsafeBytes { series.add($0, at: time) }
    }

    /// A line a sample, sorted by name and time.
    private func flushed(_ series: inout StatsDSeries, at time: Int64) -> [String] {
        let batch = series.flush(at: time)
        return batch.sampleTimes.indices.map { row in
            let sample = Sample(time: batch.sampleTimes[row], value: batch.sampleValues[row])
            let value = sample.isStaleMarker ? "stale" : "\(sample.value)"
            return "\(batch.labels(Int(batch.sampleSeries[row]))) \(value) @\(sample.time)"
        }.sorted()
    }

    @Test("counters run on and begin with a zero; gauges are set and changed")
    func sumsUp() {
        var series = StatsDSeries(at: 0)
        add("a:1|c\na:2|c|@0.5\ng:5|g\ng:-2|g\n", to: &series, at: 1_000)
        add("a:1|c|#x:y", to: &series, at: 2_000)
        #expect(
            flushed(&series, at: 10_000) == [
                "a 0.0 @0", "a 5.0 @10000", "a{x=\"y\"} 0.0 @0", "a{x=\"y\"} 1.0 @10000",
                "g 3.0 @10000",
            ])
        add("a:1|c\ng:7|g", to: &series, at: 11_000)
        #expect(
            flushed(&series, at: 20_000) == [
                "a 6.0 @20000", "a{x=\"y\"} 1.0 @20000", "g 7.0 @20000",
            ])
    }

    @Test("a series without lines ends after its time")
    func idle() {
        var series = StatsDSeries(at: 0)
        add("a:1|c", to: &series, at: 1_000)
        _ = flushed(&series, at: 10_000)
        #expect(flushed(&series, at: 300_000) == ["a 1.0 @300000"])
        #expect(flushed(&series, at: 301_000) == ["a stale @301000"])
        #expect(flushed(&series, at: 310_000) == [])
        #expect(series.seriesCount == 0)
    }

    @Test("timers are histograms in seconds, sampled ones count for those left out")
    func timers() {
        var series = StatsDSeries(at: 0)
        add("t:20:300|ms\nt:99000|ms|@0.5", to: &series, at: 1_000)
        let lines = flushed(&series, at: 10_000).filter { $0.hasSuffix("@10000") }
        #expect(lines.contains("t_bucket{le=\"0.01\"} 0.0 @10000"))
        #expect(lines.contains("t_bucket{le=\"0.025\"} 1.0 @10000"))
        #expect(lines.contains("t_bucket{le=\"0.5\"} 2.0 @10000"))
        #expect(lines.contains("t_bucket{le=\"10.0\"} 2.0 @10000"))
        #expect(lines.contains("t_bucket{le=\"+Inf\"} 4.0 @10000"))
        #expect(lines.contains("t_count 4.0 @10000"))
        #expect(lines.contains("t_sum 198.32 @10000"))
    }

    @Test("a set counts what is distinct between two flushes")
    func sets() {
        var series = StatsDSeries(at: 0)
        add("u:a|s\nu:b|s\nu:a|s", to: &series, at: 1_000)
        #expect(flushed(&series, at: 10_000) == ["u 2.0 @10000"])
        add("u:a|s", to: &series, at: 11_000)
        #expect(flushed(&series, at: 20_000) == ["u 1.0 @20000"])
    }

    @Test("bad lines are counted and disturb nothing")
    func refuses() {
        var series = StatsDSeries(at: 0)
        add("garbage\n\na:x|c\na:1|c\r\n", to: &series, at: 1_000)
        #expect(series.refused == ["no_value": 1, "bad_value": 1])
        #expect(flushed(&series, at: 10_000) == ["a 0.0 @0", "a 1.0 @10000"])
    }

    @Test("datagrams are received, and stored at the latest when the server stops")
    func overUDP() async throws {
        let bed = TestBed(clock: SystemClock())
        let listener = try await StatsDListener.open(
            ListenAddress(host: "127.0.0.1", port: 0), flag: "--statsd", ingest: bed.ingest,
            flushInterval: 1)
        let sender = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let target = try SocketAddress(ipAddress: "127.0.0.1", port: listener.address.port)
        // Sent until it has come: datagrams may be lost, on this way too.
        while bed.store.appendCount == 0 {
            try await sender.writeAndFlush(
                AddressedEnvelope(remoteAddress: target, data: ByteBuffer(string: "a:1|g")))
            try await Task.sleep(for: .milliseconds(20))
        }
        try await sender.close()
        await listener.shutdown()
        let batch = try #require(bed.store.metrics.first)
        #expect(batch.labels(0) == Labels(["__name__": "a"]))
        #expect(batch.sampleValues == [1])
    }
}
