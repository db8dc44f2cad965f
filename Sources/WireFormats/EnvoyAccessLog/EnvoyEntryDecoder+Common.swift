import Telemetry

extension EnvoyEntryDecoder {
    /// `AccessLogCommon`.
    private enum Common {
        static let downstreamRemoteAddress = ProtobufKey.length(2)
        static let downstreamLocalAddress = ProtobufKey.length(3)
        static let tls = ProtobufKey.length(4)
        static let startTime = ProtobufKey.length(5)
        static let lastDownstreamReceived = ProtobufKey.length(6)
        static let firstUpstreamSent = ProtobufKey.length(7)
        static let lastUpstreamSent = ProtobufKey.length(8)
        static let firstUpstreamReceived = ProtobufKey.length(9)
        static let lastUpstreamReceived = ProtobufKey.length(10)
        static let firstDownstreamSent = ProtobufKey.length(11)
        static let lastDownstreamSent = ProtobufKey.length(12)
        static let upstreamRemoteAddress = ProtobufKey.length(13)
        static let upstreamLocalAddress = ProtobufKey.length(14)
        static let upstreamCluster = ProtobufKey.length(15)
        static let responseFlags = ProtobufKey.length(16)
        static let metadata = ProtobufKey.length(17)
        static let upstreamFailure = ProtobufKey.length(18)
        static let routeName = ProtobufKey.length(19)
        static let directRemoteAddress = ProtobufKey.length(20)
        static let filterState = ProtobufKey.length(21)
        static let customTag = ProtobufKey.length(22)
        static let duration = ProtobufKey.length(23)
        static let attempts = ProtobufKey.varint(24)
        static let termination = ProtobufKey.length(25)
        static let streamID = ProtobufKey.length(26)
        static let isIntermediate = ProtobufKey.varint(27)
        static let downstreamFailure = ProtobufKey.length(28)
        static let accessLogType = ProtobufKey.varint(33)
    }

    mutating func common(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        entry.set(.responseFlags, text: batch.strings.intern("-"))
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Common.startTime:
                if let time = try instant(try message.message("start_time")) {
                    entry.columns.time = Timestamp(nanoseconds: time)
                }
            case Common.firstUpstreamSent:
                entry.firstUpstreamSent = try duration(&message, "first_upstream_tx")
            case Common.firstUpstreamReceived:
                entry.firstUpstreamReceived = try duration(&message, "first_upstream_rx")
            case Common.lastDownstreamSent:
                entry.lastDownstreamSent = try duration(&message, "last_downstream_tx")
            case Common.lastUpstreamSent: try interval(.requestSentDuration, &message)
            case Common.lastUpstreamReceived: try interval(.upstreamDuration, &message)
            case Common.firstDownstreamSent: try interval(.firstByteDuration, &message)
            case Common.metadata: try metadata(try message.message("metadata"))
            case Common.filterState:
                try filterState(try message.message("filter_state_objects"))
            case Common.lastDownstreamReceived:
                if let time = try duration(&message, "last_downstream_rx") {
                    entry.set(.requestDuration, nanoseconds: time)
                }
            case Common.duration: entry.duration = try duration(&message, "duration")
            case Common.responseFlags: try flags(try message.message("response_flags"))
            case Common.tls: try tls(try message.message("tls_properties"))
            case Common.customTag:
                try pair(try message.message("custom_tags"), prefix: "")
            default: try commonText(key, &message)
            }
        }
    }

    /// Since `start_time`.
    private mutating func interval(
        _ slot: EnvoyEntry.Slot, _ message: inout ProtobufReader
    ) throws(DecodeError) {
        if let time = try duration(&message, "interval") { entry.set(slot, nanoseconds: time) }
    }

    private mutating func commonText(
        _ key: UInt32, _ message: inout ProtobufReader
    ) throws(DecodeError) {
        switch key {
        case Common.downstreamRemoteAddress:
            try address(.downstreamRemoteAddress, try message.message("downstream_remote"))
        case Common.directRemoteAddress:
            try address(.directRemoteAddress, try message.message("downstream_direct_remote"))
        case Common.downstreamLocalAddress:
            try address(.downstreamLocalAddress, try message.message("downstream_local"))
        case Common.upstreamRemoteAddress:
            try address(.upstreamHost, try message.message("upstream_remote"))
        case Common.upstreamLocalAddress:
            try address(.upstreamLocalAddress, try message.message("upstream_local"))
        case Common.upstreamCluster: try text(.upstreamCluster, &message, "upstream_cluster")
        case Common.upstreamFailure:
            try text(.upstreamTransportFailureReason, &message, "upstream_failure")
        case Common.routeName: try text(.routeName, &message, "route_name")
        case Common.attempts:
            entry.set(.upstreamAttempts, count: try message.varint("attempt_count"))
        case Common.termination:
            try text(.connectionTerminationDetails, &message, "termination_details")
        case Common.isIntermediate:
            if try message.bool("intermediate_log_entry") { entry.set(.isIntermediate, .bool, 1) }
        case Common.streamID: try text(.streamID, &message, "stream_id")
        case Common.downstreamFailure:
            try text(.downstreamTransportFailureReason, &message, "downstream_failure")
        case Common.accessLogType:
            let type = try message.varint("access_log_type")
            guard type > 0, type < UInt64(Self.accessLogTypes.count) else { return }
            entry.set(
                .accessLogType, text: batch.strings.intern(Self.accessLogTypes[Int(type)]))
        default:
            guard let slot = Self.wireBytes[key] else { return try message.skip(key) }
            let count = try message.varint("wire_bytes")
            if count > 0 { entry.set(slot, count: count) }
        }
    }

    /// Bytes on the wire, of a request or connection and of what it led to.
    private static let wireBytes: [UInt32: EnvoyEntry.Slot] = [
        ProtobufKey.varint(29): .downstreamWireBytesSent,
        ProtobufKey.varint(30): .downstreamWireBytesReceived,
        ProtobufKey.varint(31): .upstreamWireBytesSent,
        ProtobufKey.varint(32): .upstreamWireBytesReceived,
    ]

    /// `AccessLogType`.
    private static let accessLogTypes = [
        "", "TcpUpstreamConnected", "TcpPeriodic", "TcpConnectionEnd", "DownstreamStart",
        "DownstreamPeriodic", "DownstreamEnd", "UpstreamPoolReady", "UpstreamPeriodic",
        "UpstreamEnd", "DownstreamTunnelSuccessfullyEstablished", "UdpTunnelUpstreamConnected",
        "UdpPeriodic", "UdpSessionEnd", "TcpConnectionStart",
    ]

    // MARK: Response flags

    /// The field of `ResponseFlags` that is a message: UAEX.
    private static let unauthorized: UInt32 = 13

    private mutating func flags(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        scratch.removeAll(keepingCapacity: true)
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            let number = Int(key >> 3)
            guard (1...ResponseFlag.all.count).contains(number) else {
                try message.skip(key)
                continue
            }
            switch key & 7 {
            case 0: guard try message.bool("response flag") else { continue }
            case 2 where key >> 3 == Self.unauthorized:
                _ = try message.bytes("unauthorized_details")
            default:
                try message.skip(key)
                continue
            }
            if !scratch.isEmpty { scratch.append(UInt8(ascii: ",")) }
            ResponseFlag.append(ResponseFlag.all[number - 1].short, to: &scratch)
        }
        guard !scratch.isEmpty else { return }
        entry.set(.responseFlags, text: scratch.withUnsafeBytes { batch.strings.intern($0) })
        var words: [UInt8] = []
        scratch.withUnsafeBytes { ResponseFlag.appendLong($0, to: &words) }
        entry.set(.responseFlagsLong, text: words.withUnsafeBytes { batch.strings.intern($0) })
    }

    // MARK: Addresses

    /// `envoy.config.core.v3.Address`: a socket as `host:port`, a pipe or an internal listener by name.
    private mutating func address(
        _ slot: EnvoyEntry.Slot, _ message: ProtobufReader
    ) throws(DecodeError) {
        var message = message
        scratch.removeAll(keepingCapacity: true)
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            switch key {
            case ProtobufKey.length(1): try socket(try message.message("socket_address"))
            case ProtobufKey.length(2), ProtobufKey.length(3):
                var named = try message.message("pipe")
                while true {
                    let key = try named.nextKey()
                    if key == 0 { break }
                    guard key == ProtobufKey.length(1) else {
                        try named.skip(key)
                        continue
                    }
                    scratch.append(contentsOf: try named.bytes("path"))
                }
            default: try message.skip(key)
            }
        }
        entry.set(slot, text: scratch.withUnsafeBytes { batch.strings.intern($0) })
    }

    private mutating func socket(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        var host = UnsafeRawBufferPointer(start: nil, count: 0)
        var port: UInt64?
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            switch key {
            case ProtobufKey.length(2): host = try message.bytes("address")
            case ProtobufKey.varint(3): port = try message.varint("port_value")
            default: try message.skip(key)
            }
        }
        let isIPv6 = host.contains(UInt8(ascii: ":"))
        if isIPv6 { scratch.append(UInt8(ascii: "[")) }
        scratch.append(contentsOf: host)
        if isIPv6 { scratch.append(UInt8(ascii: "]")) }
        guard let port else { return }
        scratch.append(UInt8(ascii: ":"))
        JSONText.append(Int64(clamping: port), to: &scratch)
    }

    // MARK: TLS

    /// `TLSProperties.TLSVersion`.
    private static let tlsVersions = ["", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]

    /// The suites of TLS 1.3 and the usual ones of 1.2 as OpenSSL names them, which Envoy's text formats
    /// do too; others are told by their number (IANA, "TLS Cipher Suites").
    private static let cipherNames: [UInt64: String] = [
        0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
        0x1303: "TLS_CHACHA20_POLY1305_SHA256", 0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256",
        0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384", 0xC02F: "ECDHE-RSA-AES128-GCM-SHA256",
        0xC030: "ECDHE-RSA-AES256-GCM-SHA384", 0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305",
        0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
    ]

    private mutating func cipher(_ number: UInt64) {
        // 65535 is Envoy's word for none.
        guard number > 0, number < 0xFFFF else { return }
        let name = Self.cipherNames[number] ?? "0x" + String(number, radix: 16, uppercase: true)
        entry.set(.tlsCipher, text: batch.strings.intern(name))
    }

    /// Version, cipher, server name, and the first name in the peer's certificate (its SPIFFE id).
    private mutating func tls(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case ProtobufKey.varint(1):
                let version = try message.varint("tls_version")
                guard version > 0, version < UInt64(Self.tlsVersions.count) else { continue }
                entry.set(
                    .tlsVersion, text: batch.strings.intern(Self.tlsVersions[Int(version)]))
            case ProtobufKey.length(2): cipher(try wrapped(&message, "tls_cipher_suite"))
            case ProtobufKey.length(3): try text(.requestedServerName, &message, "tls_sni")
            case ProtobufKey.length(5): try peer(try message.message("peer_certificate"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func peer(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            if key == 0 { return }
            guard key == ProtobufKey.length(1), !entry.has(.downstreamPeer) else {
                try message.skip(key)
                continue
            }
            var name = try message.message("subject_alt_name")
            while true {
                let key = try name.nextKey()
                if key == 0 { break }
                guard key == ProtobufKey.length(1) || key == ProtobufKey.length(2) else {
                    try name.skip(key)
                    continue
                }
                try text(.downstreamPeer, &name, "subject_alt_name")
            }
        }
    }
}
