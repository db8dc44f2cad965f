import AsyncHTTPClient
import Foundation
import Glibc
import HTTPServer
import NIOCore
import NIOHTTP1
import Platform
import Receivers
import Telemetry
import Testing
import WireFormats

/// Debian's nginx and HAProxy send their access logs. `SIDELIGHT_NGINX` and `SIDELIGHT_HAPROXY` name their
/// programs.
@Suite struct RealServerTests {
    private static let nginxProgram = program("SIDELIGHT_NGINX")
    private static let haproxyProgram = program("SIDELIGHT_HAPROXY")

    private static func program(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    @Test(
        "nginx: combined and JSON into files, combined over syslog",
        .enabled(if: nginxProgram != nil, "SIDELIGHT_NGINX names no nginx"), .timeLimit(.minutes(5))
    )
    func nginx() async throws {
        let began = SystemClock().wallNanoseconds
        let bed = try await run(Self.nginxProgram, nginxConfiguration, files: ["combined", "json"])
        {
            $0 == ["combined": 2, "json": 2, "web": 2]
        }
        for (service, fields, record) in rows(bed) {
            #expect(fields["method"] == .string("GET"))
            #expect(fields["protocol"] == .string("HTTP/1.1"))
            #expect(fields["response_code"] == .int(200))
            #expect(fields["bytes_sent"] == .int(5))
            #expect(fields["user_agent"] == .string("a \"quoted\" agent") || service != "json")
            #expect(fields["downstream_remote_address"] == .string("127.0.0.1"))
            #expect(isOfNow(record.time, since: began))
            if service == "json" {
                #expect(record.traceID.hex == "80f198ee56343ba864fe8b2a57d3eff7")
                #expect(fields["duration"] != nil)
            }
            if service == "web" { #expect(record.severityText == "info") }
        }
    }

    @Test(
        "HAProxy: HTTP and TCP over syslog",
        .enabled(if: haproxyProgram != nil, "SIDELIGHT_HAPROXY names no HAProxy"),
        .timeLimit(.minutes(5)))
    func haproxy() async throws {
        let began = SystemClock().wallNanoseconds
        let bed = try await run(Self.haproxyProgram, haproxyConfiguration, files: []) {
            $0["haproxy", default: 0] >= 2
        }
        let rows = rows(bed).filter { $0.fields["frontend"] != nil }
        let (web, raw) = (
            rows.filter { $0.fields["frontend"] == .string("web") },
            rows.filter { $0.fields["frontend"] == .string("raw") }
        )
        #expect(web.count == 1 && raw.count == 1)
        for (_, fields, record) in rows {
            #expect(["app", "tcp"].contains(fields["upstream_cluster"]?.text ?? ""))
            #expect(fields["upstream_host"] == .string("s1"))
            #expect(fields["duration"] != nil)
            #expect(fields["termination_state"] != nil)
            #expect(fields["downstream_remote_address"]?.text.hasPrefix("127.0.0.1:") == true)
            #expect(isOfNow(record.time, since: began))
        }
        for (_, fields, _) in web {
            #expect(fields["method"] == .string("GET"))
            #expect(fields["path"]?.text.hasPrefix("/item") == true)
            #expect(fields["response_code"] == .int(200))
        }
    }

    /// Whether a time is one of this test, but for what logs of whole seconds cut off.
    private func isOfNow(_ time: Timestamp, since began: Int64) -> Bool {
        (began - 1_000_000_000...SystemClock().wallNanoseconds).contains(time.nanoseconds)
    }

    // MARK: Configurations

    /// Where things are for a server.
    private struct Places {
        var folder: String
        var syslog: Int
        var upstream: Int
        /// Ports to listen on.
        var web: Int
        var raw: Int
    }

    private func nginxConfiguration(_ places: Places) throws -> [String] {
        let folder = places.folder
        let text = """
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
                    '"http_user_agent":"$http_user_agent","traceparent":"$http_traceparent"}';
                access_log \(folder)/combined.log combined;
                access_log \(folder)/json.log json;
                access_log syslog:server=127.0.0.1:\(places.syslog),tag=web combined;
                server {
                    listen 127.0.0.1:\(places.web);
                    location / { return 200 "hello"; }
                }
                server {
                    listen 127.0.0.1:\(places.raw);
                    location / { return 200 "hello"; }
                }
            }
            """
        try text.write(toFile: folder + "/nginx.conf", atomically: true, encoding: .utf8)
        return ["-c", folder + "/nginx.conf", "-p", folder, "-e", folder + "/error.log"]
    }

    private func haproxyConfiguration(_ places: Places) throws -> [String] {
        let text = """
            global
                log 127.0.0.1:\(places.syslog) local0
            defaults
                log global
                timeout connect 300s
                timeout client 300s
                timeout server 300s
            frontend web
                mode http
                option httplog
                bind 127.0.0.1:\(places.web)
                default_backend app
            listen raw
                mode tcp
                option tcplog
                bind 127.0.0.1:\(places.raw)
                use_backend tcp
            backend app
                mode http
                server s1 127.0.0.1:\(places.upstream)
            backend tcp
                mode tcp
                server s1 127.0.0.1:\(places.upstream)

            """
        try text.write(
            toFile: places.folder + "/haproxy.cfg", atomically: true, encoding: .utf8)
        return ["-db", "-f", places.folder + "/haproxy.cfg"]
    }

    // MARK: Running

    /// Runs a server, sends a request to each of its ports, and waits for the logs.
    private func run(
        _ program: String?, _ configure: (Places) throws -> [String], files: [String],
        until isThere: ([String: Int]) -> Bool
    ) async throws -> TestBed {
        let bed = TestBed(clock: SystemClock())
        var router = Router()
        router.on(.get, "/{path...}") { _ in .text("hello") }
        let upstream = try await HTTPListener.open(
            .init(address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--upstream"),
            routes: router.compiled(), events: bed.events)
        let syslog = try await SyslogListener.open(
            ListenAddress(host: "127.0.0.1", port: 0), flag: "--syslog", ingest: bed.ingest)
        let folder = NSTemporaryDirectory() + "sidelight-server-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let follower = try FileFollower(
            try files.map { try #require(FileFollower.Source("\(folder)/\($0).log")) },
            checkpoints: folder + "/checkpoints", ingest: bed.ingest, interval: .milliseconds(20))
        let places = Places(
            folder: folder, syslog: syslog.address.port, upstream: upstream.address.port,
            web: freePort(), raw: freePort())
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(program))
        process.arguments = try configure(places)
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        var failure: (any Error)?
        do {
            for port in [places.web, places.raw] { try await send(to: port) }
            try await settle { isThere(counts(bed)) }
        } catch { failure = error }
        // It inherits the blocked signals of the thread that started it, and needs no farewell.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        await follower.stop()
        await syslog.shutdown()
        await upstream.shutdown(within: .seconds(2))
        try FileManager.default.removeItem(atPath: folder)
        if let failure { throw failure }
        return bed
    }

    /// The server may need a moment to start.
    private func send(to port: Int) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(300)
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/item?n=1")
        request.headers.add(name: "user-agent", value: "a \"quoted\" agent")
        request.headers.add(name: "connection", value: "close")
        request.headers.add(
            name: "traceparent", value: "00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01")
        while true {
            do {
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
                let body = try await response.body.collect(upTo: 1 << 20)
                #expect(String(buffer: body) == "hello")
                return
            } catch {
                guard clock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// A port that was free a moment ago: neither server can pick one itself. Below those that Linux gives
    /// to whoever asks for any (`ip_local_port_range`), so that nobody else is given it meanwhile.
    private func freePort() -> Int {
        while true {
            let port = Int.random(in: 20_000..<32_000)
            if isFree(port) { return port }
        }
    }

    private func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private typealias Row = (service: String, fields: [String: AttributeValue], record: LogRecord)

    private func rows(_ bed: TestBed) -> [Row] {
        bed.store.logs.flatMap { batch in
            (0..<batch.count).map { row -> Row in
                let record = batch.record(at: row)
                let fields = Dictionary(
                    record.attributes.map { ($0.key, $0.value) },
                    uniquingKeysWith: { first, _ in first })
                let resource = batch.resource(at: batch.resourceIndices[row])
                return (resource.serviceName, fields, record)
            }
        }
    }

    private func counts(_ bed: TestBed) -> [String: Int] {
        rows(bed).reduce(into: [:]) { counts, row in
            if row.fields["duration"] != nil || row.fields["response_code"] != nil {
                counts[row.service, default: 0] += 1
            }
        }
    }

    private func settle(_ isSettled: () -> Bool) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(300)
        while !isSettled(), clock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        #expect(isSettled())
    }
}
