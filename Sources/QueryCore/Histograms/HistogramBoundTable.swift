import Glibc

/// The bounds of exponential buckets between one half and one, bit by bit as Prometheus has them: its table is
/// off the nearest number by some units in the last place, and bounds are compared and shown to the last digit.
enum HistogramBoundTable {
    /// By how many units in the last place less one a bound of schema 8 is below the number nearest to it.
    private static let deviations: StaticString = """
        1111112111211111112311222222222211211121122211221122102211221122\
        1111112222332132112111211112111111121011213311221222112121332222\
        2121223322322122222222323233323311221121223321332233212232332232\
        2243223233433343333333444455435422322333324422333243223333543344
        """

    /// Of schema 8; those of coarser schemas are among them.
    private static let bounds: [Double] = deviations.withUTF8Buffer { digits in
        digits.enumerated().map { index, digit in
            let nearest = exp2(Double(index) / Double(digits.count)) / 2
            return Double(bitPattern: nearest.bitPattern &+ 1 &- UInt64(digit &- UInt8(ascii: "0")))
        }
    }

    /// - Parameters:
    ///   - fraction: below 2^schema.
    ///   - schema: 0 to 8.
    static func bound(_ fraction: Int, schema: Int32) -> Double {
        bounds[fraction << (8 - Int(schema))]
    }
}
