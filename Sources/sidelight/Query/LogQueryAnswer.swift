import Foundation

/// What Loki's routes answer, as far as it is printed.
struct LogQueryAnswer: Decodable {
    struct Stream: Decodable {
        var stream: [String: String]
        var values: [Entry]
    }

    /// `["nanoseconds", "line", …]`.
    struct Entry: Decodable {
        var time: Int64
        var line: String

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            time = Int64(try list.decode(String.self)) ?? 0
            line = try list.decode(String.self)
        }
    }

    /// A number of an instant or of several: `[seconds, "text"]`.
    struct Number: Decodable {
        var seconds: Double
        var text: String

        init(from decoder: any Decoder) throws {
            var pair = try decoder.unkeyedContainer()
            seconds = try pair.decode(Double.self)
            text = try pair.decode(String.self)
        }
    }

    struct Series: Decodable {
        var metric: [String: String]
        var value: Number?
        var values: [Number]?

        var numbers: [Number] { values ?? value.map { [$0] } ?? [] }
    }

    struct Content: Decodable {
        var streams: [Stream] = []
        var series: [Series] = []

        private enum CodingKeys: String, CodingKey { case resultType, result }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            switch try container.decode(String.self, forKey: .resultType) {
            case "streams": streams = try container.decode([Stream].self, forKey: .result)
            case "scalar":
                let number = try container.decode(Number.self, forKey: .result)
                series = [Series(metric: [:], value: number)]
            default: series = try container.decode([Series].self, forKey: .result)
            }
        }
    }

    var data: Content
}

/// One message of a tail.
struct LogTailMessage: Decodable {
    struct Missed: Decodable {
        var labels: [String: String]
        var timestamp: String
    }

    var streams: [LogQueryAnswer.Stream]
    var missed: [Missed]?

    private enum CodingKeys: String, CodingKey {
        case streams
        case missed = "dropped_entries"
    }
}
