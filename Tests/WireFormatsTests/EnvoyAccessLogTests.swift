import Telemetry
import Testing
import WireFormats

@Suite("Envoy access log service")
struct EnvoyAccessLogTests {
    private static let receivedAt = Timestamp(seconds: 1_800_000_000)

    private func decode(
        _ message: [UInt8], _ sender: inout EnvoyAccessLog.Sender
    ) throws -> Decoded<LogBatch> {
        try EnvoyAccessLog.decode(
            protobuf: message, sender: &sender, receivedAt: Self.receivedAt)
    }

    private func fields(_ record: LogRecord) -> [String: AttributeValue] {
        Dictionary(
            record.attributes.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    @Test("an HTTP entry has every field under the names of Istio's JSON, joined by its headers")
    func http() throws {
        var sender = EnvoyAccessLog.Sender()
        let decoded = try decode(
            EnvoyMessage.identified { $0.httpEntries([EnvoyMessage.http]) }, &sender)
        #expect(decoded.rejections.isEmpty && decoded.ignoredFields == 0)
        let batch = decoded.batch
        try #require(batch.count == 1)
        let record = batch.record(at: 0)
        #expect(record.body == .empty)
        #expect(record.time == Timestamp(nanoseconds: 1_772_600_767_089_000_001))
        #expect(record.observedTime == Self.receivedAt)
        #expect(record.traceID.hex == "80f198ee56343ba864fe8b2a57d3eff7")
        #expect(record.spanID.hex == "e457b5a2e4d86bd1")
        #expect(fields(record) == EnvoyMessage.httpFields)
        #expect(record.attributes.first?.key == "route_name")
        #expect(
            batch.resource(at: batch.resourceIndices[0]).attributes == [
                Attribute("service.name", .string("cart.shop")),
                Attribute("service.instance.id", .string("sidecar~1")),
                Attribute("cloud.region", .string("eu-1")), Attribute("log_name", .string("als")),
            ])
    }

    @Test("a TCP entry has its bytes, and the sender is that of the stream's first message")
    func tcp() throws {
        var sender = EnvoyAccessLog.Sender()
        _ = try decode(EnvoyMessage.identified { _ in }, &sender)
        let decoded = try decode(EnvoyMessage.plain { $0.tcpEntries([EnvoyMessage.tcp]) }, &sender)
        let batch = decoded.batch
        try #require(batch.count == 1)
        #expect(
            fields(batch.record(at: 0)) == [
                "response_flags": .string("DC"),
                "response_flags_long": .string("DownstreamConnectionTermination"),
                "bytes_received": .int(5), "bytes_sent": .int(1 << 40), "duration": .double(0.25),
                "upstream_host": .string("[2001:db8::1]:90"),
                "downstream_remote_address": .string("/run/pipe"),
            ])
        #expect(batch.resource(at: batch.resourceIndices[0]).serviceName == "cart.shop")
    }

    @Test(
        "without a cluster the log's name is the service; an entry without a time has its arrival's"
    )
    func defaults() throws {
        var sender = EnvoyAccessLog.Sender()
        var writer = ProtobufWriter()
        writer.message(1) { $0.string(2, "otel_envoy_accesslog") }
        writer.message(2) { $0.message(1) { _ in } }
        let batch = try decode(writer.bytes, &sender).batch
        #expect(batch.times == [Self.receivedAt])
        #expect(
            batch.resource(at: batch.resourceIndices[0]).serviceName == "otel_envoy_accesslog")
    }

    @Test("fields that newer Envoys send are kept, and what is a status only in an answer")
    func newer() throws {
        var sender = EnvoyAccessLog.Sender()
        let decoded = try decode(
            EnvoyMessage.plain {
                $0.httpEntries([
                    { entry in
                        entry.message(1) { common in
                            common.message(4) { $0.message(2) { $0.varint(1, 0x1301) } }
                            common.message(6) { $0.varint(2, 2_000_000) }
                            common.message(20) { address in
                                address.message(1) {
                                    $0.string(2, "10.9.9.9")
                                    $0.varint(3, 7)
                                }
                            }
                            common.string(26, "stream-1")
                            common.varint(27, 1)
                            for field: UInt32 in 29...32 { common.varint(field, UInt64(field)) }
                            common.varint(33, 6)
                        }
                        entry.message(3) { request in
                            request.message(13) {
                                $0.string(1, "grpc-status")
                                $0.string(2, "5")
                            }
                        }
                        entry.message(4) { response in
                            response.message(5) {
                                $0.string(1, "grpc-status")
                                $0.string(2, "14")
                            }
                        }
                    }
                ])
            }, &sender)
        let found = fields(decoded.batch.record(at: 0))
        let expected: [String: AttributeValue] = [
            "tls_cipher": .string("TLS_AES_128_GCM_SHA256"), "request_duration": .int(2),
            "downstream_direct_remote_address": .string("10.9.9.9:7"),
            "stream_id": .string("stream-1"), "intermediate": .bool(true),
            "downstream_wire_bytes_sent": .int(29), "downstream_wire_bytes_received": .int(30),
            "upstream_wire_bytes_sent": .int(31), "upstream_wire_bytes_received": .int(32),
            "access_log_type": .string("DownstreamEnd"), "grpc_status": .string("14"),
            "http.request.header.grpc-status": .string("5"),
            "http.response.trailer.grpc-status": .string("14"),
        ]
        for (name, value) in expected { #expect(found[name] == value, "\(name)") }
    }

    @Test("what filters say is kept, and so is when each part of a request was done")
    func metadata() throws {
        func value(
            _ name: String, _ put: (inout ProtobufWriter) -> Void, _ out: inout ProtobufWriter
        ) {
            out.message(1) { field in
                field.string(1, name)
                field.message(2) { put(&$0) }
            }
        }
        func wrapped(
            _ name: String, _ type: String, _ content: (inout ProtobufWriter) -> Void,
            _ common: inout ProtobufWriter
        ) {
            common.message(21) { entry in
                entry.string(1, name)
                entry.message(2) { object in
                    object.string(1, "type.googleapis.com/" + type)
                    object.message(2) { content(&$0) }
                }
            }
        }
        var sender = EnvoyAccessLog.Sender()
        let message = EnvoyMessage.plain {
            $0.httpEntries([
                { entry in
                    entry.message(1) { common in
                        for (field, milliseconds): (UInt32, UInt64) in [
                            (8, 2), (9, 5), (10, 7), (11, 6), (12, 9),
                        ] {
                            common.message(field) { $0.varint(2, milliseconds * 1_000_000) }
                        }
                        common.message(17) { metadata in
                            metadata.message(1) { filter in
                                filter.string(1, "envoy.filters.http.jwt_authn")
                                filter.message(2) { fields in
                                    value("sub", { $0.string(3, "ann") }, &fields)
                                    value("admin", { $0.varint(4, 1) }, &fields)
                                    value("none", { $0.varint(1, 0) }, &fields)
                                    value(
                                        "realm",
                                        { inner in
                                            inner.message(5) { structure in
                                                value("a", { $0.string(3, "b") }, &structure)
                                            }
                                        }, &fields)
                                }
                            }
                        }
                        wrapped(
                            "user", "google.protobuf.StringValue", { $0.string(1, "bob") }, &common)
                        wrapped(
                            "count", "google.protobuf.UInt64Value", { $0.varint(1, 7) }, &common)
                        wrapped("other", "my.Type", { $0.varint(1, 7) }, &common)
                    }
                }
            ])
        }
        let decoded = try decode(message, &sender)
        let found = fields(decoded.batch.record(at: 0))
        let filter = "metadata.envoy.filters.http.jwt_authn."
        let expected: [String: AttributeValue] = [
            filter + "sub": .string("ann"), filter + "admin": .bool(true),
            filter + "realm": .map([Attribute("a", .string("b"))]),
            "filter_state.user": .string("bob"), "filter_state.count": .int(7),
            "filter_state.other": .bytes([8, 7]), "request_tx_duration": .int(2),
            "response_duration": .int(5), "upstream_last_byte_duration": .int(7),
            "response_first_byte_duration": .int(6), "response_tx_duration": .int(4),
            "duration": .int(9),
        ]
        for (name, value) in expected { #expect(found[name] == value, "\(name)") }
        #expect(found[filter + "none"] == nil)
        for count in 0..<message.count {
            var other = EnvoyAccessLog.Sender()
            do { _ = try decode(Array(message[..<count]), &other) } catch is DecodeError {}
        }
    }

    @Test("every response flag has its short form and its words")
    func flags() throws {
        var writer = ProtobufWriter()
        writer.message(2) { logs in
            logs.message(1) { entry in
                entry.message(1) { common in
                    common.message(16) { flags in
                        for number: UInt32 in 1...27 where number != 13 { flags.varint(number, 1) }
                        flags.message(13) { $0.varint(1, 1) }
                        flags.varint(200, 1)
                    }
                }
            }
        }
        var sender = EnvoyAccessLog.Sender()
        let found = fields(try decode(writer.bytes, &sender).batch.record(at: 0))
        let short = found["response_flags"]?.text.split(separator: ",") ?? []
        let long = found["response_flags_long"]?.text.split(separator: ",") ?? []
        #expect(short.count == 27 && long.count == 27)
        #expect(zip(short, long).contains { $0 == ("NR", "NoRouteFound") })
        #expect(zip(short, long).contains { $0 == ("UAEX", "UnauthorizedExternalService") })
        #expect(zip(short, long).contains { $0 == ("DF", "DnsResolutionFailed") })
    }

    @Test("a message cut off or changed anywhere is refused or read, and never crashes")
    func mutilated() throws {
        let message = EnvoyMessage.identified {
            $0.httpEntries([EnvoyMessage.http])
            $0.tcpEntries([EnvoyMessage.tcp])
        }
        var refused = 0
        for count in message.indices {
            var sender = EnvoyAccessLog.Sender()
            do {
                let batch = try decode(Array(message.prefix(count)), &sender).batch
                #expect(batch.count <= 2)
            } catch is DecodeError { refused += 1 }
        }
        #expect(refused > message.count / 2)
        for index in message.indices {
            for byte: UInt8 in [0x00, 0x01, 0x7F, 0x80, 0xFF] {
                var changed = message
                changed[index] = byte
                var sender = EnvoyAccessLog.Sender()
                do { _ = try decode(changed, &sender) } catch is DecodeError {}
            }
        }
    }

    @Test("a time out of range is left out and counted")
    func extremes() throws {
        var writer = ProtobufWriter()
        writer.message(2) { logs in
            logs.message(1) { entry in
                entry.message(1) { common in
                    common.message(5) { $0.varint(1, UInt64(Int64.max)) }
                    common.message(23) { $0.varint(1, UInt64(bitPattern: -5)) }
                }
            }
        }
        var sender = EnvoyAccessLog.Sender()
        let decoded = try decode(writer.bytes, &sender)
        #expect(decoded.batch.times == [Self.receivedAt])
        #expect(decoded.ignoredFields == 1)
        #expect(fields(decoded.batch.record(at: 0))["duration"] == nil)
    }
}
