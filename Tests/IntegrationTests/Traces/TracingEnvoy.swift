/// The bootstrap of an Envoy that answers by itself and traces every request at once.
enum TracingEnvoy {
    enum Tracer: CaseIterable {
        case zipkin, openTelemetry
    }

    /// - Parameter port: where the tracer sends to.
    static func configuration(_ tracer: Tracer, port: Int) -> String {
        """
        node: {id: envoy-test, cluster: front}
        admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
        layered_runtime:
          layers:
          - name: static
            static_layer:
              tracing.zipkin.min_flush_spans: 1
              tracing.zipkin.request_timeout: 300000
              tracing.opentelemetry.min_flush_spans: 1
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
                  tracing:
                    provider:
        \(provider(tracer))
                  route_config:
                    virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                      - match: {prefix: /}
                        direct_response: {status: 200, body: {inline_string: "yes"}}
                  http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          clusters:
          - name: sidelight
            connect_timeout: 300s
        \(tracer == .openTelemetry ? http2 : "")
            load_assignment: {cluster_name: sidelight, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: \(port)}}}}]}]}

        """
    }

    private static let http2 = """
            typed_extension_protocol_options:
              envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                explicit_http_config: {http2_protocol_options: {}}
        """

    private static func provider(_ tracer: Tracer) -> String {
        switch tracer {
        case .zipkin:
            """
                          name: envoy.tracers.zipkin
                          typed_config:
                            "@type": type.googleapis.com/envoy.config.trace.v3.ZipkinConfig
                            collector_cluster: sidelight
                            collector_endpoint: /api/v2/spans
                            collector_endpoint_version: HTTP_JSON
                            trace_id_128bit: true
            """
        case .openTelemetry:
            """
                          name: envoy.tracers.opentelemetry
                          typed_config:
                            "@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig
                            service_name: front
                            grpc_service: {envoy_grpc: {cluster_name: sidelight}, timeout: 300s}
            """
        }
    }
}
