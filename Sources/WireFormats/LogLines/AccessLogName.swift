/// The one vocabulary of access-log fields: whatever format a line arrives in, what it says about a
/// request or connection is kept under these names. They are the keys of Istio's JSON encoding, which
/// Sidelight's own proxy writes too, and further ones of the same kind for what other proxies tell.
///
/// | name | what it is |
/// |---|---|
/// | `method`, `path`, `protocol`, `scheme`, `authority` | the request line; `path` has its query |
/// | `response_code`, `response_code_details`, `upstream_response_code`, `grpc_status` | the answer |
/// | `response_flags`, `response_flags_long` | Envoy's flags as sent, and as words; HAProxy's termination state is `termination_state` |
/// | `bytes_received`, `bytes_sent` | bodies, in bytes, as the proxy counts them |
/// | `duration`, `upstream_service_time`, `request_duration`, `response_duration`, `queue_time`, `upstream_connect_time`, `request_tx_duration`, `response_tx_duration` | milliseconds |
/// | `request_id`, `xray_trace_id`, `stream_id` | ids to join by; trace and span ids are columns of the record |
/// | `user_agent`, `referer`, `x_forwarded_for`, `user` | who asked |
/// | `http.request.header.NAME`, `http.response.header.NAME`, `http.response.trailer.NAME` | other logged headers, in lower case |
/// | `downstream_remote_address`, `downstream_local_address`, `downstream_peer`, `requested_server_name` | the client's connection |
/// | `upstream_host`, `upstream_cluster`, `upstream_local_address`, `upstream_transport_failure_reason`, `upstream_attempts` | the upstream's |
/// | `route_name`, `frontend`, `mesh`, `source_service`, `destination_service`, `source_address` | where in the mesh |
/// | `captured_request_headers`, `captured_response_headers` | HAProxy's, with `|` between |
/// | `connection_termination_details`, `tls_version`, `tls_cipher` | the rest |
package enum AccessLogName {
    static let method = "method"
    static let path = "path"
    static let `protocol` = "protocol"
    static let scheme = "scheme"
    static let authority = "authority"
    static let responseCode = "response_code"
    static let responseFlags = "response_flags"
    static let responseFlagsLong = "response_flags_long"
    static let responseCodeDetails = "response_code_details"
    static let connectionTerminationDetails = "connection_termination_details"
    static let terminationState = "termination_state"
    static let grpcStatus = "grpc_status"
    static let bytesReceived = "bytes_received"
    static let bytesSent = "bytes_sent"
    static let duration = "duration"
    static let upstreamServiceTime = "upstream_service_time"
    static let requestDuration = "request_duration"
    static let responseDuration = "response_duration"
    static let queueTime = "queue_time"
    static let upstreamConnectTime = "upstream_connect_time"
    static let requestID = "request_id"
    static let streamID = "stream_id"
    static let xrayTraceID = "xray_trace_id"
    static let userAgent = "user_agent"
    static let referer = "referer"
    static let forwardedFor = "x_forwarded_for"
    static let user = "user"
    static let downstreamRemoteAddress = "downstream_remote_address"
    static let downstreamLocalAddress = "downstream_local_address"
    static let downstreamPeer = "downstream_peer"
    static let requestedServerName = "requested_server_name"
    static let upstreamHost = "upstream_host"
    static let upstreamCluster = "upstream_cluster"
    static let upstreamLocalAddress = "upstream_local_address"
    static let upstreamTransportFailureReason = "upstream_transport_failure_reason"
    static let upstreamAttempts = "upstream_attempts"
    static let routeName = "route_name"
    static let frontend = "frontend"
    static let mesh = "mesh"
    static let sourceService = "source_service"
    static let destinationService = "destination_service"
    static let sourceAddress = "source_address"
    static let startTime = "start_time"
    static let tlsVersion = "tls_version"
    static let tlsCipher = "tls_cipher"

    static let requestHeaderPrefix = "http.request.header."
    static let responseHeaderPrefix = "http.response.header."
    static let responseTrailerPrefix = "http.response.trailer."
}
