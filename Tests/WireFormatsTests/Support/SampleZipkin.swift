import WireFormats

/// One Zipkin span in protobuf.
enum SampleZipkin {
    static let trace: [UInt8] = [
        0x59, 0x82, 0xFE, 0x77, 0x00, 0x83, 0x10, 0xCC, 0x80, 0xF1, 0xDA, 0x5E, 0x10, 0x14, 0x75,
        0x17,
    ]

    /// The sender's own span, with the fields in `change` written over it.
    static func span(
        trace: [UInt8] = trace, id: [UInt8] = [0x67, 0xFA, 0xE4, 0x25, 0x71, 0x53, 0x5F, 0x60],
        parent: [UInt8] = [0x90, 0x39, 0x4F, 0x6B, 0xCF, 0xFB, 0x5D, 0x13]
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { span in
            trace.withUnsafeBytes { span.bytes(1, $0) }
            parent.withUnsafeBytes { span.bytes(2, $0) }
            id.withUnsafeBytes { span.bytes(3, $0) }
            span.varint(4, 2)
            span.string(5, "/m/n/2.6.1")
            span.fixed64(6, 1_516_781_775_726_000)
            span.varint(7, 26_000)
            span.message(8) { endpoint in
                endpoint.string(1, "mnist")
                [UInt8]([172, 17, 18, 6]).withUnsafeBytes { endpoint.bytes(2, $0) }
                endpoint.varint(4, 8080)
            }
            span.message(9) { endpoint in
                endpoint.string(1, "edge")
                ([0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 10) + [0xC0, 0x01])
                    .withUnsafeBytes { endpoint.bytes(3, $0) }
                endpoint.varint(4, 53931)
            }
            span.message(10) {
                $0.fixed64(1, 1_516_781_775_726_100)
                $0.string(2, "ws")
            }
            for (key, value) in [("http.path", "/api"), ("error", "too slow")] {
                span.message(11) {
                    $0.string(1, key)
                    $0.string(2, value)
                }
            }
            span.varint(12, 1)
            span.varint(13, 1)
        }
        return writer.bytes
    }

    /// As an old instrumented client and server report it together.
    static let v1 = #"""
        [{"traceId":"5982fe77008310cc80f1da5e10147517","parentId":"90394f6bcffb5d13",
          "id":"67fae42571535f60","name":"get /api","timestamp":1516781775726000,
          "duration":26000,"debug":true,
          "annotations":[
            {"timestamp":1516781775726000,"value":"cs","endpoint":{"serviceName":"edge","ipv4":"10.0.0.1","port":80}},
            {"timestamp":1516781775727000,"value":"sr","endpoint":{"serviceName":"mnist","ipv4":"172.17.18.6"}},
            {"timestamp":1516781775728000,"value":"ws","endpoint":{"serviceName":"mnist","ipv4":"172.17.18.6"}},
            {"timestamp":1516781775750000,"value":"ss","endpoint":{"serviceName":"mnist","ipv4":"172.17.18.6"}},
            {"timestamp":1516781775752000,"value":"cr","endpoint":{"serviceName":"edge","ipv4":"10.0.0.1","port":80}}],
          "binaryAnnotations":[
            {"key":"http.path","value":"/api","endpoint":{"serviceName":"edge","ipv4":"10.0.0.1","port":80}},
            {"key":"rows","value":12,"endpoint":{"serviceName":"mnist","ipv4":"172.17.18.6"}},
            {"key":"sa","value":true,"endpoint":{"serviceName":"mnist","ipv4":"172.17.18.6"}},
            {"key":"ca","value":true,"endpoint":{"serviceName":"edge","ipv4":"10.0.0.1","port":80}},
            {"key":"lc","value":"","endpoint":{"serviceName":"mnist"}}]}]
        """#
}
