/// Fields of an access-log line: the 24 keys of Istio's JSON encoding
/// (istio/istio `pilot/pkg/model/telemetry_logging.go`) in their order.
enum AccessField: UInt8, CaseIterable {
    case startTime, routeName, method, path, `protocol`, responseCode, responseFlags
    case responseCodeDetails, connectionTerminationDetails, bytesReceived, bytesSent, duration
    case upstreamServiceTime, forwardedFor, userAgent, requestID, authority, upstreamHost
    case upstreamCluster, upstreamLocalAddress, downstreamLocalAddress, downstreamRemoteAddress
    case requestedServerName, upstreamTransportFailureReason

    var key: StaticString {
        switch self {
        case .startTime: "start_time"
        case .routeName: "route_name"
        case .method: "method"
        case .path: "path"
        case .protocol: "protocol"
        case .responseCode: "response_code"
        case .responseFlags: "response_flags"
        case .responseCodeDetails: "response_code_details"
        case .connectionTerminationDetails: "connection_termination_details"
        case .bytesReceived: "bytes_received"
        case .bytesSent: "bytes_sent"
        case .duration: "duration"
        case .upstreamServiceTime: "upstream_service_time"
        case .forwardedFor: "x_forwarded_for"
        case .userAgent: "user_agent"
        case .requestID: "request_id"
        case .authority: "authority"
        case .upstreamHost: "upstream_host"
        case .upstreamCluster: "upstream_cluster"
        case .upstreamLocalAddress: "upstream_local_address"
        case .downstreamLocalAddress: "downstream_local_address"
        case .downstreamRemoteAddress: "downstream_remote_address"
        case .requestedServerName: "requested_server_name"
        case .upstreamTransportFailureReason: "upstream_transport_failure_reason"
        }
    }
}

/// Takes the fields of a line one by one.
protocol AccessFieldSink {
    mutating func text(_ field: AccessField, _ value: UnsafeRawBufferPointer)
    mutating func number(_ field: AccessField, _ value: UInt64)
    mutating func absent(_ field: AccessField)
}

/// One finished exchange as the fields of its line.
struct AccessFields {
    let exchange: Exchange
    let client: ClientConnection
    let end: Int64
    let startTime: [UInt8]

    @inline(__always)
    func write<Sink: AccessFieldSink>(to sink: inout Sink) {
        exchange.bytes.withUnsafeBytes { bytes in
            request(bytes, &sink)
            traffic(bytes, &sink)
            addresses(bytes, &sink)
        }
    }

    @inline(__always)
    private func request<Sink: AccessFieldSink>(
        _ bytes: UnsafeRawBufferPointer, _ sink: inout Sink
    ) {
        let head = exchange.head
        text(.startTime, startTime, &sink)
        text(.routeName, exchange.route?.nameText, &sink)
        text(.method, bytes[head.methodName], &sink)
        let end = head.query.isEmpty ? head.path.end : head.query.end
        text(.path, bytes[ByteRange(Int(head.path.start), Int(end))], &sink)
        if exchange.headLength == 0 {
            sink.absent(.protocol)
        } else {
            text(.protocol, head.minorVersion == 0 ? "HTTP/1.0" : "HTTP/1.1", &sink)
        }
        sink.number(.responseCode, UInt64(exchange.status))
        if exchange.flags.isEmpty {
            text(.responseFlags, "-", &sink)
        } else {
            text(.responseFlags, Array(exchange.flags.text.utf8), &sink)
        }
        text(.responseCodeDetails, exchange.detail, &sink)
        sink.absent(.connectionTerminationDetails)
    }

    @inline(__always)
    private func traffic<Sink: AccessFieldSink>(
        _ bytes: UnsafeRawBufferPointer, _ sink: inout Sink
    ) {
        sink.number(.bytesReceived, exchange.requestBodyBytes)
        sink.number(.bytesSent, exchange.responseBodyBytes)
        sink.number(.duration, Self.milliseconds(end &- exchange.startMonotonic))
        if exchange.firstByteMonotonic > 0 {
            sink.number(
                .upstreamServiceTime,
                Self.milliseconds(exchange.firstByteMonotonic &- exchange.attemptStartMonotonic))
        } else {
            sink.absent(.upstreamServiceTime)
        }
        header(.forwardedFor, .forwardedFor, bytes, &sink)
        header(.userAgent, .userAgent, bytes, &sink)
        text(.requestID, bytes[exchange.requestID], &sink)
        text(.authority, bytes[exchange.head.authority], &sink)
    }

    @inline(__always)
    private func addresses<Sink: AccessFieldSink>(
        _ bytes: UnsafeRawBufferPointer, _ sink: inout Sink
    ) {
        text(.upstreamHost, exchange.endpoint?.text, &sink)
        text(.upstreamCluster, exchange.cluster?.nameText, &sink)
        text(.upstreamLocalAddress, exchange.upstreamLocalAddress, &sink)
        text(.downstreamLocalAddress, client.localAddress, &sink)
        text(.downstreamRemoteAddress, client.remoteAddress, &sink)
        sink.absent(.requestedServerName)
        if exchange.flags.contains(.upstreamConnectionFailure) {
            text(.upstreamTransportFailureReason, "connection_failure", &sink)
        } else {
            sink.absent(.upstreamTransportFailureReason)
        }
    }

    @inline(__always)
    private func header<Sink: AccessFieldSink>(
        _ field: AccessField, _ header: KnownHeader, _ bytes: UnsafeRawBufferPointer,
        _ sink: inout Sink
    ) {
        guard let value = exchange.head.block.value(header) else { return sink.absent(field) }
        text(field, bytes[value], &sink)
    }

    @inline(__always)
    private func text<Sink: AccessFieldSink>(
        _ field: AccessField, _ value: UnsafeRawBufferPointer, _ sink: inout Sink
    ) {
        if value.isEmpty { sink.absent(field) } else { sink.text(field, value) }
    }

    @inline(__always)
    private func text<Sink: AccessFieldSink>(
        _ field: AccessField, _ value: [UInt8]?, _ sink: inout Sink
    ) {
        guard let value else { return sink.absent(field) }
        value.withUnsafeBytes { text(field, $0, &sink) }
    }

    @inline(__always)
    private func text<Sink: AccessFieldSink>(
        _ field: AccessField, _ value: StaticString, _ sink: inout Sink
    ) {
        sink.text(
            field,
            UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }

    private static func milliseconds(_ nanoseconds: Int64) -> UInt64 {
        UInt64(max(0, nanoseconds)) / 1_000_000
    }
}
