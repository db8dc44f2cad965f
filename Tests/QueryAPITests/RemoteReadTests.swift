import Compression
import HTTPServer
import Store
import Telemetry
import Testing
import WireFormats

@Suite("remote read")
struct RemoteReadTests {
    private func request(
        _ name: String, from start: Int64 = 0, to end: Int64 = .max, accepts: [UInt64] = []
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { query in
            query.varint(1, UInt64(bitPattern: start))
            query.varint(2, UInt64(bitPattern: end))
            query.message(3) {
                $0.varint(1, 2)
                $0.string(2, "__name__")
                $0.string(3, name)
            }
        }
        writer.packedVarints(2, accepts)
        return Snappy.compress(writer.bytes)
    }

    private func fill(_ store: MemoryStore) {
        store.add(["__name__": "up", "job": "api"], 1, 1.5, 1e300)
        store.add(["__name__": "up", "job": "web"], 0)
    }

    private func post(
        _ server: APIServer, _ body: [UInt8]
    ) async throws -> Answer {
        try await server.send(
            "POST", "/api/v1/read",
            headers: [
                "content-type": "application/x-protobuf", "content-encoding": "snappy",
            ], body: body)
    }

    @Test("samples come as the series of a result each")
    func samples() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await post(server, request("u.", accepts: [0, 1]))
            #expect(answer.status == 200)
            #expect(answer["content-type"] == "application/x-protobuf")
            #expect(answer["content-encoding"] == "snappy")
            let message = try Snappy.decompress(answer.body, limit: 1 << 20)
            let batch = try message.withUnsafeBytes { bytes in
                var reader = ProtobufReader(bytes)
                #expect(try reader.nextKey() == ProtobufKey.length(1))
                return try RemoteWrite.decode(protobuf: try reader.bytes("result")).batch
            }
            #expect(batch.labels(0) == Labels(["__name__": "up", "job": "api"]))
            #expect(batch.sampleValues == [1, 1.5, 1e300, 0])
            #expect(batch.sampleTimes.last == APIServer.now * 1_000)
        }
    }

    @Test("whoever prefers chunks gets frames of them")
    func chunks() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await post(server, request("up", accepts: [1, 0]))
            #expect(answer.status == 200)
            #expect(
                answer["content-type"]
                    == "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse")
            var rest = answer.body[...]
            var frames = 0
            while let length = rest.popFirst() {
                let sum = rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
                let message = Array(rest.dropFirst(4).prefix(Int(length)))
                #expect(message.withUnsafeBytes { CRC32C.checksum($0) } == sum)
                rest = rest.dropFirst(4 + Int(length))
                frames += 1
            }
            #expect(frames == 2)
        }
    }

    @Test("histograms are answered as samples, or as chunks to who prefers them")
    func histograms() async throws {
        try await APIServer.run(filledBy: { store in
            var batch = MetricBatch()
            let series = batch.append(Labels(["__name__": "h"]))
            var histogram = NativeHistogram(schema: 0)
            histogram.count = 3
            batch.histograms = [
                HistogramSample(series: series, time: 5, histogram: histogram)
            ]
            store.append(metrics: batch, digest: nil) { _ in }
        }) { server in
            let samples = try await post(server, request("h", accepts: [0, 1]))
            #expect(samples["content-type"] == "application/x-protobuf")
            let chunks = try await post(server, request("h", accepts: [1]))
            #expect(chunks.status == 200)
            // The kind of the chunk, then how long it is: one histogram that nothing is known of before.
            let kind: [UInt8] = [0x18, 3, 0x22]
            let place = chunks.body.firstRange(of: kind)?.upperBound
            #expect(place.map { Array(chunks.body[($0 + 1)..<($0 + 4)]) } == [0, 1, 0])
        }
    }

    @Test("what is no request is refused with the reason")
    func mistakes() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let bodies: [([UInt8], String)] = [
                ([1, 2, 3], "the body is not snappy"),
                (Snappy.compress([0xFF, 0xFF]), "the body is no ReadRequest"),
                (request("up", accepts: [7]), "does not support any of the requested"),
                (request("up", from: 2, to: 1), "end timestamp 1 before start 2"),
                (request("("), "regular expression"),
            ]
            for (body, reason) in bodies {
                let answer = try await post(server, body)
                #expect(answer.status == 400, "\(answer.text)")
                #expect(answer.text.contains(reason), "\(answer.text)")
            }
        }
    }
}
