import Pipeline
import Telemetry
import Testing

@Suite struct ServiceGraphTests {
    /// One span in a batch of its own.
    static func span(
        _ service: String, _ kind: SpanKind, id: UInt64, parent: UInt64 = 0, trace: UInt64 = 1,
        milliseconds: Int64 = 10, attributes: [Attribute] = [], isFailed: Bool = false
    ) -> SpanBatch {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string(service))]))
        var span = SpanRecord(
            traceID: TraceID(high: 3, low: trace), spanID: SpanID(id), name: "call",
            start: DeriverProbe.start, duration: milliseconds * 1_000_000)
        span.parentID = SpanID(parent)
        span.kind = kind
        span.attributes = attributes
        span.status = isFailed ? .error : .unset
        batch.append(span, resource: resource, scope: batch.append(Scope()))
        return batch
    }

    private func requests(_ probe: DeriverProbe) -> [String: Double] {
        probe.values().filter { $0.key.hasPrefix("traces_service_graph_request_total") }
    }

    @Test(
        "the two sides of a call make a request, whichever comes first", arguments: [true, false])
    func pairs(clientFirst: Bool) {
        let probe = DeriverProbe()
        let client = Self.span("cart", .client, id: 5, milliseconds: 500)
        let server = Self.span(
            "stock", .server, id: 6, parent: 5, milliseconds: 300, isFailed: true)
        probe.add(clientFirst ? client : server)
        #expect(requests(probe).isEmpty)
        probe.add(clientFirst ? server : client)
        let values = probe.values()
        let labels = "{client=\"cart\", server=\"stock\"}"
        #expect(values["traces_service_graph_request_total\(labels)"] == 1)
        #expect(values["traces_service_graph_request_failed_total\(labels)"] == 1)
        #expect(values["traces_service_graph_request_client_seconds_sum\(labels)"] == 0.5)
        #expect(values["traces_service_graph_request_server_seconds_sum\(labels)"] == 0.3)
        #expect(
            values[
                "traces_service_graph_request_server_seconds_bucket"
                    + "{client=\"cart\", le=\"0.4\", server=\"stock\"}"] == 1)
        #expect(values["traces_service_graph_unpaired_spans_total{client=\"cart\"}"] == nil)
    }

    @Test("a root server was called by a user, a database needs no server span")
    func virtual() {
        let probe = DeriverProbe()
        probe.add(Self.span("web", .server, id: 1))
        probe.add(
            Self.span(
                "web", .client, id: 2, parent: 1,
                attributes: [
                    Attribute("db.system", .string("postgresql")),
                    Attribute("db.name", .string("orders")),
                ]))
        let expected = [
            "traces_service_graph_request_total"
                + "{client=\"user\", connection_type=\"virtual_node\", server=\"web\"}": 1.0,
            "traces_service_graph_request_total"
                + "{client=\"web\", connection_type=\"database\", server=\"orders\"}": 1.0,
        ]
        #expect(requests(probe) == expected)
    }

    @Test("a client whose server never sends counts with its peer, or as unpaired")
    func givenUp() {
        let probe = DeriverProbe()
        probe.add(
            Self.span(
                "web", .client, id: 2, parent: 1,
                attributes: [Attribute("peer.service", .string("mail"))]))
        probe.add(Self.span("web", .client, id: 3, parent: 1))
        probe.add(Self.span("web", .server, id: 4, parent: 77))
        probe.advance(seconds: 10)
        #expect(requests(probe).isEmpty)
        probe.advance(seconds: 1)
        let values = probe.values()
        #expect(
            values[
                "traces_service_graph_request_total"
                    + "{client=\"web\", connection_type=\"virtual_node\", server=\"mail\"}"] == 1)
        #expect(values["traces_service_graph_unpaired_spans_total{client=\"web\"}"] == 1)
        #expect(values["traces_service_graph_unpaired_spans_total{server=\"web\"}"] == 1)
        probe.add(Self.span("late", .server, id: 9, parent: 3))
        #expect(requests(probe).count == 1, "it came too late")
    }

    @Test("messages are timed from the producer's end to the consumer's start")
    func messaging() {
        let probe = DeriverProbe()
        probe.add(Self.span("shop", .producer, id: 2, parent: 1, milliseconds: 10))
        var consumer = Self.span("mailer", .consumer, id: 3, parent: 2)
        consumer.starts[0] = DeriverProbe.start.advanced(byNanoseconds: 1_510_000_000)
        probe.add(consumer)
        let labels = "{client=\"shop\", connection_type=\"messaging_system\", server=\"mailer\"}"
        let values = probe.values()
        #expect(values["traces_service_graph_request_total\(labels)"] == 1)
        #expect(
            values["traces_service_graph_request_messaging_system_seconds_sum\(labels)"] == 1.5)
    }

    @Test("Zipkin's spans that share an id are the two sides of a call")
    func sharedSpans() {
        let probe = DeriverProbe()
        probe.add(Self.span("cart", .client, id: 5, parent: 1))
        probe.add(
            Self.span(
                "stock", .server, id: 5, parent: 1,
                attributes: [Attribute("zipkin.shared", .bool(true))]))
        #expect(
            requests(probe)
                == ["traces_service_graph_request_total{client=\"cart\", server=\"stock\"}": 1])
    }

    @Test("of many calls in any order every one is found, as long as they fit", arguments: 0..<5)
    func many(seed: Int) {
        var random = Generator(seed: UInt64(seed))
        let probe = DeriverProbe()
        var sides: [SpanBatch] = []
        for call in 1...5_000 {
            let trace = UInt64(call)
            sides.append(Self.span("a", .client, id: trace * 2, parent: 1, trace: trace))
            sides.append(
                Self.span("b", .server, id: trace * 2 + 1, parent: trace * 2, trace: trace))
        }
        for index in sides.indices.reversed() { sides.swapAt(index, random.below(index + 1)) }
        for side in sides { probe.add(side) }
        #expect(
            requests(probe)
                == ["traces_service_graph_request_total{client=\"a\", server=\"b\"}": 5_000])
    }

    @Test("beyond the limit the oldest half is given up and counted")
    func tooManyWait() {
        var limits = DerivationLimits()
        limits.halvesMax = 1_024
        let probe = DeriverProbe(limits: limits)
        for call in 1...1_500 {
            probe.add(Self.span("a", .client, id: 2, parent: 1, trace: UInt64(call)))
        }
        for call in (1...1_500).reversed() {
            probe.add(Self.span("b", .server, id: 3, parent: 2, trace: UInt64(call)))
        }
        let values = probe.values()
        let paired = values["traces_service_graph_request_total{client=\"a\", server=\"b\"}"]
        let dropped = values["traces_service_graph_dropped_spans_total"]
        #expect(values["traces_service_graph_unpaired_spans_total{client=\"a\"}"] == 476)
        #expect(dropped == 476)
        // The last 476 servers wait in vain, and push out nobody.
        #expect(paired == 1_024)
    }

    @Test("services and edges are bounded")
    func bounds() {
        var limits = DerivationLimits()
        limits.servicesMax = 4
        limits.edgesMax = 2
        let probe = DeriverProbe(limits: limits)
        for number in 0..<50 {
            probe.add(Self.span("service-\(number)", .server, id: 1, trace: UInt64(number)))
        }
        let requests = requests(probe)
        #expect(requests.count <= 3)
        #expect(requests.values.reduce(0, +) == 50)
        #expect(requests.keys.contains { $0.contains("__overflow__") })
    }

    @Test("callers from outside keep their name when services and edges are too many")
    func callersBeyondTheBounds() {
        var limits = DerivationLimits()
        limits.servicesMax = 4
        limits.edgesMax = 2
        let probe = DeriverProbe(limits: limits)
        for number in 0..<50 {
            probe.add(Self.span("service-\(number)", .server, id: 1, trace: UInt64(number)))
        }
        #expect(requests(probe).keys.allSatisfy { $0.contains("client=\"user\"") })
    }
}
