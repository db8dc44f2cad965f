import GRPCCore
import HTTPServer
import QueryCore
import Telemetry
import TraceQL
import WireFormats

/// Tempo's searches over gRPC (`tempopb.StreamingQuerier`), which Grafana asks when streaming is turned on.
/// Answers are complete when they begin, and come in pieces of about a megabyte.
package struct TempoStreamService: RegistrableRPCService {
    package static let name = "tempopb.StreamingQuerier"
    private static let pieceBytes = 1 << 20

    private let api: TempoAPI
    private let calls: RawGRPCService

    package init(_ api: TempoAPI, tokens: TokenSet?) {
        self.api = api
        calls = RawGRPCService(name: Self.name, tokens: tokens)
    }

    package func registerMethods<Transport: ServerTransport>(
        with router: inout RPCRouter<Transport>
    ) {
        registerTags(on: &router)
        registerMetrics(on: &router)
        calls.register("Search", on: &router) { [api] message, send in
            let asked = TempoParameters(try TempoStreamMessages.search(message), now: api.now)
            let search = try asked.search(api.runner.answerLimits)
            let result = try await api.runner.run { context in
                try api.engine.search(search, context: context)
            }
            try await Self.send(result.traces, send) { trace, writer in
                writer.message(1) { TempoStreamMessages.write(trace, to: &$0) }
            }
            var last = ProtobufWriter()
            last.message(2) { metrics in
                metrics.varint(1, UInt64(result.inspectedTraces))
                metrics.varint(4, 1)
                metrics.varint(5, 1)
                metrics.varint(7, UInt64(result.inspectedSpans))
            }
            try await send(last.bytes)
        }
    }

    private func registerTags<Transport: ServerTransport>(on router: inout RPCRouter<Transport>) {
        calls.register("SearchTags", on: &router) { [api] message, send in
            let names = try await api.unscopedNames(try TempoStreamMessages.tags(message))
            try await Self.send(names, send) { $1.presentString(1, $0) }
        }
        calls.register("SearchTagsV2", on: &router) { [api] message, send in
            let scopes = try await api.names(try TempoStreamMessages.tags(message))
            try await Self.send(scopes.filter { !$0.names.isEmpty }, send) { scope, writer in
                writer.message(1) {
                    $0.string(1, scope.scope)
                    for name in scope.names { $0.presentString(2, name) }
                }
            }
        }
        calls.register("SearchTagValues", on: &router) { [api] message, send in
            let asked = try TempoStreamMessages.values(message)
            let values = try await api.values(
                of: TempoAPI.anyField(asked.tag), asked.parameters)
            try await Self.send(Set(values.map(\.value.text)).sorted(), send) {
                $1.presentString(1, $0)
            }
        }
        calls.register("SearchTagValuesV2", on: &router) { [api] message, send in
            let asked = try TempoStreamMessages.values(message)
            let values = try await api.values(
                of: try TempoAPI.field(asked.tag), asked.parameters)
            try await Self.send(values, send) { value, writer in
                writer.message(1) {
                    $0.string(1, value.type)
                    $0.presentString(2, value.value.text)
                }
            }
        }
    }

    private func registerMetrics<Transport: ServerTransport>(
        on router: inout RPCRouter<Transport>
    ) {
        calls.register("MetricsQueryRange", on: &router) { [api] message, send in
            let asked = try TempoStreamMessages.range(message)
            let result = try await api.runner.run { context in
                let windows = try MetricWindows(
                    start: asked.start, end: asked.end, step: asked.step,
                    countMax: context.limits.stepsMax)
                return try api.engine.metrics(
                    asked.query, windows: windows, exemplarsMax: asked.exemplars, context: context)
            }
            try await Self.send(result.series, send) { series, writer in
                writer.message(1) {
                    TempoStreamMessages.write(series, of: result.windows, to: &$0)
                }
            }
            try await send(Self.end(of: result))
        }
        calls.register("MetricsQueryInstant", on: &router) { [api] message, send in
            let asked = try TempoStreamMessages.range(message)
            let result = try await api.runner.run { context in
                let windows = try MetricWindows(start: asked.start, end: asked.end)
                return try api.engine.metrics(asked.query, windows: windows, context: context)
            }
            try await Self.send(result.series, send) { series, writer in
                writer.message(1) {
                    $0.attributes(1, TempoStreamMessages.labels(series.labels))
                    $0.presentDouble(2, series.values[0])
                }
            }
            try await send(Self.end(of: result))
        }
    }

    /// The message behind the series.
    private static func end(of result: MetricResult) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(2) {
            $0.varint(4, 1)
            $0.varint(5, 1)
            $0.varint(7, UInt64(result.inspectedSpans))
        }
        if result.isPartial {
            writer.varint(3, 1)
            writer.string(4, "a trace was too large to be judged whole")
        }
        return writer.bytes
    }

    private static func send<Item>(
        _ items: [Item], _ send: RawGRPCService.Send,
        _ write: (Item, inout ProtobufWriter) -> Void
    ) async throws {
        var writer = ProtobufWriter()
        for item in items {
            write(item, &writer)
            guard writer.bytes.count >= pieceBytes else { continue }
            try await send(writer.bytes)
            writer.removeAll()
        }
        if !writer.bytes.isEmpty { try await send(writer.bytes) }
    }
}
