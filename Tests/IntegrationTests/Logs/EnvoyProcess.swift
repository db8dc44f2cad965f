import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Platform
import Testing

/// A running Envoy with an HTTP and a TCP listener that log in every way.
final class EnvoyProcess {
    static let program = ProcessInfo.processInfo.environment["SIDELIGHT_ENVOY"]
        .flatMap { $0.isEmpty ? nil : $0 }

    /// Of the file: not one that is recognised anyway.
    static let fileFormat =
        "%START_TIME% %REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL% %RESPONSE_CODE%"
        + " %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %REQ(X-REQUEST-ID)%"
        + " %REQ(TRACEPARENT)% %UPSTREAM_HOST% %UPSTREAM_CLUSTER% %DOWNSTREAM_REMOTE_ADDRESS%"
        + " %UPSTREAM_LOCAL_ADDRESS%"

    let folder: String
    var log: String { folder + "/access.log" }
    private let process = Process()
    private let listeners: [String]
    private var ports: [String: Int] = [:]

    /// - Parameters:
    ///   - folder: for its files; the log is `access.log`.
    ///   - upstream: a port that answers HTTP.
    ///   - sidelight: the port of OTLP/gRPC.
    convenience init(folder: String, upstream: Int, sidelight: Int) throws {
        try self.init(
            folder: folder,
            configuration: EnvoyConfiguration.text(
                folder: folder, upstream: upstream, sidelight: sidelight),
            listeners: ["http", "tcp"])
    }

    /// - Parameters:
    ///   - folder: for its files.
    ///   - configuration: its bootstrap, with an admin address on a free port.
    ///   - listeners: the names of those that `ready` waits for.
    init(folder: String, configuration: String, listeners: [String]) throws {
        self.folder = folder
        self.listeners = listeners
        try configuration.write(
            toFile: folder + "/envoy.yaml", atomically: true, encoding: .utf8)
        #expect(FileManager.default.createFile(atPath: folder + "/output", contents: nil))
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/output"))
        process.executableURL = URL(fileURLWithPath: try #require(Self.program))
        process.arguments = [
            "-c", folder + "/envoy.yaml", "--use-dynamic-base-id", "--concurrency", "1",
            "--admin-address-path", folder + "/admin", "--log-level", "warning",
        ]
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    var output: String {
        guard let data = FileManager.default.contents(atPath: folder + "/output") else { return "" }
        return String(decoding: data, as: UTF8.self)
    }

    /// Waits until its listeners are open.
    func ready() async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(300)
        while clock.now < deadline, process.isRunning {
            if let data = FileManager.default.contents(atPath: folder + "/admin"),
                try await findPorts(String(decoding: data, as: UTF8.self))
            {
                return
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("Envoy did not start: \(output)")
        throw CancellationError()
    }

    private struct Listeners: Decodable {
        struct Status: Decodable {
            var name: String
            var localAddress: Address
            enum CodingKeys: String, CodingKey {
                case name
                case localAddress = "local_address"
            }
        }
        struct Address: Decodable {
            var socketAddress: Socket
            enum CodingKeys: String, CodingKey { case socketAddress = "socket_address" }
        }
        struct Socket: Decodable {
            var port: Int
            enum CodingKeys: String, CodingKey { case port = "port_value" }
        }
        var statuses: [Status]
        enum CodingKeys: String, CodingKey { case statuses = "listener_statuses" }
    }

    private func findPorts(_ admin: String) async throws -> Bool {
        let request = HTTPClientRequest(
            url:
                "http://\(admin.trimmingCharacters(in: .whitespacesAndNewlines))/listeners?format=json"
        )
        let response: HTTPClientResponse
        do {
            response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        } catch { return false }
        let body = try await response.body.collect(upTo: 1 << 20)
        guard response.status == .ok else { return false }
        let listeners = try JSONDecoder().decode(
            Listeners.self, from: Data(body.readableBytesView))
        for status in listeners.statuses {
            ports[status.name] = status.localAddress.socketAddress.port
        }
        return self.listeners.allSatisfy { ports[$0] != nil }
    }

    /// The port of the listener `http` or `tcp`, after `ready`.
    func port(_ listener: String) throws -> Int { try #require(ports[listener]) }

    func get(_ path: String, requestID: String) async throws -> UInt {
        try await get("http", path, ["x-request-id": requestID])
    }

    /// Through the listener that knows nothing of HTTP; the connection is closed after the answer.
    func getThroughTCP(_ path: String, requestID: String) async throws -> UInt {
        try await get("tcp", path, ["connection": "close", "x-request-id": requestID])
    }

    private func get(
        _ listener: String, _ path: String, _ headers: KeyValuePairs<String, String>
    ) async throws -> UInt {
        let port = try #require(ports[listener])
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        _ = try await response.body.collect(upTo: 1 << 20)
        return response.status.code
    }

    func stop() {
        // It inherits the blocked signals of the thread that started it, and needs no farewell.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}

/// Envoy's bootstrap.
enum EnvoyConfiguration {
    static func text(folder: String, upstream: Int, sidelight: Int) -> String {
        """
        node: {id: envoy-test, cluster: front}
        admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
        static_resources:
          listeners:
          - name: http
            address: {socket_address: {address: 127.0.0.1, port_value: 0}}
            filter_chains:
            - filters:
              - name: envoy.filters.network.http_connection_manager
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                  stat_prefix: front
                  generate_request_id: true
                  preserve_external_request_id: true
                  tracing:
                    provider:
                      name: envoy.tracers.opentelemetry
                      typed_config:
                        "@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig
                        service_name: front
                        grpc_service: {envoy_grpc: {cluster_name: sidelight}, timeout: 300s}
                  route_config:
                    virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                      - match: {prefix: /nowhere}
                        route: {cluster: nowhere}
                      - match: {prefix: /denied}
                        direct_response: {status: 403, body: {inline_string: "no"}}
                      - match: {prefix: /}
                        route: {cluster: app, timeout: 0s}
                  http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                  access_log:
        \(logs(folder, isHTTP: true, indent: 18))
          - name: tcp
            address: {socket_address: {address: 127.0.0.1, port_value: 0}}
            filter_chains:
            - filters:
              - name: envoy.filters.network.tcp_proxy
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                  stat_prefix: tcp
                  cluster: app
                  access_log:
        \(logs(folder, isHTTP: false, indent: 18))
          clusters:
          - name: app
            connect_timeout: 300s
            load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: \(upstream)}}}}]}]}
          - name: nowhere
            connect_timeout: 1s
            load_assignment: {cluster_name: nowhere, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}
          - name: sidelight
            connect_timeout: 300s
            typed_extension_protocol_options:
              envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                explicit_http_config: {http2_protocol_options: {}}
            load_assignment: {cluster_name: sidelight, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: \(sidelight)}}}}]}]}

        """
    }

    private static func logs(_ folder: String, isHTTP: Bool, indent: Int) -> String {
        let kind = isHTTP ? "Http" : "Tcp"
        let common =
            "{log_name: als, transport_api_version: V3, buffer_flush_interval: 0.1s,"
            + " grpc_service: {envoy_grpc: {cluster_name: sidelight}}}"
        let headers =
            isHTTP ? "\n    additional_request_headers_to_log: [traceparent]" : ""
        let text = """
            - name: grpc
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.\(kind)GrpcAccessLogConfig
                common_config: \(common)\(headers)
            - name: otlp
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig
                common_config: \(common)
                body: {string_value: "\(EnvoyProcess.fileFormat)"}
                attributes:
                  values:
            \(attributes)
            - name: file
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                path: \(folder)/access.log
                log_format: {text_format_source: {inline_string: "\(EnvoyProcess.fileFormat)\\n"}}
            """
        let space = String(repeating: " ", count: indent)
        return text.split(separator: "\n").map { space + $0 }.joined(separator: "\n")
    }

    /// Envoy gives the values of attributes as texts.
    private static let attributes = [
        ("request_id", "REQ(X-REQUEST-ID)"), ("listener", "UPSTREAM_CLUSTER"),
    ].map { "      - {key: \($0), value: {string_value: \"%\($1)%\"}}" }.joined(separator: "\n")
}
