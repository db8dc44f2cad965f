import Telemetry

/// What the strings of one form in a `TypedStringSection` are made from.
///
/// ```
/// form = 1 │ length u8 │ dashes u64 │ list u8     hexadecimal digits: a column of bytes, unless they are
///                                                  those of a list of ids that the reader has (list − 1)
///      | 2 │ fields varint │ (length varint │ literal │ width u8)* │ length varint │ literal
///                                                  numbers: an integer column for each field
///      | 3 │ digits u8                            times as RFC 3339 with that many digits of a second, in
///                                                  UTC: an integer column of such parts since 1970
/// ```
/// A width of 0 means a number without leading zeros, another one that many digits.
enum StringForm {
    case hex(HexTemplate, list: Int?)
    case numbers(literals: [[UInt8]], widths: [Int])
    case times(digits: Int)

    static let maximum = 254

    func encode(into writer: inout ByteWriter) {
        switch self {
        case .hex(let template, let list):
            writer.append(1 as UInt8)
            writer.append(UInt8(truncatingIfNeeded: template.length))
            writer.append(template.dashes)
            writer.append(UInt8(truncatingIfNeeded: list.map { $0 + 1 } ?? 0))
        case .numbers(let literals, let widths):
            writer.append(2 as UInt8)
            writer.appendVarint(widths.count)
            for (index, width) in widths.enumerated() {
                writer.appendRun(literals[index])
                writer.append(UInt8(truncatingIfNeeded: width))
            }
            writer.appendRun(literals[widths.count])
        case .times(let digits):
            writer.append(3 as UInt8)
            writer.append(UInt8(truncatingIfNeeded: digits))
        }
    }

    init(from reader: inout ByteReader, lists: Int) throws(ColumnDecodeError) {
        switch try reader.readByte() {
        case 1:
            let length = Int(try reader.readByte())
            guard let template = HexTemplate(length: length, dashes: try reader.readUInt64())
            else { throw reader.corrupt("template of \(length) characters") }
            let list = Int(try reader.readByte())
            guard list <= lists else { throw reader.corrupt("list \(list) of ids") }
            self = .hex(template, list: list == 0 ? nil : list - 1)
        case 2:
            let fields = try reader.readCount(atMost: TextPattern.fieldsMax)
            var literals: [[UInt8]] = []
            var widths: [Int] = []
            for _ in 0..<fields {
                literals.append(try Self.literal(&reader))
                let width = Int(try reader.readByte())
                guard width <= TextPattern.digitsMax else {
                    throw reader.corrupt("\(width) digits")
                }
                widths.append(width)
            }
            literals.append(try Self.literal(&reader))
            self = .numbers(literals: literals, widths: widths)
        case 3:
            let digits = Int(try reader.readByte())
            guard digits <= 9 else { throw reader.corrupt("\(digits) digits of a second") }
            self = .times(digits: digits)
        case let kind: throw reader.corrupt("strings of form \(kind)")
        }
    }

    private static func literal(_ reader: inout ByteReader) throws(ColumnDecodeError) -> [UInt8] {
        let length = try reader.readCount(atMost: TextPattern.lengthMax)
        return Array(try reader.read(length))
    }

    /// The most bytes that a string of this form has.
    var lengthMax: Int {
        switch self {
        case .hex(let template, _): template.length
        // The digits of any 64-bit number.
        case .numbers(let literals, let widths):
            literals.reduce(0) { $0 + $1.count } + widths.count * 20
        case .times: 30
        }
    }

    /// How many columns strings of this form take.
    var columns: Int {
        switch self {
        case .hex(_, let list): list == nil ? 1 : 0
        case .numbers(_, let widths): widths.count
        case .times: 1
        }
    }
}
