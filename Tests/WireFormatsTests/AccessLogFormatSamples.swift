import Telemetry

extension AccessLogFormatTests {
    static let textSamples = [
        Sample(
            scope: "envoy",
            line:
                #"[2026-03-04T05:06:07.089Z] "POST /cart?id=7 HTTP/2" 503 UF,URX 17 91 250 - "10.1.1.1" "shop/1.0" "req-1" "cart:80" "10.2.2.2:8080""#,
            time: "2026-03-04T05:06:07.089Z",
            fields: [
                "method": .string("POST"), "path": .string("/cart?id=7"),
                "protocol": .string("HTTP/2"), "response_code": .int(503),
                "response_flags": .string("UF,URX"),
                "response_flags_long": .string(
                    "UpstreamConnectionFailure,UpstreamRetryLimitExceeded"),
                "bytes_received": .int(17), "bytes_sent": .int(91), "duration": .int(250),
                "x_forwarded_for": .string("10.1.1.1"), "user_agent": .string("shop/1.0"),
                "request_id": .string("req-1"), "authority": .string("cart:80"),
                "upstream_host": .string("10.2.2.2:8080"),
            ]),
        Sample(
            scope: "envoy",
            line: #"[2026-03-04T05:06:07.089Z] "- - -" 0 - 5 10 3 - "-" "-" "-" "-" "10.2.2.2:90""#,
            time: "2026-03-04T05:06:07.089Z",
            fields: [
                "response_code": .int(0), "bytes_received": .int(5), "bytes_sent": .int(10),
                "duration": .int(3), "upstream_host": .string("10.2.2.2:90"),
            ]),
        Sample(
            scope: "istio",
            line:
                #"[2026-03-04T05:06:07.089Z] "GET /x HTTP/1.1" 200 - via_upstream - "-" 0 42 6 5 "-" "curl/8" "req-2" "cart:80" "10.2.2.2:9080" inbound|9080|| 127.0.0.6:1 10.3.3.3:9080 10.4.4.4:0 out.cart default"#,
            time: "2026-03-04T05:06:07.089Z",
            fields: [
                "method": .string("GET"), "path": .string("/x"), "protocol": .string("HTTP/1.1"),
                "response_code": .int(200), "response_code_details": .string("via_upstream"),
                "bytes_received": .int(0), "bytes_sent": .int(42), "duration": .int(6),
                "upstream_service_time": .int(5), "user_agent": .string("curl/8"),
                "request_id": .string("req-2"), "authority": .string("cart:80"),
                "upstream_host": .string("10.2.2.2:9080"),
                "upstream_cluster": .string("inbound|9080||"),
                "upstream_local_address": .string("127.0.0.6:1"),
                "downstream_local_address": .string("10.3.3.3:9080"),
                "downstream_remote_address": .string("10.4.4.4:0"),
                "requested_server_name": .string("out.cart"), "route_name": .string("default"),
            ]),
        Sample(
            scope: "kuma",
            line:
                #"[2026-03-04T05:06:07.089Z] default "GET /x HTTP/1.1" 200 - 0 42 6 5 "-" "curl/8" "80f198ee56343ba864fe8b2a57d3eff7" "req-3" "cart" "web" "backend" "10.5.5.5" "10.2.2.2:9080""#,
            time: "2026-03-04T05:06:07.089Z",
            fields: [
                "mesh": .string("default"), "method": .string("GET"), "path": .string("/x"),
                "protocol": .string("HTTP/1.1"), "response_code": .int(200),
                "bytes_received": .int(0), "bytes_sent": .int(42), "duration": .int(6),
                "upstream_service_time": .int(5), "user_agent": .string("curl/8"),
                "http.request.header.x-b3-traceid": .string("80f198ee56343ba864fe8b2a57d3eff7"),
                "request_id": .string("req-3"), "authority": .string("cart"),
                "source_service": .string("web"), "destination_service": .string("backend"),
                "source_address": .string("10.5.5.5"),
                "upstream_host": .string("10.2.2.2:9080"),
            ]),
        Sample(
            scope: "kuma",
            line:
                "[2026-03-04T05:06:07.089Z] UF mesh-1 10.5.5.5(web)->10.2.2.2:90(redis) took 7ms, sent 12 bytes, received: 34 bytes",
            time: "2026-03-04T05:06:07.089Z",
            fields: [
                "response_flags": .string("UF"),
                "response_flags_long": .string("UpstreamConnectionFailure"),
                "mesh": .string("mesh-1"), "source_address": .string("10.5.5.5"),
                "source_service": .string("web"), "upstream_host": .string("10.2.2.2:90"),
                "destination_service": .string("redis"), "duration": .int(7),
                "bytes_sent": .int(12), "bytes_received": .int(34),
            ]),
        Sample(
            scope: "combined",
            line:
                #"192.0.2.7 - ann [04/Mar/2026:06:06:07 +0100] "GET /a b?c=\"d\" HTTP/1.1" 200 612 "https://ex.org/" "Mozilla/5.0 (X11)""#,
            time: "2026-03-04T05:06:07Z",
            fields: [
                "downstream_remote_address": .string("192.0.2.7"), "user": .string("ann"),
                "method": .string("GET"), "path": .string(#"/a b?c=\"d\""#),
                "protocol": .string("HTTP/1.1"), "response_code": .int(200),
                "bytes_sent": .int(612), "referer": .string("https://ex.org/"),
                "user_agent": .string("Mozilla/5.0 (X11)"),
            ]),
        Sample(
            scope: "combined",
            line:
                #"2001:db8::1 - - [04/Mar/2026:06:06:07 +0100] "-" 400 0 "-" "-" "198.51.100.2""#,
            time: "2026-03-04T05:06:07Z",
            fields: [
                "downstream_remote_address": .string("2001:db8::1"), "response_code": .int(400),
                "bytes_sent": .int(0), "x_forwarded_for": .string("198.51.100.2"),
            ]),
        Sample(
            scope: "common",
            line: #"192.0.2.7 - - [04/Mar/2026:05:06:07 +0000] "HEAD / HTTP/1.0" 304 -"#,
            time: "2026-03-04T05:06:07Z",
            fields: [
                "downstream_remote_address": .string("192.0.2.7"), "method": .string("HEAD"),
                "path": .string("/"), "protocol": .string("HTTP/1.0"),
                "response_code": .int(304),
            ]),
        Sample(
            scope: "linkerd",
            line:
                #"10.6.6.6:5116 web.ns.serviceaccount.identity.linkerd.cluster.local - [2026-03-04T05:06:07.071809491Z] "GET http://api:7000/v1?q=1 HTTP/2.0" 200"#,
            time: "2026-03-04T05:06:07.071809491Z",
            fields: [
                "downstream_remote_address": .string("10.6.6.6:5116"),
                "downstream_peer": .string(
                    "web.ns.serviceaccount.identity.linkerd.cluster.local"),
                "method": .string("GET"), "scheme": .string("http"),
                "authority": .string("api:7000"), "path": .string("/v1?q=1"),
                "protocol": .string("HTTP/2.0"), "response_code": .int(200),
            ]),
        Sample(
            scope: "traefik",
            line:
                #"192.0.2.7 - - [04/Mar/2026:05:06:07 +0000] "GET /x HTTP/1.1" 200 9 "-" "curl/8" 12 "web@docker" "http://10.2.2.2:80" 4ms"#,
            time: "2026-03-04T05:06:07Z",
            fields: [
                "downstream_remote_address": .string("192.0.2.7"), "method": .string("GET"),
                "path": .string("/x"), "protocol": .string("HTTP/1.1"),
                "response_code": .int(200), "bytes_sent": .int(9),
                "user_agent": .string("curl/8"), "route_name": .string("web@docker"),
                "upstream_host": .string("http://10.2.2.2:80"), "duration": .int(4),
            ]),
        Sample(
            scope: "haproxy",
            line:
                #"10.7.7.7:33317 [04/Mar/2026:05:06:07.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {ex.org|} {} "GET /index.html HTTP/1.1""#,
            time: "2026-03-04T05:06:07.655Z",
            fields: [
                "downstream_remote_address": .string("10.7.7.7:33317"),
                "frontend": .string("http-in"), "upstream_cluster": .string("static"),
                "upstream_host": .string("srv1"), "request_duration": .int(10),
                "captured_request_headers": .string("ex.org|"),
                "queue_time": .int(0), "upstream_connect_time": .int(30),
                "upstream_service_time": .int(69), "duration": .int(109),
                "response_code": .int(200), "bytes_sent": .int(2750),
                "termination_state": .string("----"), "method": .string("GET"),
                "path": .string("/index.html"), "protocol": .string("HTTP/1.1"),
            ]),
        Sample(
            scope: "haproxy",
            line:
                #"10.7.7.7:33317 [04/Mar/2026:05:06:07.655] public~ be/<NOSRV> 0/-1/-1/-1/63 503 194 - - SC-- 15/13/10/0/+2 0/0 "GET / HTTP/1.1""#,
            time: "2026-03-04T05:06:07.655Z",
            fields: [
                "downstream_remote_address": .string("10.7.7.7:33317"),
                "frontend": .string("public~"), "upstream_cluster": .string("be"),
                "upstream_host": .string("<NOSRV>"), "request_duration": .int(0),
                "duration": .int(63), "response_code": .int(503), "bytes_sent": .int(194),
                "termination_state": .string("SC--"), "method": .string("GET"),
                "path": .string("/"), "protocol": .string("HTTP/1.1"),
            ]),
        Sample(
            scope: "haproxy",
            line:
                "10.7.7.7:33317 [04/Mar/2026:05:06:07.655] fnt bck/srv1 0/1/5007 212 -- 0/0/0/0/3 0/0",
            time: "2026-03-04T05:06:07.655Z",
            fields: [
                "downstream_remote_address": .string("10.7.7.7:33317"),
                "frontend": .string("fnt"), "upstream_cluster": .string("bck"),
                "upstream_host": .string("srv1"), "queue_time": .int(0),
                "upstream_connect_time": .int(1), "duration": .int(5007),
                "bytes_sent": .int(212), "termination_state": .string("--"),
            ]),
        Sample(
            scope: "alb",
            line:
                #"https 2026-03-04T05:06:08.000000Z app/lb-1/50dc 192.0.2.7:2817 10.2.2.2:80 0.001 0.0485 0.000 200 200 34 366 "GET https://www.example.org:443/p HTTP/1.1" "curl/8" ECDHE TLSv1.2 arn:aws:tg/x "Root=1-80f198ee-56343ba864fe8b2a57d3eff7" "www.example.org" "arn:cert" 0 2026-03-04T05:06:07.950000Z "forward" "-" "-" "10.2.2.2:80" "200" "-" "-""#,
            time: "2026-03-04T05:06:07.95Z",
            fields: [
                "frontend": .string("app/lb-1/50dc"),
                "downstream_remote_address": .string("192.0.2.7:2817"),
                "upstream_host": .string("10.2.2.2:80"), "request_duration": .int(1),
                "upstream_service_time": .double(48.5), "response_duration": .int(0),
                "response_code": .int(200), "bytes_received": .int(34), "bytes_sent": .int(366),
                "method": .string("GET"), "scheme": .string("https"),
                "authority": .string("www.example.org:443"), "path": .string("/p"),
                "protocol": .string("HTTP/1.1"), "user_agent": .string("curl/8"),
                "tls_cipher": .string("ECDHE"), "tls_version": .string("TLSv1.2"),
                "upstream_cluster": .string("arn:aws:tg/x"),
                "xray_trace_id": .string("Root=1-80f198ee-56343ba864fe8b2a57d3eff7"),
                "requested_server_name": .string("www.example.org"),
                "upstream_response_code": .string("200"), "duration": .double(49.5),
            ]),
    ]

    static let jsonSamples = [
        Sample(
            scope: "linkerd",
            line:
                #"{"client.addr":"10.6.6.6:5116","client.id":"-","host":"api","method":"GET","processing_ns":"39826","request_bytes":"","response_bytes":"19","status":200,"timestamp":"2026-03-04T05:06:07.071Z","total_ns":"18994500","trace_id":"","uri":"/v1","user_agent":"curl/8","version":"HTTP/2.0"}"#,
            time: "2026-03-04T05:06:07.071Z",
            fields: [
                "downstream_remote_address": .string("10.6.6.6:5116"),
                "authority": .string("api"), "method": .string("GET"), "path": .string("/v1"),
                "response_code": .int(200), "bytes_sent": .int(19), "duration": .double(18.9945),
                "protocol": .string("HTTP/2.0"), "user_agent": .string("curl/8"),
            ]),
        Sample(
            scope: "traefik",
            line:
                #"{"ClientAddr":"192.0.2.7:1","DownstreamContentSize":9,"DownstreamStatus":502,"Duration":4000000,"OriginDuration":1500000,"RequestHost":"ex.org","RequestMethod":"GET","RequestPath":"/x","RequestProtocol":"HTTP/1.1","RouterName":"web@docker","StartUTC":"2026-03-04T05:06:07.5Z","level":"info","msg":"","time":"2026-03-04T05:06:08Z"}"#,
            time: "2026-03-04T05:06:07.5Z",
            fields: [
                "downstream_remote_address": .string("192.0.2.7:1"), "bytes_sent": .int(9),
                "response_code": .int(502), "duration": .int(4),
                "upstream_service_time": .double(1.5), "authority": .string("ex.org"),
                "method": .string("GET"), "path": .string("/x"),
                "protocol": .string("HTTP/1.1"), "route_name": .string("web@docker"),
                "level": .string("info"),
            ]),
        Sample(
            scope: "nginx",
            line:
                #"{"time_iso8601":"2026-03-04T06:06:07+01:00","remote_addr":"192.0.2.7","request":"GET /x?y HTTP/1.1","status":"200","body_bytes_sent":"612","request_time":"0.057","upstream_response_time":"-","http_user_agent":"curl/8","request_id":"abc","extra":true}"#,
            time: "2026-03-04T05:06:07Z",
            fields: [
                "downstream_remote_address": .string("192.0.2.7"), "method": .string("GET"),
                "path": .string("/x?y"), "protocol": .string("HTTP/1.1"),
                "response_code": .int(200), "bytes_sent": .int(612), "duration": .int(57),
                "user_agent": .string("curl/8"), "request_id": .string("abc"),
                "extra": .bool(true),
            ]),
        Sample(
            scope: "nginx",
            line:
                #"{"msec":"1772600767.089","remote_addr":"192.0.2.7","request_method":"PUT","request_uri":"/z","status":499,"request_time":1.001}"#,
            time: "2026-03-04T05:06:07.089Z",
            fields: [
                "method": .string("PUT"), "path": .string("/z"), "response_code": .int(499),
                "duration": .int(1001),
            ]),
        Sample(
            scope: "envoy",
            line:
                #"{"start_time":"2026-03-04T05:06:07.089Z","method":"GET","x-envoy-origin-path":"/g","response_code":200,":authority":"gw","user-agent":"curl/8","x-request-id":"r9","x-envoy-upstream-service-time":"3","duration":4}"#,
            time: "2026-03-04T05:06:07.089Z",
            fields: [
                "path": .string("/g"), "authority": .string("gw"),
                "user_agent": .string("curl/8"), "request_id": .string("r9"),
                "upstream_service_time": .int(3), "duration": .int(4),
                "response_code": .int(200),
            ]),
    ]
}
