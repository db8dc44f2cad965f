import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// Debian's nginx and HAProxy log to the real program: every row is found by LogQL, typed, and joined to the
/// span of its request both ways. `SIDELIGHT_NGINX` and `SIDELIGHT_HAPROXY` name their programs.
@Suite(
    "Logs of nginx and HAProxy", .serialized,
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct WebServerLogTests {
    private static let nginxProgram = ForeignServer.program("SIDELIGHT_NGINX")
    private static let haproxyProgram = ForeignServer.program("SIDELIGHT_HAPROXY")
    private static let all =
        #"{service_name=~".+"} | json | drop __error__, __error_details__"#

    @Test(
        "nginx: combined and JSON lines in files, combined lines by syslog",
        .enabled(if: nginxProgram != nil, "SIDELIGHT_NGINX names no nginx"), .timeLimit(.minutes(8))
    )
    func nginx() async throws {
        let folder = try TemporaryFolder()
        // nginx reads no spaces in its paths.
        let logs = "/tmp/sidelight-nginx-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        defer { Self.remove(logs) }
        let server = try await ServerProcess(
            data: folder.path + "/data",
            [
                "--syslog", "127.0.0.1:0", "--follow-file", "json=\(logs)/json.log",
                "--follow-file", "combined=\(logs)/combined.log",
            ])
        let port = ForeignServer.freePort()
        let configuration = nginxConfiguration(
            logs, port: port, syslog: try server.port(of: "syslog"))
        let path = logs + "/nginx.conf"
        try configuration.write(toFile: path, atomically: true, encoding: .utf8)
        let web = try ForeignServer(
            try #require(Self.nginxProgram), ["-c", path, "-p", logs, "-e", logs + "/error.log"])
        defer { web.stop() }
        let questions = LogQuestions(url: server.url)
        for number in 0..<3 {
            let sent = SentSpan(number)
            try await sent.send(to: server.url)
            try await request(port, "/item?n=\(number)", sent)
            let rows = try await settled(
                questions, #"\#(Self.all) | path="/item?n=\#(number)""#, count: 3)
            for row in rows {
                #expect(row["method"] == "GET")
                #expect(row["protocol"] == "HTTP/1.1")
                #expect(row["response_code"] == "200")
                #expect(row["bytes_sent"] == "5")
                #expect(row["downstream_remote_address"] == "127.0.0.1")
            }
            #expect(Set(rows.compactMap { $0["service_name"] }) == ["json", "combined", "web"])
            let row = try #require(rows.first { $0["service_name"] == "json" })
            #expect(Double(row["duration"] ?? "") != nil)
            try await expectJoin(row, to: sent, by: "span_id", questions)
        }
        #expect(
            try await questions.numbers(
                "sum by (service_name) (sum_over_time(\(Self.all) | response_code < 300"
                    + " | unwrap bytes_sent [5m]))")
                == [
                    ["service_name": "json"]: 15, ["service_name": "combined"]: 15,
                    ["service_name": "web"]: 15,
                ])
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test(
        "HAProxy: requests and the connections that carried them, by syslog",
        .enabled(if: haproxyProgram != nil, "SIDELIGHT_HAPROXY names no HAProxy"),
        .timeLimit(.minutes(8)))
    func haproxy() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--syslog", "127.0.0.1:0"])
        let upstream = try #require(URLComponents(string: server.url)?.port)
        let (web, raw) = (ForeignServer.freePort(), ForeignServer.freePort())
        let path = try folder.file(
            "haproxy.cfg",
            haproxyConfiguration(
                web: web, raw: raw, upstream: upstream, syslog: try server.port(of: "syslog")))
        let proxy = try ForeignServer(try #require(Self.haproxyProgram), ["-db", "-f", path])
        defer { proxy.stop() }
        let questions = LogQuestions(url: server.url)
        for number in 0..<3 {
            let sent = SentSpan(number)
            try await sent.send(to: server.url)
            // Over TCP to itself, so that the connection has a row too.
            try await request(raw, "/healthz?n=\(number)", sent)
            let rows = try await settled(
                questions, #"\#(Self.all) | path="/healthz?n=\#(number)""#, count: 1)
            let row = try #require(rows.first)
            #expect(row["method"] == "GET")
            #expect(row["response_code"] == "200")
            #expect(row["frontend"] == "web")
            #expect(row["upstream_cluster"] == "app")
            #expect(row["upstream_host"] == "s1")
            #expect(row["request_id"] == sent.request)
            #expect(Double(row["duration"] ?? "") != nil)
            try await expectJoin(row, to: sent, by: "span_id", questions)
            let address = try #require(row["downstream_remote_address"])
            let connection = try #require(
                try await settled(
                    questions, #"\#(Self.all) | upstream_local_address="\#(address)""#, count: 1
                ).first)
            #expect(connection["upstream_cluster"] == "tcp")
            #expect(Double(connection["bytes_sent"] ?? "") ?? 0 > 0)
            try await expectJoin(connection, to: sent, by: "connection", questions)
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    // MARK: Configurations

    private func nginxConfiguration(_ folder: String, port: Int, syslog: Int) -> String {
        """
        daemon off;
        master_process off;
        pid \(folder)/pid;
        error_log \(folder)/error.log;
        events {}
        http {
            client_body_temp_path \(folder)/t1;
            proxy_temp_path \(folder)/t2;
            fastcgi_temp_path \(folder)/t3;
            uwsgi_temp_path \(folder)/t4;
            scgi_temp_path \(folder)/t5;
            log_format json escape=json '{"time_iso8601":"$time_iso8601",'
                '"remote_addr":"$remote_addr","request":"$request","status":"$status",'
                '"body_bytes_sent":"$body_bytes_sent","request_time":"$request_time",'
                '"request_id":"$http_x_request_id","traceparent":"$http_traceparent"}';
            access_log \(folder)/combined.log combined;
            access_log \(folder)/json.log json;
            access_log syslog:server=127.0.0.1:\(syslog),tag=web combined;
            server {
                listen 127.0.0.1:\(port);
                location / { return 200 "hello"; }
            }
        }
        """
    }

    private func haproxyConfiguration(web: Int, raw: Int, upstream: Int, syslog: Int) -> String {
        """
        global
            log 127.0.0.1:\(syslog) local0
        defaults
            log global
            timeout connect 300s
            timeout client 300s
            timeout server 300s
        frontend web
            mode http
            option httplog
            capture request header traceparent len 55
            capture request header x-request-id len 36
            bind 127.0.0.1:\(web)
            default_backend app
        frontend raw
            mode tcp
            log-format '{"downstream_remote_address":"%ci:%cp","upstream_local_address":"%bi:%bp",\
        "upstream_cluster":"%b","upstream_host":"%s","duration":%Tt,"bytes_sent":%B}'
            bind 127.0.0.1:\(raw)
            default_backend tcp
        backend app
            mode http
            server s1 127.0.0.1:\(upstream)
        backend tcp
            mode tcp
            server s1 127.0.0.1:\(web)

        """
    }

    // MARK: Asking

    /// The server may need a moment to start.
    private func request(_ port: Int, _ path: String, _ sent: SentSpan) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(300)
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.headers.add(name: "connection", value: "close")
        request.headers.add(name: "traceparent", value: sent.traceParent)
        request.headers.add(name: "x-request-id", value: sent.request)
        while true {
            do {
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
                _ = try await response.body.collect(upTo: 1 << 20)
                return #expect(response.status == .ok)
            } catch {
                guard clock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func settled(
        _ questions: LogQuestions, _ query: String, count: Int
    ) async throws -> [LogQuestions.Row] {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(300)
        var rows = try await questions.rows(query)
        while rows.count < count, clock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
            rows = try await questions.rows(query)
        }
        #expect(rows.count == count, "\(query): \(rows)")
        return rows
    }

    private func expectJoin(
        _ row: LogQuestions.Row, to sent: SentSpan, by way: String, _ questions: LogQuestions
    ) async throws {
        let spans = try await questions.spans(of: row)
        #expect(spans.map(\.spanId) == [sent.span] && spans.map(\.by) == [way], "\(row)")
        let span = LogQuestions.Joined(traceId: sent.trace, spanId: sent.span, by: way)
        #expect(
            try await questions.lines(of: span).contains { $0.line == row.line }, "\(row)")
    }

    private static func remove(_ folder: String) {
        do { try FileManager.default.removeItem(atPath: folder) } catch {
            Issue.record("cannot remove \(folder): \(error)")
        }
    }
}
