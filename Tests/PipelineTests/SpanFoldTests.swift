import Pipeline
import Telemetry
import Testing
import WireFormats

@Suite struct SpanFoldTests {
    /// Calls, bytes and seconds of the only group of a batch.
    private func totals(_ batch: SpanBatch) -> [String: Double] {
        let probe = DeriverProbe()
        probe.add(batch)
        return probe.values()
    }

    @Test("a span's size is that of its OTLP encoding", arguments: 0..<200)
    func sizes(seed: Int) {
        var random = Generator(seed: UInt64(seed))
        var batch = SpanBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        batch.append(random.span(), resource: resource, scope: scope)
        let size = totals(batch).first { $0.key.hasPrefix("traces_spanmetrics_size_total") }?.value
        // The request without the span, and what wraps the span, is known: an empty one beside it.
        #expect(size == Double(encodedSpanBytes(batch)), "seed \(seed)")
    }

    /// Bytes of the only span of a batch inside the request.
    private func encodedSpanBytes(_ batch: SpanBatch) -> Int {
        let bytes = OTLPTraces.encode(batch)
        // TracesData.resource_spans 1 │ ResourceSpans.scope_spans 2 │ ScopeSpans.spans 2.
        let scopes = field(1, of: bytes[...]).flatMap { field(2, of: $0) }
        return scopes.flatMap { field(2, of: $0) }?.count ?? -1
    }

    private func field(_ wanted: UInt64, of bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var offset = 0
        let content = Array(bytes)
        return content.withUnsafeBytes { raw in
            while offset < raw.count {
                guard let tag = Varint.read(raw, &offset), tag & 7 == 2,
                    let length = Varint.read(raw, &offset)
                else { return nil }
                if tag >> 3 == wanted { return content[offset..<(offset + Int(length))] }
                offset += Int(length)
            }
            return nil
        }
    }

    @Test("groups, buckets and sums are those of counting span by span", arguments: 0..<20)
    func likeOneByOne(seed: Int) {
        var random = Generator(seed: UInt64(seed))
        var batch = SpanBatch()
        let scope = batch.append(Scope())
        let services = ["cart", "checkout", "", "geld"]
        let resources = services.map {
            batch.append(
                Resource(attributes: [Attribute(SemanticKey.serviceName, .string($0))]))
        }
        var calls: [String: Double] = [:]
        var below: [String: Double] = [:]
        for _ in 0..<700 {
            var span = random.span()
            span.name = "GET /\(random.below(90))"
            span.duration = Int64(random.below(6_000)) * 1_000_000
            let service = random.below(services.count)
            batch.append(span, resource: resources[service], scope: scope)
            let name = "\(services[service])|\(span.name)|\(span.kind)|\(span.status)"
            calls[name, default: 0] += 1
            if span.duration <= 512_000_000 { below[name, default: 0] += 1 }
        }
        let probe = DeriverProbe()
        probe.add(batch)
        var found: [String: Double] = [:]
        var foundBelow: [String: Double] = [:]
        for (labels, value) in probe.series() {
            let name = [
                labels["service"] ?? "", labels["span_name"] ?? "", kind(labels), status(labels),
            ].joined(separator: "|")
            switch (labels["__name__"], labels["le"]) {
            case ("traces_spanmetrics_calls_total", nil): found[name] = value
            case ("traces_spanmetrics_latency_bucket", "0.512"):
                if value > 0 { foundBelow[name] = value }
            default: break
            }
        }
        #expect(found == calls, "seed \(seed)")
        #expect(foundBelow == below, "seed \(seed)")
    }

    private func kind(_ labels: Labels) -> String {
        (labels["span_kind"] ?? "").replacing("SPAN_KIND_", with: "").lowercased()
    }

    private func status(_ labels: Labels) -> String {
        (labels["status_code"] ?? "").replacing("STATUS_CODE_", with: "").lowercased()
    }

    @Test("a span reported while it still runs does not count; its end does")
    func unfinished() {
        func batch(_ attributes: [Attribute], milliseconds: Int64) -> SpanBatch {
            ServiceGraphTests.span(
                "shop", .server, id: 1, milliseconds: milliseconds, attributes: attributes)
        }
        let probe = DeriverProbe()
        probe.add(batch([Attribute("aws.xray.in_progress", .bool(true))], milliseconds: 0))
        #expect(!probe.values().keys.contains { $0.hasPrefix("traces_spanmetrics_calls_total") })
        probe.add(batch([], milliseconds: 20))
        let values = probe.values()
        let calls = values.filter { $0.key.hasPrefix("traces_spanmetrics_calls_total") }
        #expect(calls.map(\.value) == [1])
        let requests = values.filter { $0.key.hasPrefix("traces_service_graph_request_total") }
        #expect(requests.map(\.value) == [1])
    }
}
