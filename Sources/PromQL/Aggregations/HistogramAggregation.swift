import QueryCore
import Telemetry

/// Aggregations of series of which some have histograms.
extension Evaluator {
    /// `sum` and `avg`: of histograms or of numbers, not of both.
    func sumOfMixed(_ node: Aggregation, _ input: [StepSeries]) throws(QueryError) -> [StepSeries] {
        let groups = AggregationGroups(node.grouping, input)
        var output: [StepSeries] = []
        for (index, members) in groups.members.enumerated() {
            try context.check()
            var series = StepSeries(
                labels: groups.labels[index],
                values: [Double](repeating: StepValue.absent, count: steps.count),
                dropsName: groups.dropsName[index])
            for step in 0..<steps.count {
                series.set(
                    sum(members.map { input[$0] }, step, node), at: step)
            }
            if !series.isEmpty { output.append(series) }
        }
        return output
    }

    private func sum(_ members: [StepSeries], _ step: Int, _ node: Aggregation) -> MixedValue {
        var histograms: HistogramSum?
        var numbers: CompensatedMean?
        var number = CompensatedSum()
        do throws(IncompatibleHistograms) {
            for member in members {
                switch member.element(step) {
                case .absent: continue
                case .number(let value):
                    number.add(value)
                    if numbers?.add(value) == nil { numbers = CompensatedMean(first: value) }
                case .histogram(let value):
                    guard try histograms?.add(value) == true else {
                        if histograms == nil { histograms = HistogramSum(value) }
                        continue
                    }
                    notes.inform(
                        "mismatched custom buckets were reconciled during aggregation",
                        at: node.operand.range)
                }
            }
        } catch {
            noteIncompatible(members, node)
            return .absent
        }
        let isMean = node.operator == .avg
        switch (histograms, numbers) {
        case (nil, nil): return .absent
        case (nil, .some(let mean)): return .number(isMean ? mean.value : number.value)
        case (.some(let sum), nil):
            if sum.resetsCollide {
                notes.warn(
                    "conflicting counter resets during histogram aggregation",
                    at: node.operand.range)
            }
            return .histogram(isMean ? sum.mean : sum.value)
        default:
            notes.warn(
                "encountered a mix of histograms and floats for aggregation",
                at: node.operand.range)
            return .absent
        }
    }

    private func noteIncompatible(_ members: [StepSeries], _ node: Aggregation) {
        let name = members.lazy.compactMap { $0.labels[Labels.metricName] }.first ?? ""
        notes.warn(
            "vector contains a mix of histograms with exponential and custom buckets schemas for "
                + "metric name \(QuotedText.quote(name))", at: node.operand.range)
    }

    /// What aggregations of numbers look at: without histograms, which is annotated.
    func numbersOnly(_ node: Aggregation, _ input: [StepSeries]) -> [StepSeries] {
        guard input.contains(where: \.hasHistograms) else { return input }
        notes.inform(
            "ignored histogram in \(node.operator.rawValue) aggregation",
            at: node.operator == .topk || node.operator == .bottomk
                ? node.range : node.operand.range)
        return input.map(\.numbers).filter { !$0.isEmpty }
    }
}
