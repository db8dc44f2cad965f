extension LineTemplate {
    /// Reads our own notation of formats: `<name>` and `<name:kind>` are fields, `_` is the name of those
    /// that are not kept; everything else is text.
    init(name: String, notation: String) throws(LineTemplateError) {
        var pieces: [Piece] = []
        var rest = Substring(notation)
        while let open = rest.firstIndex(of: "<") {
            pieces.append(.text(Array(rest[..<open].utf8)))
            guard let close = rest[open...].firstIndex(of: ">") else {
                throw .unclosedOperator(String(rest[open...]))
            }
            pieces.append(.field(Self.field(rest[rest.index(after: open)..<close])))
            rest = rest[rest.index(after: close)...]
        }
        pieces.append(.text(Array(rest.utf8)))
        try self.init(name: name, pieces)
    }

    private static func field(_ text: Substring) -> Field {
        let parts = text.split(separator: ":")
        let name = String(parts.first ?? "")
        let kind: LineFieldKind? =
            switch parts.dropFirst().first {
            case "address": .address
            case "host": .hostAndPort
            case "flags": .flags
            case "headers": .headers
            case "integer": .integer
            case "milliseconds": .milliseconds
            case "quoted": .quoted
            case "request": .request
            case "seconds": .seconds
            case "time": .time(isStrict: true)
            default: nil
            }
        let column = Array(name.utf8).withUnsafeBytes { LogField(name: JSONKey(bytes: $0)) }
        return Field(
            name: name, kind: kind ?? (name == "_" ? .skipped : .text),
            column: column == .time ? .plain : column, isKept: name != "_")
    }
}

extension LineTemplate {
    /// The formats that are recognised without configuration, the ones that say more first.
    static let known: [LineTemplate] = envoy + web + haproxy + [applicationLoadBalancer]

    /// Envoy's default (Envoy documentation, "Default format string"), Istio's (istio/istio
    /// `pilot/pkg/model/telemetry_logging.go`) and Kuma's for HTTP and TCP (Kuma documentation, "Traffic
    /// log"). Kuma's for HTTP had no trace id in its first years.
    private static let envoy = [
        envoyFormat(
            "envoy",
            "\(requestLine) %RESPONSE_CODE% %RESPONSE_FLAGS% \(traffic)"
                + " \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\""),
        envoyFormat(
            "istio",
            "\(requestLine) %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%"
                + " %CONNECTION_TERMINATION_DETAILS% \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\""
                + " \(traffic) \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\""
                + " %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%"
                + " %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%"),
        envoyFormat(
            "kuma",
            "\(kumaRequestLine) %RESPONSE_CODE% %RESPONSE_FLAGS% \(traffic)"
                + " \"%REQ(X-B3-TRACEID?X-DATADOG-TRACEID)%\" \"%REQ(X-REQUEST-ID)%\" \(kumaEnd)"),
        envoyFormat(
            "kuma",
            "\(kumaRequestLine) %RESPONSE_CODE% %RESPONSE_FLAGS% \(traffic)"
                + " \"%REQ(X-REQUEST-ID)%\" \(kumaEnd)"),
        envoyFormat(
            "kuma",
            "[%START_TIME%] %RESPONSE_FLAGS% %KUMA_MESH% %KUMA_SOURCE_ADDRESS_WITHOUT_PORT%"
                + "(%KUMA_SOURCE_SERVICE%)->%UPSTREAM_HOST%(%KUMA_DESTINATION_SERVICE%)"
                + " took %DURATION%ms, sent %BYTES_SENT% bytes, received: %BYTES_RECEIVED% bytes"),
    ]

    private static let request =
        "\"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\""
    private static let requestLine = "[%START_TIME%] \(request)"
    private static let kumaRequestLine = "[%START_TIME%] %KUMA_MESH% \(request)"
    private static let traffic =
        "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"
        + " \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\""
    private static let kumaEnd =
        "\"%REQ(:AUTHORITY)%\" \"%KUMA_SOURCE_SERVICE%\" \"%KUMA_DESTINATION_SERVICE%\""
        + " \"%KUMA_SOURCE_ADDRESS_WITHOUT_PORT%\" \"%UPSTREAM_HOST%\""

    /// The common log format and what grew out of it: Traefik's, nginx's `main`, `combined`, the bare one,
    /// and Linkerd's, which ends with the status.
    private static let web = [
        ownFormat(
            "traefik",
            "\(common) \(agents) <_:integer> \"<route_name:quoted>\" \"<upstream_host:quoted>\""
                + " <duration:milliseconds>ms"),
        ownFormat("combined", "<authority:host> \(common) \(agents)"),
        ownFormat("common", "<authority:host> \(common)"),
        ownFormat("combined", "\(common) \(agents) \"<x_forwarded_for:quoted>\""),
        ownFormat("combined", "\(common) \(agents)"),
        ownFormat("common", common),
        ownFormat("linkerd", client + " <response_code:integer>"),
    ]

    private static let client =
        "<downstream_remote_address:address> <downstream_peer> <user> [<start_time:time>]"
        + " \"<request:request>\""
    private static let common = client + " <response_code:integer> <bytes_sent:integer>"
    private static let agents = "\"<referer:quoted>\" \"<user_agent:quoted>\""

    /// HAProxy's `httplog` and `httpslog`, with captured headers or without, `tcplog`, the line of a
    /// connection without either, and that of one which failed (HAProxy configuration manual, §8.2).
    private static let haproxy: [LineTemplate] =
        [
            " {<captured_request_headers:headers>} {<captured_response_headers>}",
            " {<captured_request_headers:headers>}", "",
        ].flatMap { captures in
            [" \(haproxyTLS)", ""].map { end in
                ownFormat("haproxy", "\(haproxyHTTP)\(captures) \"<request:request>\"\(end)")
            }
        } + [
            ownFormat(
                "haproxy",
                "\(haproxyStart) <queue_time:milliseconds>/<upstream_connect_time:milliseconds>"
                    + "/<duration:milliseconds> <bytes_sent:integer> <termination_state> \(counts)"),
            ownFormat(
                "haproxy",
                "Connect from <downstream_remote_address:address>"
                    + " to <downstream_local_address:address> (<frontend>/<_>)"),
            ownFormat(
                "haproxy",
                "<downstream_remote_address:address> [<start_time:time>] <frontend>/<_:address>:"
                    + " <connection_termination_details>"),
        ]

    private static let haproxyTLS =
        "<_>/<_>/<_>/<_>/<_:integer> <requested_server_name>/<tls_version>/<tls_cipher>"

    private static let haproxyStart =
        "<downstream_remote_address:address> [<start_time:time>] <frontend>"
        + " <upstream_cluster>/<upstream_host>"
    private static let counts =
        "<_:integer>/<_:integer>/<_:integer>/<_:integer>/<_> <_:integer>/<_:integer>"
    private static let haproxyHTTP =
        "\(haproxyStart) <request_duration:milliseconds>/<queue_time:milliseconds>"
        + "/<upstream_connect_time:milliseconds>/<upstream_service_time:milliseconds>"
        + "/<duration:milliseconds> <response_code:integer> <bytes_sent:integer> <_> <_>"
        + " <termination_state> \(counts)"

    /// AWS documentation, "Access logs for your Application Load Balancer", as far as the time at which
    /// the request came; what follows varies with the year.
    static let applicationLoadBalancerName = "alb"
    private static let applicationLoadBalancer = ownFormat(
        applicationLoadBalancerName,
        "<_> <start_time:time> <frontend> <downstream_remote_address:address> <upstream_host>"
            + " <request_duration:seconds> <upstream_service_time:seconds>"
            + " <response_duration:seconds> <response_code:integer> <upstream_response_code>"
            + " <bytes_received:integer>"
            + " <bytes_sent:integer> \"<request:request>\" \"<user_agent:quoted>\" <tls_cipher>"
            + " <tls_version> <upstream_cluster> \"<xray_trace_id:quoted>\""
            + " \"<requested_server_name:quoted>\" \"<_:quoted>\" <_> <start_time:time> <_>")

    private static func envoyFormat(_ name: String, _ format: String) -> LineTemplate {
        do { return try LineTemplate(name: name, envoyFormat: format) } catch {
            preconditionFailure("BUG: format \(name): \(error)")
        }
    }

    private static func ownFormat(_ name: String, _ notation: String) -> LineTemplate {
        do { return try LineTemplate(name: name, notation: notation) } catch {
            preconditionFailure("BUG: format \(name): \(error)")
        }
    }
}
