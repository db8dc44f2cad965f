/// Access logs that are JSON objects under names of their own, told by the keys they have. Their members
/// are kept under the names of the vocabulary, with its units.
struct JSONDialect: Sendable {
    struct Member: Sendable {
        var name: String
        var kind: LineFieldKind

        init(_ name: String, _ kind: LineFieldKind = .text) {
            self.name = name
            self.kind = kind
        }
    }

    let name: String
    /// Keys that all lines of this dialect have.
    let required: [String]
    let members: [String: Member]

    /// The dialect of an object with these keys; `nil` for one whose keys are kept as they are.
    static func of(_ keys: [String]) -> JSONDialect? {
        all.first { dialect in dialect.required.allSatisfy(keys.contains) }
    }

    private static let all = [linkerd, traefik, envoyGateway, nginx, nginxMethods]

    /// linkerd2-proxy's `access-log: json`.
    private static let linkerd = JSONDialect(
        name: "linkerd", required: ["client.addr", "uri", "total_ns"],
        members: [
            "client.addr": Member(AccessLogName.downstreamRemoteAddress),
            "client.id": Member(AccessLogName.downstreamPeer),
            "host": Member(AccessLogName.authority), "uri": Member(AccessLogName.path, .target),
            "trace_id": Member("trace_id", .traceOrRequest),
            "status": Member(AccessLogName.responseCode, .integer),
            "version": Member(AccessLogName.protocol),
            "request_bytes": Member(AccessLogName.bytesReceived, .integer),
            "response_bytes": Member(AccessLogName.bytesSent, .integer),
            "total_ns": Member(AccessLogName.duration, .nanoseconds),
            "processing_ns": Member("processing_duration", .nanoseconds),
        ])

    /// Traefik documentation, "Access logs", "Available fields".
    private static let traefik = JSONDialect(
        name: "traefik", required: ["DownstreamStatus", "RequestMethod"],
        members: [
            "ClientAddr": Member(AccessLogName.downstreamRemoteAddress),
            "ClientUsername": Member(AccessLogName.user),
            "DownstreamContentSize": Member(AccessLogName.bytesSent, .integer),
            "DownstreamStatus": Member(AccessLogName.responseCode, .integer),
            "Duration": Member(AccessLogName.duration, .nanoseconds),
            "OriginDuration": Member(AccessLogName.upstreamServiceTime, .nanoseconds),
            "RequestContentSize": Member(AccessLogName.bytesReceived, .integer),
            "RequestHost": Member(AccessLogName.authority),
            "RequestMethod": Member(AccessLogName.method),
            "RequestPath": Member(AccessLogName.path),
            "RequestProtocol": Member(AccessLogName.protocol),
            "RequestScheme": Member(AccessLogName.scheme),
            "RetryAttempts": Member(AccessLogName.upstreamAttempts, .integer),
            "RouterName": Member(AccessLogName.routeName),
            "ServiceName": Member(AccessLogName.upstreamCluster),
            "ServiceAddr": Member(AccessLogName.upstreamHost),
            "TLSVersion": Member(AccessLogName.tlsVersion),
            "TLSCipher": Member(AccessLogName.tlsCipher),
            "entryPointName": Member(AccessLogName.frontend),
            "request_User-Agent": Member(AccessLogName.userAgent),
            "request_X-Request-Id": Member(AccessLogName.requestID),
            "request_X-Forwarded-For": Member(AccessLogName.forwardedFor),
            "request_Referer": Member(AccessLogName.referer),
        ])

    /// Envoy with headers under their own names, as Envoy Gateway configures it.
    private static let envoyGateway = JSONDialect(
        name: "envoy", required: ["start_time", ":authority", "response_code"],
        members: [
            ":authority": Member(AccessLogName.authority),
            "x-envoy-origin-path": Member(AccessLogName.path),
            "x-envoy-original-path": Member(AccessLogName.path),
            "x-envoy-upstream-service-time": Member(
                AccessLogName.upstreamServiceTime, .milliseconds),
            "x-forwarded-for": Member(AccessLogName.forwardedFor),
            "user-agent": Member(AccessLogName.userAgent),
            "x-request-id": Member(AccessLogName.requestID),
            AccessLogName.responseFlags: Member(AccessLogName.responseFlags, .flags),
        ])

    /// nginx with a `log_format … escape=json` whose keys are the names of its variables, as is usual:
    /// the request in one piece or in parts.
    private static let nginx = JSONDialect(
        name: "nginx", required: ["remote_addr", "request", "status"], members: nginxMembers)
    private static let nginxMethods = JSONDialect(
        name: "nginx", required: ["remote_addr", "request_method", "status"],
        members: nginxMembers)

    private static let nginxMembers = [
        "remote_addr": Member(AccessLogName.downstreamRemoteAddress),
        "remote_user": Member(AccessLogName.user), "request": Member("request", .request),
        "request_method": Member(AccessLogName.method), "request_uri": Member(AccessLogName.path),
        "server_protocol": Member(AccessLogName.protocol), "scheme": Member(AccessLogName.scheme),
        "status": Member(AccessLogName.responseCode, .integer),
        "body_bytes_sent": Member(AccessLogName.bytesSent, .integer),
        "request_length": Member(AccessLogName.bytesReceived, .integer),
        "request_time": Member(AccessLogName.duration, .seconds),
        "upstream_response_time": Member(AccessLogName.upstreamServiceTime, .seconds),
        "upstream_connect_time": Member(AccessLogName.upstreamConnectTime, .seconds),
        "upstream_addr": Member(AccessLogName.upstreamHost),
        "proxy_host": Member(AccessLogName.upstreamCluster),
        "host": Member(AccessLogName.authority), "http_host": Member(AccessLogName.authority),
        "http_referer": Member(AccessLogName.referer),
        "http_referrer": Member(AccessLogName.referer),
        "http_user_agent": Member(AccessLogName.userAgent),
        "http_x_forwarded_for": Member(AccessLogName.forwardedFor),
        "http_x_request_id": Member(AccessLogName.requestID),
        "ssl_protocol": Member(AccessLogName.tlsVersion),
        "ssl_cipher": Member(AccessLogName.tlsCipher),
        "ssl_server_name": Member(AccessLogName.requestedServerName),
        "server_name": Member(AccessLogName.frontend),
    ]
}
