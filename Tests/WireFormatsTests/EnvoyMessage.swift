import Telemetry
import WireFormats

/// Messages as Envoy sends them to its access log service.
enum EnvoyMessage {
    static func identified(_ content: (inout ProtobufWriter) -> Void) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { identifier in
            identifier.message(1) { node in
                node.string(1, "sidecar~1")
                node.string(2, "cart.shop")
                node.message(4) { $0.string(1, "eu-1") }
            }
            identifier.string(2, "als")
        }
        content(&writer)
        return writer.bytes
    }

    static func plain(_ content: (inout ProtobufWriter) -> Void) -> [UInt8] {
        var writer = ProtobufWriter()
        content(&writer)
        return writer.bytes
    }

    static func http(_ entry: inout ProtobufWriter) {
        entry.message(1) { common in
            socket(2, "10.4.4.4", 4_000, &common)
            socket(3, "10.3.3.3", 9_080, &common)
            common.message(4) { tls in
                tls.varint(1, 4)
                tls.string(3, "out.cart")
                tls.message(5) { $0.message(1) { $0.string(1, "spiffe://c/ns/d/sa/web") } }
            }
            common.message(5) {
                $0.varint(1, 1_772_600_767)
                $0.varint(2, 89_000_001)
            }
            common.message(7) { $0.varint(2, 1_000_000) }
            common.message(9) { $0.varint(2, 3_500_000) }
            common.message(12) { $0.varint(2, 6_000_000) }
            socket(13, "10.2.2.2", 9_080, &common)
            socket(14, "127.0.0.6", 1, &common)
            common.string(15, "inbound|9080||")
            common.message(16) {
                $0.varint(6, 1)
                $0.varint(16, 1)
            }
            common.string(19, "default")
            common.message(22) {
                $0.string(1, "team")
                $0.string(2, "red")
            }
            common.varint(24, 2)
        }
        entry.varint(2, 3)
        request(&entry)
        entry.message(4) { response in
            response.message(1) { $0.varint(1, 503) }
            response.varint(3, 91)
            response.string(6, "upstream_reset")
        }
    }

    private static func request(_ entry: inout ProtobufWriter) {
        entry.message(3) { request in
            request.varint(1, 3)
            request.string(2, "https")
            request.string(3, "cart:80")
            request.string(10, "/cart?id=7")
            request.string(5, "/rewritten")
            request.string(6, "shop/1.0")
            request.string(8, "10.1.1.1")
            request.string(9, "req-1")
            request.varint(12, 17)
            request.message(13) {
                $0.string(1, "traceparent")
                $0.string(2, "00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01")
            }
        }
    }

    static let httpFields: [String: AttributeValue] = [
        "route_name": .string("default"), "method": .string("POST"),
        "path": .string("/cart?id=7"), "protocol": .string("HTTP/2"), "response_code": .int(503),
        "response_flags": .string("UF,URX"),
        "response_flags_long": .string("UpstreamConnectionFailure,UpstreamRetryLimitExceeded"),
        "response_code_details": .string("upstream_reset"), "bytes_received": .int(17),
        "bytes_sent": .int(91), "duration": .int(6), "upstream_service_time": .double(2.5),
        "response_duration": .double(3.5), "response_tx_duration": .double(2.5),
        "x_forwarded_for": .string("10.1.1.1"), "user_agent": .string("shop/1.0"),
        "request_id": .string("req-1"), "authority": .string("cart:80"),
        "upstream_host": .string("10.2.2.2:9080"), "upstream_cluster": .string("inbound|9080||"),
        "upstream_local_address": .string("127.0.0.6:1"),
        "downstream_local_address": .string("10.3.3.3:9080"),
        "downstream_remote_address": .string("10.4.4.4:4000"),
        "requested_server_name": .string("out.cart"), "scheme": .string("https"),
        "upstream_attempts": .int(2), "tls_version": .string("TLSv1.3"),
        "downstream_peer": .string("spiffe://c/ns/d/sa/web"), "team": .string("red"),
        "http.request.header.traceparent": .string(
            "00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01"),
    ]

    static func tcp(_ entry: inout ProtobufWriter) {
        entry.message(1) { common in
            common.message(2) { $0.message(2) { $0.string(1, "/run/pipe") } }
            common.message(5) { $0.varint(1, 1_772_600_767) }
            socket(13, "2001:db8::1", 90, &common)
            common.message(16) { $0.varint(15, 1) }
            common.message(23) { $0.varint(2, 250_000) }
        }
        entry.message(2) {
            $0.varint(1, 5)
            $0.varint(2, 1 << 40)
        }
    }

    private static func socket(
        _ field: UInt32, _ host: String, _ port: UInt64, _ common: inout ProtobufWriter
    ) {
        common.message(field) { address in
            address.message(1) {
                $0.string(2, host)
                $0.varint(3, port)
            }
        }
    }
}

extension ProtobufWriter {
    mutating func httpEntries(_ entries: [(inout ProtobufWriter) -> Void]) {
        message(2) { logs in for entry in entries { logs.message(1) { entry(&$0) } } }
    }

    mutating func tcpEntries(_ entries: [(inout ProtobufWriter) -> Void]) {
        message(3) { logs in for entry in entries { logs.message(1) { entry(&$0) } } }
    }
}
