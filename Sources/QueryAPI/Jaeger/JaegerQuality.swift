import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// `/api/quality-metrics?service&lookback` (hours): what Jaeger's page on trace quality shows, in its shape,
/// counted from the spans.
extension JaegerAPI {
    private static let hoursMax: Int64 = 31 * 24

    func qualityMetrics(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = JaegerParameters(parameters: request.parameters, now: now)
        let service = request.parameters["service"] ?? ""
        guard !service.isEmpty else {
            throw HTTPError.badRequest("please provide a service name")
        }
        let hours = try parameters.integer("lookback") ?? 48
        guard (1...Self.hoursMax).contains(hours) else {
            throw JaegerParameters.unparsable(
                "lookback", "it is a number of hours, at most \(Self.hoursMax)")
        }
        let range = TimeRange(
            start: now.advanced(byNanoseconds: -hours * 3_600_000_000_000),
            end: now.advanced(byNanoseconds: 1))
        let quality = try await runner.run { [store, runner] context in
            try TraceQuality(
                of: service, store, in: range,
                spansMax: runner.answerLimits.dependencySpansMax,
                traceSpansMax: runner.answerLimits.listedSpansMax, context: context)
        }
        return .json(Self.answer(quality))
    }

    private static func answer(_ quality: TraceQuality) -> [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.field(
                "traceQualityDocumentationLink",
                "https://opentelemetry.io/docs/concepts/context-propagation/")
            if quality.isPartial {
                $0.field("bannerText", "The newest \(quality.spanCount) spans were looked at.")
            }
            $0.arrayField("scores") { array in
                for category in TraceQuality.Category.allCases {
                    guard let score = quality.score(category) else { continue }
                    array.object {
                        $0.field("key", category.rawValue)
                        $0.field("label", category.label)
                        $0.field("max", 100)
                        $0.field("value", Int(score.rounded(.down)))
                    }
                }
            }
            $0.arrayField("metrics") { array in
                for check in TraceQuality.Check.allCases where quality[check].share != nil {
                    array.object { write(check, quality[check], to: &$0) }
                }
            }
        }
        return writer.bytes
    }

    /// Weights of thinned traces need not be whole.
    private static func whole(_ count: Double) -> Int { Int(min(count, 0x1p53).rounded()) }

    private static func write(
        _ check: TraceQuality.Check, _ tally: TraceQuality.Tally, to writer: inout JSONWriter
    ) {
        writer.field("name", check.name)
        writer.field("category", check.category.rawValue)
        writer.field("description", check.description)
        writer.field(
            "metricDocumentationLink",
            "https://opentelemetry.io/docs/concepts/context-propagation/")
        writer.field("metricWeight", check.weight)
        writer.field("passCount", whole(tally.passed))
        writer.arrayField("passExamples") { write(tally.passedExamples, to: &$0) }
        writer.field("failureCount", whole(tally.failed))
        writer.arrayField("failureExamples") { write(tally.failedExamples, to: &$0) }
        writer.field("exemptionCount", whole(tally.exempt))
    }

    private static func write(_ examples: [TraceQuality.Example], to array: inout JSONWriter) {
        for example in examples {
            array.object {
                $0.key("traceID")
                $0.jaegerValue(example.trace)
                $0.arrayField("spanIDs") { $0.value(example.span) }
            }
        }
    }
}
