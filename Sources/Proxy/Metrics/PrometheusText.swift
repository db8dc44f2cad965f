/// The text exposition of request series (Prometheus text format 0.0.4).
package enum PrometheusText {
    package static func write(_ series: [RequestSeries]) -> String {
        var text = ""
        counter(series, into: &text)
        let histograms:
            [(name: String, help: String, value: KeyPath<RequestSeries, RequestHistogram>)] =
                [
                    (
                        "istio_request_duration_milliseconds",
                        "Duration of requests, milliseconds.",
                        \.duration
                    ),
                    (
                        "istio_request_bytes", "Size of requests, bytes, heads included.",
                        \.requestBytes
                    ),
                    (
                        "istio_response_bytes", "Size of responses, bytes, heads included.",
                        \.responseBytes
                    ),
                ]
        for histogram in histograms {
            text += "# HELP \(histogram.name) \(histogram.help)\n"
            text += "# TYPE \(histogram.name) histogram\n"
            for one in series {
                write(one[keyPath: histogram.value], histogram.name, labels(one), into: &text)
            }
        }
        return text
    }

    private static func counter(_ series: [RequestSeries], into text: inout String) {
        text += "# HELP istio_requests_total Requests.\n# TYPE istio_requests_total counter\n"
        for one in series { text += "istio_requests_total{\(labels(one))} \(one.count)\n" }
    }

    private static func write(
        _ histogram: RequestHistogram, _ name: String, _ labels: String, into text: inout String
    ) {
        var cumulative: UInt64 = 0
        for (index, bound) in RequestHistogram.bounds.enumerated() {
            cumulative &+= histogram.counts[index]
            text += "\(name)_bucket{\(labels),le=\"\(number(bound))\"} \(cumulative)\n"
        }
        text += "\(name)_bucket{\(labels),le=\"+Inf\"} \(histogram.count)\n"
        text += "\(name)_sum{\(labels)} \(number(histogram.sum))\n"
        text += "\(name)_count{\(labels)} \(histogram.count)\n"
    }

    private static func labels(_ series: RequestSeries) -> String {
        series.labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",")
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
        return text
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15 ? String(Int64(value)) : "\(value)"
    }
}
