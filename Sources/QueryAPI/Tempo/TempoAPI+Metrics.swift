import HTTPServer
import QueryCore
import Telemetry
import TraceQL
import WireFormats

extension TempoAPI {
    /// `/api/metrics/query_range`: series of values, with spans as examples.
    func queryRange(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = TempoParameters(request.parameters, now: now)
        let query = parameters.text("q") ?? parameters.text("query") ?? ""
        let range = try parameters.metricsRange()
        let step = try parameters.step(range)
        let exemplars = try parameters.exemplars()
        let bytes = try await runner.run { [engine, runner] context in
            let windows = try MetricWindows(
                start: range.start, end: range.end, step: step,
                countMax: context.limits.stepsMax)
            let result = try engine.metrics(
                query, windows: windows, exemplarsMax: exemplars, context: context)
            return try Self.answer(result, runner.answerLimits) { series, writer in
                writer.arrayField("samples") { array in
                    for (index, value) in series.values.enumerated() where value.isFinite {
                        array.object {
                            $0.key("timestampMs")
                            $0.quotedValue(windows.time(index).milliseconds)
                            $0.field("value", value)
                        }
                    }
                }
                if !series.exemplars.isEmpty { Self.write(series.exemplars, to: &writer) }
            }
        }
        return .json(bytes)
    }

    /// `/api/metrics/query`: one value a series, over the whole range.
    func query(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = TempoParameters(request.parameters, now: now)
        let query = parameters.text("q") ?? parameters.text("query") ?? ""
        let range = try parameters.metricsRange()
        let bytes = try await runner.run { [engine, runner] context in
            let windows = try MetricWindows(start: range.start, end: range.end)
            let result = try engine.metrics(query, windows: windows, context: context)
            return try Self.answer(result, runner.answerLimits) { series, writer in
                writer.field("value", series.values[0])
            }
        }
        return .json(bytes)
    }

    private static func write(_ exemplars: [MetricExemplar], to writer: inout JSONWriter) {
        writer.arrayField("exemplars") { array in
            for exemplar in exemplars {
                array.object {
                    $0.tempoField("labels", [Attribute("trace:id", .string(exemplar.trace.hex))])
                    $0.field("value", exemplar.value)
                    $0.key("timestampMs")
                    $0.quotedValue(exemplar.time.milliseconds)
                }
            }
        }
    }

    /// Of a value with its time.
    private static let valueBytesMin = 40

    private static func answer(
        _ result: MetricResult, _ limits: AnswerLimits,
        write: (MetricSeries, inout JSONWriter) -> Void
    ) throws(QueryError) -> [UInt8] {
        // Before anything is written: many series of many steps are large while they are.
        let values = result.series.reduce(0) { $0 + $1.values.count { $0.isFinite } }
        guard values <= limits.bytesMax / valueBytesMin else {
            throw .execution(
                "the answer has \(values) values in \(result.series.count) series, more than \(limits.bytesMax)"
                    + " bytes hold; choose a longer step, or fewer labels")
        }
        var writer = JSONWriter(capacity: 1_024)
        writer.beginObject()
        writer.key("series")
        writer.beginArray()
        for series in result.series {
            writer.object {
                $0.tempoField("labels", series.labels)
                write(series, &$0)
            }
            guard writer.bytes.count <= limits.bytesMax else {
                throw .execution(
                    "the answer exceeds \(limits.bytesMax) bytes; choose a longer step")
            }
        }
        writer.endArray()
        writer.objectField("metrics") {
            $0.key("inspectedSpans")
            $0.quotedValue(Int64(result.inspectedSpans))
            $0.field("completedJobs", 1)
            $0.field("totalJobs", 1)
        }
        writer.field("status", result.isPartial ? "PARTIAL" : "COMPLETE")
        if result.isPartial {
            writer.field("message", "a trace was too large to be judged whole")
        }
        writer.endObject()
        return writer.bytes
    }
}
