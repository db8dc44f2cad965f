import Telemetry

/// Spans as a service mesh sends them: a few services, client and server spans in pairs, 8 to 12
/// attributes, rows grouped by trace in order of start.
struct MeshSpans {
    private var random: SeededGenerator
    private let services = [
        "gateway", "frontend", "catalog", "cart", "checkout", "payment", "shipping", "email",
        "currency",
        "ads", "recommendation", "redis",
    ]

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private mutating func number(_ below: Int) -> Int { Int.random(in: 0..<below, using: &random) }

    private mutating func hexadecimal(_ count: Int) -> String {
        String((0..<count).map { _ in Array("0123456789abcdef")[number(16)] })
    }

    mutating func batch(traces: Int, spansPerTrace: Int = 12) -> SpanBatch {
        var batch = SpanBatch()
        let resources = services.map { service in
            batch.append(
                Resource(attributes: [
                    Attribute("service.name", .string(service)),
                    Attribute("k8s.pod.name", .string("\(service)-\(hexadecimal(10))")),
                    Attribute("telemetry.sdk.version", .string("1.27.0")),
                ]))
        }
        let scope = batch.append(Scope(name: "envoy", version: "1.27.0"))
        var now: Int64 = 1_790_000_000_000_000_000
        for _ in 0..<traces {
            now += Int64(number(50_000_000))
            let trace = TraceID(high: random.next(), low: random.next())
            let request = [8, 4, 4, 4, 12].map { hexadecimal($0) }.joined(separator: "-")
            var parent = SpanID.invalid
            var start = now
            for index in 0..<spansPerTrace {
                let service = (index / 2 * 7) % services.count
                var span = SpanRecord(
                    traceID: trace, spanID: SpanID(random.next()),
                    name: "\(services[service])/Call",
                    start: Timestamp(nanoseconds: start),
                    duration: Int64(1_000_000 + number(8_000_000)))
                span.parentID = parent
                span.kind = index % 2 == 0 ? .server : .client
                span.attributes = attributes(services[service], request)
                batch.append(span, resource: resources[service], scope: scope)
                parent = span.spanID
                start += Int64(100_000 + number(400_000))
            }
        }
        return batch
    }

    private mutating func attributes(_ service: String, _ request: String) -> [Attribute] {
        [
            Attribute("rpc.system", .string("grpc")),
            Attribute("rpc.service", .string("shop.\(service)")),
            Attribute("rpc.grpc.status_code", .int(number(50) == 0 ? 14 : 0)),
            Attribute("http.response.status_code", .int(200)),
            Attribute("server.address", .string("\(service).shop.svc.cluster.local")),
            Attribute("server.port", .int(8_080)),
            Attribute("network.peer.port", .int(Int64(32_768 + number(28_000)))),
            Attribute("network.peer.address", .string("10.8.0.\(number(30))")),
            Attribute("http.response.body.size", .int(Int64(number(30_000)))),
            Attribute("guid:x-request-id", .string(request)),
        ]
    }
}
