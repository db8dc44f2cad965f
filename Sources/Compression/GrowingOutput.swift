/// Where a stream decoder writes what it cannot size in advance: an array that doubles, but never holds
/// more than one byte past the limit. That byte is how an oversized stream shows itself.
///
/// Memory in use stays below 1.5 times the limit, at the moment of the last doubling.
struct GrowingOutput: ~Copyable {
    private(set) var bytes: [UInt8]
    private let limit: Int
    private let start: Int

    /// - Parameters:
    ///   - bytes: what stands before the output; does not count towards the limit.
    ///   - expected: a first guess of the output's size.
    ///   - limit: the most bytes of output; below zero means zero.
    init(appendingTo bytes: consuming [UInt8] = [], expected: Int, limit: Int) {
        start = bytes.count
        self.bytes = bytes
        self.limit = min(max(0, limit), Int.max - start - 1)
        let half = max(64, expected) / 2
        self.bytes.reserveCapacity(
            start + GrowingOutput.capacity(for: half, ceiling: self.limit + 1))
    }

    /// Lets `fill` write into free space of at least one byte; it returns how many it wrote.
    /// - Throws: `CompressionError.tooLarge` as soon as the output has passed the limit.
    mutating func append(
        filling fill: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(CompressionError) {
        let ceiling = start + limit + 1
        if bytes.count == bytes.capacity {
            bytes.reserveCapacity(GrowingOutput.capacity(for: bytes.count, ceiling: ceiling))
        }
        let room = min(bytes.capacity, ceiling) - bytes.count
        bytes.append(addingCapacity: room) { span in
            span.withUnsafeMutableBufferPointer { buffer, initializedCount in
                initializedCount = fill(
                    UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[..<room]))
            }
        }
        if bytes.count - start > limit { throw .tooLarge(limit: limit) }
    }

    /// Twice `count`; all there may be once that is past the half, so that no growth near the end copies
    /// an array of nearly full size.
    private static func capacity(for count: Int, ceiling: Int) -> Int {
        count > ceiling / 4 ? ceiling : count * 2
    }

    consuming func finish() -> [UInt8] { bytes }
}
