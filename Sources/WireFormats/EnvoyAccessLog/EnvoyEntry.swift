import Telemetry

/// The fields of one access-log entry while its messages are read, in whatever order they come.
struct EnvoyEntry {
    /// A value in the batch's tables; absent until its field comes.
    struct Cell {
        var type = AttributeType.empty
        var payload: UInt64 = 0
    }

    /// In the order in which they are kept: the 24 of Istio's JSON first.
    enum Slot: Int, CaseIterable {
        case routeName, method, path, `protocol`, responseCode, responseFlags, responseFlagsLong
        case responseCodeDetails, connectionTerminationDetails, bytesReceived, bytesSent, duration
        case upstreamServiceTime, forwardedFor, userAgent, requestID, authority, upstreamHost
        case upstreamCluster, upstreamLocalAddress, downstreamLocalAddress
        case downstreamRemoteAddress, requestedServerName, upstreamTransportFailureReason
        case scheme, referer, streamID, upstreamAttempts, tlsVersion, downstreamPeer
        case downstreamTransportFailureReason, isIntermediate, tlsCipher, directRemoteAddress
        case requestDuration, grpcStatus, accessLogType, downstreamWireBytesSent
        case downstreamWireBytesReceived, upstreamWireBytesSent, upstreamWireBytesReceived
        case requestSentDuration, responseDuration, upstreamDuration, firstByteDuration
        case responseSentDuration

        var name: String {
            switch self {
            case .routeName: AccessLogName.routeName
            case .method: AccessLogName.method
            case .path: AccessLogName.path
            case .protocol: AccessLogName.protocol
            case .responseCode: AccessLogName.responseCode
            case .responseFlags: AccessLogName.responseFlags
            case .responseFlagsLong: AccessLogName.responseFlagsLong
            case .responseCodeDetails: AccessLogName.responseCodeDetails
            case .connectionTerminationDetails: AccessLogName.connectionTerminationDetails
            case .bytesReceived: AccessLogName.bytesReceived
            case .bytesSent: AccessLogName.bytesSent
            case .duration: AccessLogName.duration
            case .upstreamServiceTime: AccessLogName.upstreamServiceTime
            case .forwardedFor: AccessLogName.forwardedFor
            case .userAgent: AccessLogName.userAgent
            case .requestID: AccessLogName.requestID
            case .authority: AccessLogName.authority
            case .upstreamHost: AccessLogName.upstreamHost
            case .upstreamCluster: AccessLogName.upstreamCluster
            case .upstreamLocalAddress: AccessLogName.upstreamLocalAddress
            case .downstreamLocalAddress: AccessLogName.downstreamLocalAddress
            case .downstreamRemoteAddress: AccessLogName.downstreamRemoteAddress
            case .requestedServerName: AccessLogName.requestedServerName
            case .upstreamTransportFailureReason: AccessLogName.upstreamTransportFailureReason
            case .scheme: AccessLogName.scheme
            case .referer: AccessLogName.referer
            case .streamID: AccessLogName.streamID
            case .upstreamAttempts: AccessLogName.upstreamAttempts
            case .tlsVersion: AccessLogName.tlsVersion
            case .downstreamPeer: AccessLogName.downstreamPeer
            case .downstreamTransportFailureReason: "downstream_transport_failure_reason"
            case .isIntermediate: "intermediate"
            case .tlsCipher: AccessLogName.tlsCipher
            case .directRemoteAddress: "downstream_direct_remote_address"
            case .requestDuration: AccessLogName.requestDuration
            case .grpcStatus: AccessLogName.grpcStatus
            case .accessLogType: "access_log_type"
            case .downstreamWireBytesSent: "downstream_wire_bytes_sent"
            case .downstreamWireBytesReceived: "downstream_wire_bytes_received"
            case .upstreamWireBytesSent: "upstream_wire_bytes_sent"
            case .upstreamWireBytesReceived: "upstream_wire_bytes_received"
            // As Envoy's operators are called, and two that none tells.
            case .requestSentDuration: "request_tx_duration"
            case .responseDuration: AccessLogName.responseDuration
            case .upstreamDuration: "upstream_last_byte_duration"
            case .firstByteDuration: "response_first_byte_duration"
            case .responseSentDuration: "response_tx_duration"
            }
        }
    }

    private(set) var cells = [Cell](repeating: Cell(), count: Slot.allCases.count)
    /// Tags and headers, in the order in which they came.
    var extras = AttributeColumns()
    var columns = LogRecordFields()
    /// Nanoseconds since `start_time`; `nil` until told.
    var firstUpstreamSent: Int64?
    var firstUpstreamReceived: Int64?
    var lastDownstreamSent: Int64?
    var duration: Int64?

    mutating func reset() {
        for index in cells.indices { cells[index] = Cell() }
        extras.removeAll()
        columns = LogRecordFields()
        firstUpstreamSent = nil
        firstUpstreamReceived = nil
        lastDownstreamSent = nil
        duration = nil
    }

    @inline(__always)
    mutating func set(_ slot: Slot, _ type: AttributeType, _ payload: UInt64) {
        cells[slot.rawValue] = Cell(type: type, payload: payload)
    }

    func has(_ slot: Slot) -> Bool { cells[slot.rawValue].type != .empty }

    mutating func set(_ slot: Slot, text: StringID) {
        if text != 0 { set(slot, .string, UInt64(text)) }
    }

    /// Counts beyond 63 bits are none that a sender means.
    mutating func set(_ slot: Slot, count: UInt64) {
        set(slot, .int, min(count, UInt64(Int64.max)))
    }

    /// Nanoseconds as milliseconds, to the nanosecond; a negative interval is left out.
    mutating func set(_ slot: Slot, nanoseconds: Int64) {
        guard nanoseconds >= 0 else { return }
        if nanoseconds % 1_000_000 == 0 {
            set(slot, .int, UInt64(nanoseconds / 1_000_000))
        } else {
            set(slot, .double, (Double(nanoseconds) / 1e6).bitPattern)
        }
    }
}
