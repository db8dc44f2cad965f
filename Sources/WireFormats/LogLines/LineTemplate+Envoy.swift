import Telemetry

extension LineTemplate {
    /// Compiles an Envoy format string (Envoy documentation, "Access logging", "Format strings") into a
    /// parser for exactly the lines it makes. `%%` is a percent sign; `:N` after an operator cuts its
    /// value short and makes no difference here; an end of line at the end is dropped.
    /// - Throws: `LineTemplateError` for what could not be taken apart again.
    package init(name: String, envoyFormat: String) throws(LineTemplateError) {
        var format = Array(envoyFormat.utf8)
        while let last = format.last, last == 0x0A || last == 0x0D { format.removeLast() }
        if format.suffix(2).elementsEqual("\\n".utf8) { format.removeLast(2) }
        var pieces: [Piece] = []
        var text: [UInt8] = []
        var offset = 0
        while offset < format.count {
            guard format[offset] == UInt8(ascii: "%") else {
                text.append(format[offset])
                offset += 1
                continue
            }
            if offset + 1 < format.count, format[offset + 1] == UInt8(ascii: "%") {
                text.append(UInt8(ascii: "%"))
                offset += 2
                continue
            }
            let (end, command) = try Self.command(format, at: offset)
            pieces.append(.text(text))
            text = []
            pieces.append(.field(command.field))
            offset = end
        }
        pieces.append(.text(text))
        try self.init(name: name, pieces, hasEscapes: false)
    }

    /// A bracket that the operator's end follows; arguments may have brackets of their own.
    private static func isEndOfArguments(_ format: [UInt8], at offset: Int) -> Bool {
        guard format[offset] == UInt8(ascii: ")"), offset + 1 < format.count else { return false }
        let next = format[offset + 1]
        return next == UInt8(ascii: "%") || next == UInt8(ascii: ":")
    }

    /// The operator whose percent sign stands at `start`, and the offset behind it.
    private static func command(
        _ format: [UInt8], at start: Int
    ) throws(LineTemplateError) -> (end: Int, EnvoyCommand) {
        var offset = start + 1
        var name: [UInt8] = []
        var arguments: [UInt8] = []
        while offset < format.count, EnvoyCommand.isNameByte(format[offset]) {
            name.append(format[offset])
            offset += 1
        }
        if offset < format.count, format[offset] == UInt8(ascii: "(") {
            offset += 1
            while offset < format.count, !isEndOfArguments(format, at: offset) {
                arguments.append(format[offset])
                offset += 1
            }
            offset += 1
        }
        if offset < format.count, format[offset] == UInt8(ascii: ":") {
            offset += 1
            while offset < format.count, format[offset] &- UInt8(ascii: "0") <= 9 { offset += 1 }
        }
        guard !name.isEmpty, offset < format.count, format[offset] == UInt8(ascii: "%") else {
            let rest = format[start..<min(start + 24, format.count)]
            throw .unclosedOperator(String(decoding: rest, as: UTF8.self))
        }
        let operatorName = String(decoding: name, as: UTF8.self)
        if let meant = EnvoyOperatorName.correction(of: operatorName) {
            throw .misspeltOperator(operatorName, meant: meant)
        }
        return (
            offset + 1,
            EnvoyCommand(
                name: operatorName,
                arguments: String(decoding: arguments, as: UTF8.self))
        )
    }
}

/// One command operator of an Envoy format string.
private struct EnvoyCommand {
    var name: String
    var arguments: String

    static func isNameByte(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "A") <= 25 || byte &- UInt8(ascii: "0") <= 9
            || byte == UInt8(ascii: "_")
    }

    var field: LineTemplate.Field {
        switch name {
        case "REQ", "REQUEST_HEADER":
            return header(prefix: AccessLogName.requestHeaderPrefix, Self.requestHeaders)
        case "RESP", "RESPONSE_HEADER":
            return header(prefix: AccessLogName.responseHeaderPrefix, Self.responseHeaders)
        case "TRAILER", "RESPONSE_TRAILER":
            return header(prefix: AccessLogName.responseTrailerPrefix, [:])
        case "START_TIME", "START_TIME_LOCAL":
            return LineTemplate.Field(
                name: AccessLogName.startTime, kind: .time(isStrict: arguments.isEmpty),
                column: .plain, timeLayout: arguments)
        case "TRACE_ID", "SPAN_ID":
            let name = name.lowercased()
            return LineTemplate.Field(name: name, kind: .text, column: Self.column(name))
        default: break
        }
        let (name, kind) = Self.commands[name] ?? (plainName, .text)
        return LineTemplate.Field(name: name, kind: kind, column: .plain)
    }

    /// Of an operator without a name in the vocabulary: its own, with its arguments.
    private var plainName: String {
        let own = name.lowercased()
        return arguments.isEmpty ? own : own + "." + arguments.lowercased()
    }

    /// `%REQ(X?Y)%` is X or else Y: one field, by the first of them that has a name of its own.
    private func header(
        prefix: String, _ known: [String: (String, LineFieldKind)]
    ) -> LineTemplate.Field {
        let names = arguments.lowercased().split(separator: "?").map(String.init)
        for name in names {
            if let (canonical, kind) = known[name] {
                return LineTemplate.Field(name: canonical, kind: kind, column: .plain)
            }
        }
        let first = names.first ?? ""
        let column = names.map(Self.column).first { $0 != .plain } ?? .plain
        return LineTemplate.Field(name: prefix + first, kind: .text, column: column)
    }

    private static func column(_ name: String) -> LogField {
        Array(name.utf8).withUnsafeBytes { LogField(name: JSONKey(bytes: $0)) }
    }

    private static let requestHeaders: [String: (String, LineFieldKind)] = [
        ":method": (AccessLogName.method, .text), ":path": (AccessLogName.path, .text),
        ":authority": (AccessLogName.authority, .text), ":scheme": (AccessLogName.scheme, .text),
        "user-agent": (AccessLogName.userAgent, .text), "referer": (AccessLogName.referer, .text),
        "x-forwarded-for": (AccessLogName.forwardedFor, .text),
        "x-request-id": (AccessLogName.requestID, .text),
    ]

    private static let responseHeaders: [String: (String, LineFieldKind)] = [
        "x-envoy-upstream-service-time": (AccessLogName.upstreamServiceTime, .milliseconds)
    ]

    private static let commands: [String: (String, LineFieldKind)] = [
        "PROTOCOL": (AccessLogName.protocol, .text),
        "RESPONSE_CODE": (AccessLogName.responseCode, .integer),
        "RESPONSE_FLAGS": (AccessLogName.responseFlags, .flags),
        "RESPONSE_FLAGS_LONG": (AccessLogName.responseFlagsLong, .text),
        "RESPONSE_CODE_DETAILS": (AccessLogName.responseCodeDetails, .text),
        "CONNECTION_TERMINATION_DETAILS": (AccessLogName.connectionTerminationDetails, .text),
        "BYTES_RECEIVED": (AccessLogName.bytesReceived, .integer),
        "BYTES_SENT": (AccessLogName.bytesSent, .integer),
        "DURATION": (AccessLogName.duration, .milliseconds),
        "REQUEST_DURATION": (AccessLogName.requestDuration, .milliseconds),
        "RESPONSE_DURATION": (AccessLogName.responseDuration, .milliseconds),
        "GRPC_STATUS": (AccessLogName.grpcStatus, .text),
        "STREAM_ID": (AccessLogName.streamID, .text),
        "ROUTE_NAME": (AccessLogName.routeName, .text),
        "REQUESTED_SERVER_NAME": (AccessLogName.requestedServerName, .text),
        "UPSTREAM_HOST": (AccessLogName.upstreamHost, .text),
        "UPSTREAM_REMOTE_ADDRESS": (AccessLogName.upstreamHost, .text),
        "UPSTREAM_CLUSTER": (AccessLogName.upstreamCluster, .text),
        "UPSTREAM_CLUSTER_RAW": (AccessLogName.upstreamCluster, .text),
        "UPSTREAM_LOCAL_ADDRESS": (AccessLogName.upstreamLocalAddress, .text),
        "UPSTREAM_TRANSPORT_FAILURE_REASON": (
            AccessLogName.upstreamTransportFailureReason, .text
        ),
        "UPSTREAM_REQUEST_ATTEMPT_COUNT": (AccessLogName.upstreamAttempts, .integer),
        "DOWNSTREAM_REMOTE_ADDRESS": (AccessLogName.downstreamRemoteAddress, .text),
        "DOWNSTREAM_LOCAL_ADDRESS": (AccessLogName.downstreamLocalAddress, .text),
        "DOWNSTREAM_PEER_URI_SAN": (AccessLogName.downstreamPeer, .text),
        "DOWNSTREAM_TLS_VERSION": (AccessLogName.tlsVersion, .text),
        "DOWNSTREAM_TLS_CIPHER": (AccessLogName.tlsCipher, .text),
        "KUMA_MESH": (AccessLogName.mesh, .text),
        "KUMA_SOURCE_SERVICE": (AccessLogName.sourceService, .text),
        "KUMA_DESTINATION_SERVICE": (AccessLogName.destinationService, .text),
        "KUMA_SOURCE_ADDRESS_WITHOUT_PORT": (AccessLogName.sourceAddress, .text),
    ]
}
