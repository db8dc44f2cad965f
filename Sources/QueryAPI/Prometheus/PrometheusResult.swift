import QueryCore
import Telemetry
import WireFormats

/// Writes results of queries as Prometheus does: floats as strings, times as seconds.
struct PrometheusResult {
    let bytesMax: Int
    /// Series that are shown; 0 shows all.
    let limit: Int

    /// The whole answer.
    /// - Throws: `execution` when it grows beyond `bytesMax`.
    func answer(_ result: QueryResult) throws(QueryError) -> [UInt8] {
        let isCut = limit > 0 && count(result.value) > limit
        let warnings =
            result.warnings.map { "PromQL warning: \($0)" }
            + (isCut ? [PrometheusEnvelope.truncated] : [])
        let infos = result.infos.map { "PromQL info: \($0)" }
        return try PrometheusEnvelope.success(warnings: warnings, infos: infos) {
            (data) throws(QueryError) in
            try data.object { (object) throws(QueryError) in
                object.field("resultType", result.value.typeName)
                object.key("result")
                try write(result.value, to: &object)
            }
        }
    }

    private func count(_ value: QueryValue) -> Int {
        switch value {
        case .scalar, .string: 1
        case .vector(_, let elements): elements.count
        case .matrix(_, let series): series.count { !$0.isEmpty }
        case .samples(let series): series.count { !$0.times.isEmpty }
        }
    }

    /// The value alone.
    func write(_ value: QueryValue, to writer: inout JSONWriter) throws(QueryError) {
        switch value {
        case .scalar(let time, let value): point(time, value, to: &writer)
        case .string(let time, let text):
            writer.array {
                $0.prometheusTime(milliseconds: time)
                $0.value(text)
            }
        case .vector(let time, let elements):
            try list(elements, to: &writer) { element, object in
                object.field("metric", element.labels)
                object.key("value")
                point(time, element.value, to: &object)
            }
        case .matrix(let steps, let series):
            try list(series.lazy.filter { !$0.isEmpty }, to: &writer) { series, object in
                object.field("metric", series.labels)
                object.arrayField("values") { array in
                    for (index, value) in series.values.enumerated()
                    where StepValue.isPresent(value) {
                        point(steps.time(index), value, to: &array)
                    }
                }
            }
        case .samples(let series):
            try list(series.lazy.filter { !$0.times.isEmpty }, to: &writer) { series, object in
                object.field("metric", series.labels)
                object.arrayField("values") { array in
                    for (time, value) in zip(series.times, series.values) {
                        point(time, value, to: &array)
                    }
                }
            }
        }
    }

    private func list<Series>(
        _ all: some Sequence<Series>, to writer: inout JSONWriter,
        _ body: (Series, inout JSONWriter) -> Void
    ) throws(QueryError) {
        writer.beginArray()
        var shown = 0
        for series in all {
            if limit > 0, shown == limit { break }
            shown += 1
            writer.object { body(series, &$0) }
            guard writer.bytes.count <= bytesMax else {
                throw .execution(
                    "the answer exceeds \(bytesMax) bytes; select fewer series, a larger step or "
                        + "a shorter range, or set limit")
            }
        }
        writer.endArray()
    }

    private func point(_ time: Int64, _ value: Double, to writer: inout JSONWriter) {
        writer.array {
            $0.prometheusTime(milliseconds: time)
            $0.prometheusValue(value)
        }
    }
}
