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
    func answer(
        _ result: QueryResult, _ statistics: QueryStatistics, _ span: QuerySpan
    ) throws(QueryError) -> [UInt8] {
        let isCut = limit > 0 && count(result.value) > limit
        let warnings =
            Self.prefixed(result.warnings, "PromQL warning: ")
            + (isCut ? [PrometheusEnvelope.truncated] : []) + statistics.warnings
        let infos = Self.prefixed(result.infos, "PromQL info: ")
        return try PrometheusEnvelope.success(warnings: warnings, infos: infos) {
            (data) throws(QueryError) in
            try data.object { (object) throws(QueryError) in
                object.field("resultType", result.value.typeName)
                object.key("result")
                try write(result.value, to: &object)
                guard statistics.isWanted else { return }
                object.key("stats")
                statistics.write(to: &object, span)
            }
        }
    }

    private static func prefixed(_ lines: [String], _ prefix: String) -> [String] {
        lines.map { QueryNotes.isOmission($0) ? $0 : prefix + $0 }
    }

    private func count(_ value: QueryValue) -> Int {
        switch value {
        case .scalar, .string: 1
        case .vector(_, let elements): elements.count
        case .matrix(_, let series): series.count { !$0.isEmpty }
        case .samples(let series): series.count { !$0.isEmpty }
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
                if let histogram = element.histogram {
                    object.key("histogram")
                    point(time, histogram, to: &object)
                } else {
                    object.key("value")
                    point(time, element.value, to: &object)
                }
            }
        case .matrix(let steps, let series):
            let filled = series.filter { !$0.isEmpty }
            let shown = limit > 0 ? filled.prefix(limit) : filled[...]
            try PrometheusMatrix(steps, bytesMax: bytesMax).write(shown, to: &writer)
        case .samples(let series):
            try list(series.lazy.filter { !$0.isEmpty }, to: &writer) { series, object in
                object.field("metric", series.labels)
                if !series.times.isEmpty {
                    object.arrayField("values") { array in
                        for (time, value) in zip(series.times, series.values) {
                            point(time, value, to: &array)
                        }
                    }
                }
                if !series.histograms.isEmpty {
                    object.arrayField("histograms") { array in
                        for sample in series.histograms {
                            point(sample.time, sample.value, to: &array)
                        }
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
            guard writer.bytes.count <= bytesMax else { throw Self.tooLong(bytesMax) }
        }
        writer.endArray()
    }

    static func tooLong(_ bytesMax: Int) -> QueryError {
        .execution(
            "the answer exceeds \(bytesMax) bytes; select fewer series, a larger step or "
                + "a shorter range, or set limit")
    }

    private func point(_ time: Int64, _ value: Double, to writer: inout JSONWriter) {
        writer.array {
            $0.prometheusTime(milliseconds: time)
            $0.prometheusValue(value)
        }
    }

    private func point(_ time: Int64, _ histogram: HistogramValue, to writer: inout JSONWriter) {
        writer.histogramPoint(time, histogram)
    }
}

extension SampleSeries {
    fileprivate var isEmpty: Bool { times.isEmpty && histograms.isEmpty }
}

extension JSONWriter {
    mutating func histogramPoint(_ time: Int64, _ histogram: HistogramValue) {
        array {
            $0.prometheusTime(milliseconds: time)
            $0.value(histogram)
        }
    }

    /// `{"count","sum","buckets":[[rule,"lower","upper","count"]]}`; the rule says which bounds belong to
    /// the bucket: 0 the upper, 1 the lower, 2 neither, 3 both. Empty buckets are left out.
    fileprivate mutating func value(_ histogram: HistogramValue) {
        let buckets = histogram.buckets.filter { $0.count != 0 }
        object { object in
            object.key("count")
            object.prometheusValue(histogram.count)
            object.key("sum")
            object.prometheusValue(histogram.sum)
            guard !buckets.isEmpty else { return }
            object.arrayField("buckets") { array in
                for bucket in buckets {
                    array.array {
                        $0.value(Self.rule(bucket))
                        $0.prometheusValue(bucket.lower)
                        $0.prometheusValue(bucket.upper)
                        $0.prometheusValue(bucket.count)
                    }
                }
            }
        }
    }

    private static func rule(_ bucket: HistogramBucket) -> Int64 {
        switch (bucket.includesLower, bucket.includesUpper) {
        case (false, true): 0
        case (true, false): 1
        case (false, false): 2
        case (true, true): 3
        }
    }
}
