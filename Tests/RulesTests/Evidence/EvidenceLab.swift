import QueryCore
import Rules
import Store
import Telemetry

/// A shop's traces: a gateway calls payments, of which version 2 fails.
struct EvidenceLab {
    let lab = RuleLab()
    static let minute: Int64 = 60_000_000_000

    var collector: EvidenceCollector {
        EvidenceCollector(
            spans: lab.store, logs: lab.store, metrics: lab.store, objectives: { [] })
    }

    /// One request at `seconds` as four spans and a line of the access log.
    func request(_ number: UInt64, at seconds: Double, fails: Bool, traceState: String = "") {
        var batch = SpanBatch()
        let version = number % 2 == 0 ? "v2" : "v1"
        let gateway = batch.append(Self.resource("gateway", "v1"))
        let payments = batch.append(Self.resource("payments", version))
        let bank = batch.append(Self.resource("bank", "v7"))
        let scope = batch.append(Scope())
        let start = Timestamp(second: seconds)
        func add(
            _ id: UInt64, _ parent: UInt64, _ name: String, _ kind: SpanKind, _ resource: UInt32,
            _ route: String? = nil
        ) {
            var span = SpanRecord(
                traceID: TraceID(high: 1, low: number + 1), spanID: SpanID(number * 10 + id),
                name: name,
                start: start.advanced(byNanoseconds: Int64(id) * 1_000_000),
                duration: 50_000_000 - Int64(id) * 5_000_000)
            if parent > 0 { span.parentID = SpanID(number * 10 + parent) }
            span.kind = kind
            span.status = fails ? .error : .unset
            span.traceState = traceState
            if let route { span.attributes.append(Attribute("http.route", .string(route))) }
            batch.append(span, resource: resource, scope: scope)
        }
        add(1, 0, "GET /buy", .server, gateway, "/buy")
        add(2, 1, "POST", .client, gateway)
        add(3, 2, "POST /pay", .server, payments, "/pay/{id}")
        add(4, 3, "SELECT", .server, bank)
        lab.store.append(spans: batch, digest: nil) { _ in }
        line(number, at: start, fails: fails)
    }

    private func line(_ number: UInt64, at time: Timestamp, fails: Bool) {
        var batch = LogBatch()
        let resource = batch.append(Self.resource("payments", "v2"))
        let scope = batch.append(Scope())
        var record = LogRecord(time: time, observedTime: time)
        record.traceID = TraceID(high: 1, low: number + 1)
        record.spanID = SpanID(number * 10 + 3)
        record.body = .string("POST /pay/\(number) \(fails ? 503 : 200)")
        batch.append(record, resource: resource, scope: scope)
        lab.store.append(logs: batch, digest: nil) { _ in }
    }

    private static func resource(_ service: String, _ version: String) -> Resource {
        Resource(attributes: [
            Attribute("service.name", .string(service)),
            Attribute("service.version", .string(version)),
        ])
    }

    /// A request every two seconds for 20 minutes; those of version 2 fail in the last five.
    func fill() {
        for number in 0..<UInt64(600) {
            let seconds = 3_600 + Double(number) * 2
            request(number, at: seconds, fails: number >= 450 && number % 2 == 0)
        }
    }

    static let end = Timestamp(second: 3_600 + 1_200)

    func subject(_ labels: KeyValuePairs<String, String>) -> EvidenceSubject {
        EvidenceSubject(labels: Labels(labels), expression: nil, firedAt: Self.end)
    }

    func gather(_ labels: KeyValuePairs<String, String>...) -> [AlertEvidence] {
        collector.gather(labels.map(subject), at: Self.end, context: QueryContext())
    }
}
