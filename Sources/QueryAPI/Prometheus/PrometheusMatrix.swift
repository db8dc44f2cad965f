import Dispatch
import Foundation
import QueryCore
import Synchronization
import WireFormats

/// Writes the result of a range query: the series of a long one on several threads, the text of each step's
/// time once for all of them.
struct PrometheusMatrix {
    private let steps: EvaluationSteps
    private let bytesMax: Int
    /// `[seconds,"` of every step, one after the other, and where each ends.
    private var prefixes: [UInt8] = []
    private var ends: [Int] = []

    /// Fewer points are written by the calling thread before another one has woken up.
    private static let parallelMin = 4_096
    private static let threads = min(8, ProcessInfo.processInfo.activeProcessorCount)

    init(_ steps: EvaluationSteps, bytesMax: Int) {
        self.steps = steps
        self.bytesMax = bytesMax
        ends.reserveCapacity(steps.count)
        prefixes.reserveCapacity(steps.count * 16)
        for index in 0..<steps.count {
            prefixes.append(UInt8(ascii: "["))
            var time = JSONWriter(appendingTo: [])
            time.prometheusTime(milliseconds: steps.time(index))
            prefixes += time.bytes
            prefixes.append(UInt8(ascii: ","))
            prefixes.append(UInt8(ascii: "\""))
            ends.append(prefixes.count)
        }
    }

    /// Writes an array of all series.
    /// - Throws: `execution` when it grows beyond `bytesMax`.
    func write(
        _ series: ArraySlice<StepSeries>, to writer: inout JSONWriter
    ) throws(QueryError) {
        writer.beginArray()
        for piece in try pieces(series, writer.bytes.count) where !piece.isEmpty {
            writer.rawValue(piece)
        }
        writer.endArray()
    }

    /// The series, with commas between them, in pieces.
    /// - Parameter before: bytes of the answer before them.
    private func pieces(
        _ series: ArraySlice<StepSeries>, _ before: Int
    ) throws(QueryError) -> [[UInt8]] {
        let isShort = series.count < 2 || series.count * steps.count < Self.parallelMin
        let count = isShort || Self.threads < 2 ? 1 : min(series.count, Self.threads * 4)
        let written = Atomic<Int>(before)
        let pieces = Mutex([[UInt8]](repeating: [], count: count))
        DispatchQueue.concurrentPerform(iterations: count) { number in
            let first = series.startIndex + series.count * number / count
            let end = series.startIndex + series.count * (number + 1) / count
            let piece = piece(series[first..<end], written)
            pieces.withLock { $0[number] = piece }
        }
        guard written.load(ordering: .relaxed) <= bytesMax else {
            throw PrometheusResult.tooLong(bytesMax)
        }
        return pieces.withLock { $0 }
    }

    /// - Parameter written: bytes of all pieces; writes no more when they are too many.
    private func piece(
        _ series: ArraySlice<StepSeries>, _ written: borrowing Atomic<Int>
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        for series in series {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
            let before = bytes.count
            var writer = JSONWriter(appendingTo: bytes)
            bytes = []
            writer.object { write(series, to: &$0) }
            bytes = writer.bytes
            let total = written.add(bytes.count - before, ordering: .relaxed).newValue
            if total > bytesMax { break }
        }
        return bytes
    }

    private func write(_ series: StepSeries, to object: inout JSONWriter) {
        object.field("metric", series.labels)
        let hasNumbers =
            !series.hasHistograms
            || series.values.indices.contains {
                StepValue.isPresent(series.values[$0]) && series.histograms[$0] == nil
            }
        if hasNumbers {
            object.arrayField("values") { array in
                for (index, value) in series.values.enumerated()
                where StepValue.isPresent(value) && series.histogram(index) == nil {
                    array.rawValue { point(index, value, to: &$0) }
                }
            }
        }
        guard series.hasHistograms else { return }
        object.arrayField("histograms") { array in
            for (index, histogram) in series.histograms.enumerated() {
                if let histogram { array.histogramPoint(steps.time(index), histogram) }
            }
        }
    }

    @inline(__always)
    private func point(_ index: Int, _ value: Double, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: prefixes[(index == 0 ? 0 : ends[index - 1])..<ends[index]])
        JSONWriter.appendPrometheusValue(value, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: "]"))
    }
}
