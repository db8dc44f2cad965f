import Foundation

/// Lines over time in characters: each is two points wide and four high (Unicode's braille patterns).
struct LineGraph {
    /// Values by place from 0 to 1 along the time.
    typealias Line = [(place: Double, value: Double)]

    private let lines: [Line]
    private let range: ClosedRange<Double>
    let rows: Int
    let columns: Int

    /// `nil` if no value can be drawn.
    init?(_ lines: [Line], columns: Int, rows: Int) {
        let finite = lines.joined().map { $0.value }.filter { $0.isFinite }
        guard var low = finite.min(), var high = finite.max() else { return nil }
        // Counts and rates are read against zero.
        if low > 0, low < high * 0.5 { low = 0 }
        if low == high { (low, high) = (min(low, 0), max(high, low == 0 ? 1 : 0)) }
        if low == high { high = low + 1 }
        self.lines = lines
        range = low...high
        self.rows = rows
        self.columns = columns
    }

    /// The value that a row begins at.
    func label(_ row: Int) -> Double {
        range.upperBound
            - (range.upperBound - range.lowerBound) * Double(row) / Double(max(1, rows - 1))
    }

    /// Rows of characters with the number of the line whose colour they take; `nil` where nothing is.
    func cells() -> [[(character: Character, line: Int?)]] {
        var dots = [UInt8](repeating: 0, count: rows * columns)
        var owners = [Int?](repeating: nil, count: rows * columns)
        for (number, line) in lines.enumerated() {
            var previous: (x: Int, y: Int)?
            for point in line {
                guard point.value.isFinite else {
                    previous = nil
                    continue
                }
                let here = dot(point)
                for place in Self.between(previous, here, gap: columns / 4) {
                    let cell = place.y / 4 * columns + place.x / 2
                    dots[cell] |= Self.bit(place.x % 2, place.y % 4)
                    owners[cell] = number
                }
                previous = here
            }
        }
        return (0..<rows).map { row in
            (0..<columns).map { column in
                let cell = row * columns + column
                let scalar = Unicode.Scalar(0x2800 + UInt32(dots[cell])) ?? " "
                return (dots[cell] == 0 ? " " : Character(scalar), owners[cell])
            }
        }
    }

    private func dot(_ point: (place: Double, value: Double)) -> (x: Int, y: Int) {
        let height = Double(rows * 4 - 1)
        let share = (point.value - range.lowerBound) / (range.upperBound - range.lowerBound)
        let x = Int((min(1, max(0, point.place)) * Double(columns * 2 - 1)).rounded())
        return (x, Int(((1 - min(1, max(0, share))) * height).rounded()))
    }

    /// The points of a straight line; a gap in time stays open.
    private static func between(
        _ start: (x: Int, y: Int)?, _ end: (x: Int, y: Int), gap: Int
    ) -> [(x: Int, y: Int)] {
        guard let start, end.x - start.x <= max(4, gap) else { return [end] }
        let count = max(abs(end.x - start.x), abs(end.y - start.y))
        guard count > 0 else { return [end] }
        return (0...count).map { step in
            let share = Double(step) / Double(count)
            return (
                start.x + Int((Double(end.x - start.x) * share).rounded()),
                start.y + Int((Double(end.y - start.y) * share).rounded())
            )
        }
    }

    /// Dots 1, 2, 3, 7 stand on the left, 4, 5, 6, 8 on the right.
    private static func bit(_ column: Int, _ row: Int) -> UInt8 {
        let left: [UInt8] = [0x01, 0x02, 0x04, 0x40]
        let right: [UInt8] = [0x08, 0x10, 0x20, 0x80]
        return column == 0 ? left[row] : right[row]
    }
}
