import Telemetry

/// Reads the values of a series from left to right.
struct SeriesScanner {
    /// A value and what follows it one by one.
    struct Run {
        var first: SeriesNotation.Value
        /// Values in all, the first included.
        var count = 1
        /// From one value to the next; `nil` for the same again.
        var increment: SeriesNotation.Value?
    }

    private let bytes: [UInt8]
    private var place = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    /// `nil` at the end.
    mutating func next() throws(SeriesNotation.Failure) -> Run? {
        while place < bytes.count, isSpace(bytes[place]) { place += 1 }
        guard place < bytes.count else { return nil }
        let start = place
        let run = try run()
        guard place == bytes.count || isSpace(bytes[place]) else {
            throw failure(from: start, "is no value")
        }
        return run
    }

    private mutating func run() throws(SeriesNotation.Failure) -> Run {
        if take("stale") { return Run(first: .number(Sample.staleMarker)) }
        if take("_") {
            guard take("x") else { return Run(first: .omitted) }
            return Run(first: .omitted, count: try count())
        }
        let first = try value()
        if take("x") {
            return Run(first: first, count: try count() + 1)
        }
        guard let sign = peek, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else {
            return Run(first: first)
        }
        place += 1
        var increment = try value()
        if sign == UInt8(ascii: "-") { increment = increment.negated }
        guard take("x") else { throw failure(from: place, "needs x and a number of times") }
        return Run(first: first, count: try count() + 1, increment: increment)
    }

    private mutating func value() throws(SeriesNotation.Failure) -> SeriesNotation.Value {
        take("{{") ? .histogram(try histogram()) : .number(try number())
    }

    /// How often something is repeated.
    private mutating func count() throws(SeriesNotation.Failure) -> Int {
        let start = place
        while let byte = peek, isDigit(byte) { place += 1 }
        guard let count = Int(text(start..<place)), count < Int(Int32.max) else {
            throw failure(from: start, "is no number of times")
        }
        return count
    }

    /// No hexadecimal numbers: `0x2` is a run of zeros.
    private mutating func number() throws(SeriesNotation.Failure) -> Double {
        let start = place
        if let sign = peek, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { place += 1 }
        let sign: Double =
            bytes.indices.contains(start) && bytes[start] == UInt8(ascii: "-") ? -1 : 1
        if takeWord("inf") { return sign * .infinity }
        if takeWord("nan") { return .nan }
        while let byte = peek, isDigit(byte) || byte == UInt8(ascii: ".") { place += 1 }
        if let byte = peek, byte | 32 == UInt8(ascii: "e"), place > start {
            let mantissaEnd = place
            place += 1
            if let sign = peek, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
                place += 1
            }
            let exponentStart = place
            while let byte = peek, isDigit(byte) { place += 1 }
            if place == exponentStart { place = mantissaEnd }
        }
        guard let number = Double(text(start..<place).droppingLastPoint) else {
            throw failure(from: start, "is no number")
        }
        return number
    }

    // MARK: Histograms

    /// What stands after `{{`.
    private mutating func histogram() throws(SeriesNotation.Failure) -> NativeHistogram {
        var histogram = NativeHistogram(schema: 0)
        var offsets: (positive: Double, negative: Double) = (0, 0)
        var seen: Set<String> = []
        while true {
            while let byte = peek, isSpace(byte) { place += 1 }
            if take("}}") { break }
            let start = place
            while let byte = peek, byte != UInt8(ascii: ":"), !isSpace(byte) { place += 1 }
            let name = text(start..<place)
            guard take(":"), seen.insert(name).inserted else {
                throw failure(from: start, "is no part of a histogram, or stands twice")
            }
            switch name {
            case "schema": histogram.schema = Int32(clamping: Int(clamping: try number()))
            case "count": histogram.count = try number()
            case "sum": histogram.sum = try number()
            case "z_bucket": histogram.zeroCount = try number()
            case "z_bucket_w": histogram.zeroThreshold = try number()
            case "buckets": histogram.positiveCounts = try list()
            case "n_buckets": histogram.negativeCounts = try list()
            case "custom_values": histogram.customBounds = try list()
            case "offset": offsets.positive = try number()
            case "n_offset": offsets.negative = try number()
            case "counter_reset_hint": histogram.resetHint = try hint()
            default: throw failure(from: start, "is no part of a histogram")
            }
        }
        histogram.positiveSpans = Self.spans(histogram.positiveCounts, offsets.positive)
        histogram.negativeSpans = Self.spans(histogram.negativeCounts, offsets.negative)
        guard (-4...8).contains(histogram.schema) || histogram.schema == -53 else {
            throw SeriesNotation.Failure(reason: "there is no schema \(histogram.schema)")
        }
        return histogram
    }

    private static func spans(_ counts: [Double], _ offset: Double) -> [NativeHistogram.Span] {
        guard !counts.isEmpty else { return [] }
        return [
            NativeHistogram.Span(
                offset: Int32(clamping: Int(clamping: offset)),
                length: UInt32(clamping: counts.count))
        ]
    }

    private mutating func hint() throws(SeriesNotation.Failure) -> NativeHistogram.ResetHint {
        for (word, hint) in [
            ("unknown", NativeHistogram.ResetHint.unknown), ("reset", .reset),
            ("not_reset", .notReset), ("gauge", .gauge),
        ] where take(word) { return hint }
        throw failure(from: place, "is no counter_reset_hint")
    }

    private mutating func list() throws(SeriesNotation.Failure) -> [Double] {
        guard take("[") else { throw failure(from: place, "is no list of numbers") }
        var numbers: [Double] = []
        while true {
            while let byte = peek, isSpace(byte) { place += 1 }
            if take("]") { return numbers }
            numbers.append(try number())
        }
    }

    // MARK: Bytes

    private var peek: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func take(_ text: String) -> Bool {
        guard bytes[place...].starts(with: text.utf8) else { return false }
        place += text.utf8.count
        return true
    }

    private mutating func takeWord(_ word: String) -> Bool {
        guard bytes[place...].prefix(word.utf8.count).map({ $0 | 32 }) == Array(word.utf8) else {
            return false
        }
        place += word.utf8.count
        return true
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
    private func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private func failure(from start: Int, _ reason: String) -> SeriesNotation.Failure {
        let end = bytes[min(start, bytes.count)...].firstIndex(where: isSpace) ?? bytes.count
        let word = start < bytes.count ? "\"\(text(start..<end))\"" : "the end"
        return SeriesNotation.Failure(reason: "\(word) \(reason)")
    }
}

extension SeriesNotation.Value {
    fileprivate var negated: SeriesNotation.Value {
        switch self {
        case .omitted: return .omitted
        case .number(let number): return .number(-number)
        case .histogram(var histogram):
            histogram.count = -histogram.count
            histogram.sum = -histogram.sum
            histogram.zeroCount = -histogram.zeroCount
            histogram.positiveCounts = histogram.positiveCounts.map { -$0 }
            histogram.negativeCounts = histogram.negativeCounts.map { -$0 }
            return .histogram(histogram)
        }
    }
}

extension String {
    /// `1.` is a number to Go and not to Swift.
    fileprivate var droppingLastPoint: String {
        hasSuffix(".") && count > 1 ? String(dropLast()) : self
    }
}

extension Int {
    /// The nearest whole number, whatever the floating-point one is.
    fileprivate init(clamping number: Double) {
        self = Int(exactly: number.rounded()) ?? (number < 0 ? .min : .max)
    }
}
