import QueryCore
import Store

/// `resets` and `changes`: how often a value fell, or differed from the one before.
struct Transitions: SummaryFunction {
    let countsResetsOnly: Bool
    var looksAtEndsOnly: Bool { false }

    func value(_ samples: SampleView, _ window: Window) -> Double {
        var count = 0
        for index in window.samples.dropFirst() {
            let current = samples.values[index]
            let previous = samples.values[index - 1]
            if countsResetsOnly {
                if current < previous { count += 1 }
            } else if current != previous, !(current.isNaN && previous.isNaN) {
                count += 1
            }
        }
        return Double(count)
    }

    func value(_ aggregate: WindowAggregate, start: Int64, end: Int64) -> Double? {
        countsResetsOnly ? Double(aggregate.resets) : nil
    }
}
