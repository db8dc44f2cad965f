import Platform
import PromQL
import QueryCore
import WireFormats

/// What a query cost, in the shape of Prometheus's `stats`: times in seconds and samples.
struct QueryStatistics: Sendable {
    /// What asks for statistics, and for those of every step.
    private static let basic = "true"
    private static let all = "all"

    private let parameter: String
    private let clock: any Clock
    /// `nil` unless statistics were asked for: counting costs time.
    let tally: SampleTally?
    /// Monotonic nanoseconds.
    private let received: Int64
    private var begun: Int64
    private var prepared: Int64
    private var finished: Int64
    private var peakSamples = 0

    /// - Parameter parameter: of the request; "" asks for none.
    init(parameter: String, clock: any Clock) {
        self.parameter = parameter
        self.clock = clock
        tally = parameter.isEmpty ? nil : SampleTally()
        received = clock.monotonicNanoseconds
        begun = received
        prepared = received
        finished = received
    }

    var isWanted: Bool { tally != nil }

    /// About a parameter that Prometheus only takes for old clients' sake.
    var warnings: [String] {
        guard isWanted, parameter != Self.basic, parameter != Self.all else { return [] }
        return [
            "value \(QuotedText.quote(parameter)) for parameter \"stats\" is deprecated and will "
                + "be rejected in the next major release, use \"true\" or \"all\""
        ]
    }

    /// A thread has taken the query.
    mutating func begin() {
        begun = clock.monotonicNanoseconds
        prepared = begun
        finished = begun
    }

    mutating func parsed() { prepared = clock.monotonicNanoseconds }

    mutating func evaluated(_ context: QueryContext) {
        finished = clock.monotonicNanoseconds
        peakSamples = context.peakSamples
    }

    /// The times are measured from without: sorting is part of the evaluation.
    func write(to writer: inout JSONWriter, _ span: QuerySpan) {
        writer.object { stats in
            stats.objectField("timings") {
                $0.field("evalTotalTime", seconds(prepared, finished))
                $0.field("resultSortTime", 0.0)
                $0.field("queryPreparationTime", seconds(begun, prepared))
                $0.field("innerEvalTime", seconds(prepared, finished))
                $0.field("execQueueTime", seconds(received, begun))
                $0.field("execTotalTime", seconds(received, finished))
            }
            stats.objectField("samples") { samples in
                if parameter == Self.all { writeSteps(to: &samples, span) }
                if let sum = tally?.sum {
                    samples.field("totalQueryableSamples", sum.total)
                    samples.field("samplesRead", sum.read)
                }
                samples.field("peakSamples", peakSamples)
            }
        }
    }

    private func writeSteps(to samples: inout JSONWriter, _ span: QuerySpan) {
        guard let steps = tally?.steps else { return }
        func list(_ array: inout JSONWriter, _ count: (SampleTally.Counts) -> Int) {
            for (index, counts) in steps.enumerated() {
                array.array {
                    $0.prometheusTime(milliseconds: span.start &+ Int64(index) &* span.step)
                    $0.value(count(counts))
                }
            }
        }
        samples.arrayField("totalQueryableSamplesPerStep") { list(&$0, \.total) }
        samples.arrayField("samplesReadPerStep") { list(&$0, \.read) }
    }

    private func seconds(_ from: Int64, _ to: Int64) -> Double { Double(to - from) / 1e9 }
}
