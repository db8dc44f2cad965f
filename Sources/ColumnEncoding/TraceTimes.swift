import Telemetry

/// Times of rows that belong to traces: relative to the previous row of the same trace, wherever that
/// is, since spans of one trace start close to each other; the first ones relative to the first of the
/// trace numbered before.
enum TraceTimes {
    /// One step a trace and one a row that is not its trace's first.
    static func encode(
        _ times: [Timestamp], traceOfRow: [UInt32], traceCount: Int
    ) -> (firsts: [Int64], steps: [Int64]) {
        var firsts: [Int64] = []
        firsts.reserveCapacity(traceCount)
        var last: [Int64] = []
        last.reserveCapacity(traceCount)
        var previousFirst: Int64 = 0
        let steps = [Int64](
            unsafeUninitializedCapacity: times.count - traceCount
        ) { steps, initialized in
            var step = 0
            for row in 0..<times.count {
                let time = times[row].nanoseconds
                let trace = Int(traceOfRow[row])
                // Traces are numbered by first appearance.
                if trace == firsts.count {
                    firsts.append(time &- previousFirst)
                    previousFirst = time
                    last.append(time)
                } else {
                    steps[step] = time &- last[trace]
                    last[trace] = time
                    step &+= 1
                }
            }
            initialized = step
        }
        return (firsts, steps)
    }

    static func decode(
        firsts: [Int64], steps: [Int64], traceOfRow: [UInt32]
    ) throws(ColumnDecodeError) -> [Timestamp] {
        var times: [Timestamp] = []
        times.reserveCapacity(traceOfRow.count)
        var last: [Int64] = []
        last.reserveCapacity(firsts.count)
        var previousFirst: Int64 = 0
        var step = 0
        for trace in traceOfRow {
            let trace = Int(trace)
            if trace == last.count, trace < firsts.count {
                previousFirst &+= firsts[trace]
                last.append(previousFirst)
                times.append(Timestamp(nanoseconds: previousFirst))
            } else {
                guard trace < last.count, step < steps.count else {
                    throw .corrupt(
                        column: "starts", offset: times.count,
                        reason: "trace numbers are not in order of appearance")
                }
                last[trace] &+= steps[step]
                step += 1
                times.append(Timestamp(nanoseconds: last[trace]))
            }
        }
        return times
    }
}
