import Foundation

/// What Prometheus's API answers to a query.
struct MetricQueryAnswer: Decodable {
    /// A value at a time; seconds.
    struct Point {
        var seconds: Double
        /// As written; of a histogram its count and sum.
        var text: String

        var number: Double { Double(text) ?? .nan }
    }

    struct Series {
        var labels: [String: String]
        var points: [Point]
    }

    var type: String
    var series: [Series]
    /// Warnings and infos.
    var remarks: [String]

    init(type: String, series: [Series], remarks: [String]) {
        self.type = type
        self.series = series
        self.remarks = remarks
    }

    private enum Key: String, CodingKey {
        case data, resultType, result, warnings, infos
    }

    init(from decoder: any Decoder) throws {
        let envelope = try decoder.container(keyedBy: Key.self)
        remarks =
            (try envelope.decodeIfPresent([String].self, forKey: .warnings) ?? [])
            + (try envelope.decodeIfPresent([String].self, forKey: .infos) ?? [])
        let data = try envelope.nestedContainer(keyedBy: Key.self, forKey: .data)
        type = try data.decode(String.self, forKey: .resultType)
        switch type {
        case "scalar", "string":
            series = [Series(labels: [:], points: [try data.decode(Point.self, forKey: .result)])]
        default: series = try data.decode([Series].self, forKey: .result)
        }
    }
}

extension MetricQueryAnswer.Series: Decodable {
    private enum Key: String, CodingKey {
        case metric, value, histogram, values, histograms
    }

    init(from decoder: any Decoder) throws {
        let series = try decoder.container(keyedBy: Key.self)
        typealias Point = MetricQueryAnswer.Point
        labels = try series.decode([String: String].self, forKey: .metric)
        points = []
        for key in [Key.value, .histogram] {
            if let point = try series.decodeIfPresent(Point.self, forKey: key) {
                points.append(point)
            }
        }
        for key in [Key.values, .histograms] {
            points += try series.decodeIfPresent([Point].self, forKey: key) ?? []
        }
        points.sort { $0.seconds < $1.seconds }
    }
}

extension MetricQueryAnswer.Point: Decodable {
    private struct Histogram: Decodable {
        var count: String
        var sum: String
    }

    init(from decoder: any Decoder) throws {
        var pair = try decoder.unkeyedContainer()
        seconds = try pair.decode(Double.self)
        do {
            text = try pair.decode(String.self)
        } catch DecodingError.typeMismatch {
            let histogram = try pair.decode(Histogram.self)
            text = "count \(histogram.count), sum \(histogram.sum)"
        }
    }
}
