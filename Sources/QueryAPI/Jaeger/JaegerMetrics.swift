import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// Jaeger's `/api/metrics/…`: what its Monitor tab shows, computed from the spans themselves. Latencies are
/// in milliseconds.
extension JaegerAPI {
    /// What is computed of the spans of a service.
    private enum SpanMetric: String {
        case latencies, calls, errors

        func name(byOperation: Bool) -> String {
            let of = byOperation ? "service_operation" : "service"
            return switch self {
            case .latencies: of + "_latencies"
            case .calls: of + "_call_rate"
            case .errors: of + "_error_rate"
            }
        }

        func help(byOperation: Bool, quantile: Double) -> String {
            let grouping = "grouped by service" + (byOperation ? " & operation" : "")
            return switch self {
            case .latencies: "\(quantile)th quantile latency, \(grouping)"
            case .calls: "calls/sec, \(grouping)"
            case .errors:
                "error rate, computed as a fraction of errors/sec over calls/sec, \(grouping)"
            }
        }
    }

    /// Values of one answer: a week by the minute.
    private static let stepsMax: Int64 = 11_000
    /// Spans are counted by milliseconds at the finest.
    private static let stepMin: Int64 = 1

    func registerMetrics(on group: inout RouteGroup) {
        group.on(.get, "/api/metrics/latencies") { try await metrics(.latencies, $0) }
        group.on(.get, "/api/metrics/calls") { try await metrics(.calls, $0) }
        group.on(.get, "/api/metrics/errors") { try await metrics(.errors, $0) }
        group.on(.get, "/api/metrics/minstep") { _ in
            .json(JaegerEnvelope.success { $0.value(Self.stepMin) })
        }
    }

    private func metrics(
        _ metric: SpanMetric, _ request: HTTPRequest
    ) async throws -> HTTPResponse {
        let parameters = JaegerParameters(parameters: request.parameters, now: now)
        let question = try Self.question(parameters)
        let quantile = metric == .latencies ? try Self.quantile(parameters) : 0
        let bytes = try await runner.run { [store] context in
            let rates = try SpanRates(question, store, context: context)
            return Self.answer(metric, quantile, rates)
        }
        return .json(bytes)
    }

    private static func quantile(_ parameters: JaegerParameters) throws(HTTPError) -> Double {
        guard let text = parameters.parameters["quantile"], !text.isEmpty else {
            throw JaegerParameters.unparsable("quantile", "it is required")
        }
        guard let quantile = Double(text), (0...1).contains(quantile) else {
            throw JaegerParameters.unparsable("quantile", "\"\(text)\" is not from 0 to 1")
        }
        return quantile
    }

    /// With Jaeger's defaults: an hour in steps of 5 s, rates over 10 minutes, server spans.
    private static func question(
        _ parameters: JaegerParameters
    ) throws(HTTPError) -> SpanRates.Question {
        let services = parameters.parameters.all("service").filter { !$0.isEmpty }
        guard !services.isEmpty else {
            throw .badRequest("please provide at least one service name")
        }
        func milliseconds(_ name: String, _ fallback: Int64) throws(HTTPError) -> Int64 {
            let value = try parameters.integer(name) ?? fallback
            guard value > 0, value <= 366 * 86_400_000 else {
                throw JaegerParameters.unparsable(name, "it must be from 1 ms to a year")
            }
            return value
        }
        let step = try milliseconds("step", 5_000)
        let lookback = try milliseconds("lookback", 3_600_000)
        let window = try milliseconds("ratePer", 600_000)
        let (steps, rateSteps) = ((lookback + step - 1) / step, (window + step - 1) / step)
        guard steps + rateSteps <= stepsMax else {
            throw JaegerParameters.unparsable(
                "step", "lookback and ratePer have more than \(stepsMax) of them")
        }
        let end = try parameters.integer("endTs").map { Timestamp(milliseconds: $0) }
        return SpanRates.Question(
            services: services, kinds: try kinds(parameters),
            byOperation: try flag("groupByOperation", parameters), end: end ?? parameters.now,
            lookback: steps * step * 1_000_000, step: step * 1_000_000,
            window: rateSteps * step * 1_000_000)
    }

    private static func flag(
        _ name: String, _ parameters: JaegerParameters
    ) throws(HTTPError) -> Bool {
        switch parameters.parameters[name] ?? "" {
        case "true", "1", "t", "T", "TRUE", "True": return true
        case "", "false", "0", "f", "F", "FALSE", "False": return false
        case let text: throw JaegerParameters.unparsable(name, "\"\(text)\" is no truth value")
        }
    }

    private static func kinds(
        _ parameters: JaegerParameters
    ) throws(HTTPError) -> Set<SpanKind> {
        var kinds: Set<SpanKind> = []
        for text in parameters.parameters.all("spanKind") where !text.isEmpty {
            let kind = text == "unspecified" ? .unspecified : SpanKind(tagValue: text)
            guard let kind else {
                throw JaegerParameters.unparsable("spanKind", "unsupported span kind: '\(text)'")
            }
            kinds.insert(kind)
        }
        return kinds.isEmpty ? [.server] : kinds
    }

    private static func answer(
        _ metric: SpanMetric, _ quantile: Double, _ rates: SpanRates
    ) -> [UInt8] {
        let byOperation = rates.question.byOperation
        let times = rates.times
        var writer = JSONWriter()
        writer.object {
            $0.field("name", metric.name(byOperation: byOperation))
            $0.field("type", "GAUGE")
            $0.field("help", metric.help(byOperation: byOperation, quantile: quantile))
            $0.arrayField("metrics") { array in
                for group in rates.groups {
                    let values: [Double?] =
                        switch metric {
                        case .latencies:
                            rates.durations(group, quantile: quantile).map { $0.map { $0 / 1e6 } }
                        case .calls: rates.calls(group)
                        case .errors: rates.errorShares(group)
                        }
                    array.object {
                        write(group, byOperation, to: &$0)
                        write(values, times, to: &$0)
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func write(
        _ group: SpanRates.Group, _ byOperation: Bool, to writer: inout JSONWriter
    ) {
        writer.arrayField("labels") { array in
            array.object {
                $0.field("name", "service_name")
                $0.field("value", group.service)
            }
            guard byOperation else { return }
            array.object {
                $0.field("name", "operation")
                $0.field("value", group.operation)
            }
        }
    }

    private static func write(
        _ values: [Double?], _ times: [Timestamp], to writer: inout JSONWriter
    ) {
        writer.arrayField("metricPoints") { array in
            for (value, time) in zip(values, times) {
                guard let value else { continue }
                array.object {
                    $0.objectField("gaugeValue") { $0.field("doubleValue", value) }
                    $0.field("timestamp", RFC3339.string(time))
                }
            }
        }
    }
}
