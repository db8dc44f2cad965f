/// OTLP traces (opentelemetry/proto/collector/trace/v1/trace_service.proto): bytes to and from
/// `SpanBatch`.
package enum OTLPTraces {}

/// OTLP logs (opentelemetry/proto/collector/logs/v1/logs_service.proto): bytes to and from `LogBatch`.
package enum OTLPLogs {}

/// OTLP metrics (opentelemetry/proto/collector/metrics/v1/metrics_service.proto): bytes to
/// `MetricBatch`, named and shaped as Prometheus does on its own OTLP endpoint.
package enum OTLPMetrics {}
