/// Labels of a batch's series that still lie in the body that the batch was decoded from.
///
/// Most series come again and again: their id is known from the bytes of the body, and nobody needs their
/// labels. Whoever does reads them from here.
package struct UnreadLabels: Sendable {
    /// Appends the canonical label bytes that a run of the body stands for.
    package typealias Reader =
        @Sendable (_ run: UnsafeRawBufferPointer, _ bytes: inout [UInt8]) -> Void

    private let body: [UInt8]
    /// Per series of the batch: where its labels lie; an empty range if they are in the batch.
    private let runs: [Range<UInt32>]
    private let read: Reader

    /// - Parameter runs: within `body`.
    package init(body: [UInt8], runs: [Range<UInt32>], read: @escaping Reader) {
        self.body = body
        self.runs = runs
        self.read = read
    }

    /// Whether the labels of the series lie here.
    @inline(__always)
    package func holds(_ series: Int) -> Bool { series < runs.count && !runs[series].isEmpty }

    package func append(_ series: Int, to bytes: inout [UInt8]) {
        guard series < runs.count else { return }
        let run = runs[series]
        body.withUnsafeBytes { body in
            let range = Int(run.lowerBound)..<Int(run.upperBound)
            precondition(range.upperBound <= body.count, "BUG: labels beyond their body")
            read(UnsafeRawBufferPointer(rebasing: body[range]), &bytes)
        }
    }
}
