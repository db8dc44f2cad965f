/// What a pattern is written as, once all its strings are known.
extension TextPattern {
    /// The literal pieces.
    private var pieces: [[UInt8]] {
        var start = 0
        return pieceEnds.map { end in
            defer { start = end }
            return Array(literals[start..<end])
        }
    }

    /// The digits of a second, if this may be the pattern of times.
    var fractionDigits: Int? {
        let pieces = pieces
        guard pieces == ClockText.literals || pieces == ClockText.literalsWithFraction else {
            return nil
        }
        let widths = [4, 2, 2, 2, 2, 2]
        for (field, width) in zip(fields, widths)
        where field.widthMin != width || field.widthMax != width { return nil }
        guard fields.count > widths.count else { return 0 }
        let fraction = fields[widths.count]
        return fraction.widthMin == fraction.widthMax && fraction.widthMax <= 9
            ? fraction.widthMax : nil
    }

    /// The strings as counts of the smallest part of a second; `nil` if one is no time.
    func times(digits: Int) -> [Int64]? {
        var counts: [Int64] = []
        counts.reserveCapacity(count)
        var numbers = [Int64](repeating: 0, count: fields.count)
        for index in 0..<count {
            for field in fields.indices { numbers[field] = fields[field].values[index] }
            guard let value = ClockText.count(numbers, digits: digits) else { return nil }
            counts.append(value)
        }
        return counts
    }

    /// A field that is the same number in all strings.
    private static func isConstant(_ field: Field) -> Bool {
        field.widthMin == field.widthMax && field.values.allSatisfy { $0 == field.values[0] }
    }

    private static func digits(_ number: Int64, width: Int) -> [UInt8] {
        let digits = Array(String(number).utf8)
        return [UInt8](repeating: UInt8(ascii: "0"), count: max(0, width - digits.count)) + digits
    }

    /// The form with numbers that are the same in all strings as literals; `nil` if some numbers are
    /// padded to different widths.
    var numbersForm: StringForm? {
        var result: [[UInt8]] = []
        var widths: [Int] = []
        var literal: [UInt8] = []
        for (piece, field) in zip(pieces, fields) {
            literal += piece
            if Self.isConstant(field) {
                literal += Self.digits(field.values[0], width: field.widthMax)
                continue
            }
            guard let width = field.width else { return nil }
            result.append(literal)
            widths.append(width)
            literal = []
        }
        result.append(literal + (pieces.last ?? []))
        return .numbers(literals: result, widths: widths)
    }

    /// The columns of the fields that are not literals.
    var varyingValues: [[Int64]] { fields.filter { !Self.isConstant($0) }.map(\.values) }
}
