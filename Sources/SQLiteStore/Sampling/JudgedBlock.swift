import Platform
import Store
import Telemetry

/// The rows of a block with what becomes of them.
struct JudgedBlock {
    /// The rows of one trace, which stand together.
    struct Run {
        var id: TraceID
        var rows: Range<Int>
    }

    /// Of a policy's decisions.
    private struct Count: Hashable {
        var policy: String
        var isKept: Bool
    }

    private static let tooLarge = TraceVerdict(probability: 1, policy: "too large to judge")

    let traces: [Run]
    /// Until when the traces wait that have not come to rest; they stay as they are. `nil`: none does.
    private(set) var waitsUntil: Timestamp?
    private let batch: SpanBatch
    private var isKept: [Bool]
    private var factors: [Double]
    private var counts: [Count: (traces: Int, spans: Int)] = [:]

    init(_ batch: SpanBatch) {
        self.batch = batch
        isKept = [Bool](repeating: true, count: batch.count)
        factors = [Double](repeating: 1, count: batch.count)
        var traces: [Run] = []
        var begin = 0
        for row in 0..<batch.count {
            let next = row + 1
            if next == batch.count || batch.traceIDs[next] != batch.traceIDs[row] {
                traces.append(Run(id: batch.traceIDs[row], rows: begin..<next))
                begin = next
            }
        }
        self.traces = traces
    }

    /// - Parameters:
    ///   - gathered: the traces that lie elsewhere too.
    ///   - seconds: how long the traffic of this block took.
    mutating func judge(
        _ round: SamplingRound, _ gathered: [TraceID: BoundedTrace], seconds: Double
    ) {
        var whole: [WholeTrace] = []
        var runs: [Run] = []
        for run in traces {
            if let rest = round.waitsUntil(run.id) {
                waitsUntil = max(waitsUntil ?? rest, rest)
            } else if let trace = gathered[run.id], !trace.spans.isEmpty {
                if trace.cutFrom != nil {
                    apply(Self.tooLarge, to: run, isFirst: true)
                } else {
                    whole.append(WholeTrace(trace.spans))
                    runs.append(run)
                }
            } else {
                whole.append(WholeTrace(batch, rows: run.rows))
                runs.append(run)
            }
        }
        let verdicts = round.policies.judge(whole, seconds: seconds)
        for index in runs.indices {
            let first = whole[index]
            let isFirst =
                batch.spanIDs[runs[index].rows.lowerBound]
                == first.batch.spanIDs[first.rows.lowerBound]
            apply(verdicts[index], to: runs[index], isFirst: isFirst)
        }
    }

    /// - Parameter isFirst: whether the trace begins here; it is counted there.
    private mutating func apply(_ verdict: TraceVerdict, to run: Run, isFirst: Bool) {
        let keeps = verdict.keeps(run.id)
        let count = Count(policy: verdict.policy, isKept: keeps)
        counts[count, default: (0, 0)].traces += isFirst ? 1 : 0
        counts[count, default: (0, 0)].spans += run.rows.count
        for row in run.rows {
            isKept[row] = keeps
            factors[row] = keeps ? 1 / verdict.probability : 1
        }
    }

    var changesNothing: Bool {
        guard isKept.allSatisfy({ $0 }) else { return false }
        let present = batch.adjustedCounts()
        return factors.indices.allSatisfy { factors[$0] <= present?[$0] ?? 1 }
    }

    /// The rows that stay.
    func thinned() -> SpanBatch {
        let rows = isKept.indices.filter { isKept[$0] }
        var thinned = batch.rows(rows)
        thinned.raiseAdjustedCounts(to: rows.map { factors[$0] })
        return thinned
    }

    func report(to events: EventLog) {
        for (count, numbers) in counts {
            if numbers.traces > 0 {
                events.emit(
                    TracesJudged(
                        policy: count.policy, isKept: count.isKept, traces: numbers.traces))
            }
            events.emit(
                SpansJudged(policy: count.policy, isKept: count.isKept, spans: numbers.spans))
        }
    }
}
