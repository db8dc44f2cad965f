import Telemetry

/// How long traffic took of which a block holds a part: blocks that overlap in time share it by their
/// rows, so that all together they stand for the time that passed.
struct TrafficShare: Sendable {
    private struct Extent {
        var first: Double
        var last: Double
        /// Rows before any were thinned out, a second.
        var density: Double
    }

    /// Where the density is looked at within a block.
    private static let points = 32
    private let extents: [Extent]

    init(_ blocks: [BlockInfo]) {
        extents = blocks.map { Self.extent($0) }
    }

    /// Seconds.
    func seconds(of block: BlockInfo) -> Double {
        let own = Self.extent(block)
        let near = extents.filter { $0.first <= own.last && $0.last >= own.first }
        let step = (own.last - own.first) / Double(Self.points)
        var seconds = 0.0
        for point in 0..<Self.points {
            let time = own.first + (Double(point) + 0.5) * step
            let density = near.reduce(0) {
                $0 + ($1.first <= time && time <= $1.last ? $1.density : 0)
            }
            seconds += density > 0 ? step * own.density / density : 0
        }
        return seconds
    }

    private static func extent(_ block: BlockInfo) -> Extent {
        let first = Double(block.bounds.lowerBound.nanoseconds) / 1e9
        // Spans of less than a second stand for one.
        let last = max(first + 1, Double(block.bounds.upperBound.nanoseconds) / 1e9)
        return Extent(
            first: first, last: last, density: max(1, block.history.items) / (last - first))
    }
}
