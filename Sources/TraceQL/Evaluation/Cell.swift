import Telemetry

/// A value of one span while a query is evaluated: two words, nothing to allocate.
struct Cell: Hashable, Sendable {
    enum Kind: UInt8, Sendable {
        case null, int, double, string, bool, duration, status, kind
        /// An array: comparisons look at its elements.
        case list
        /// Bytes, a map, or a span: it is there, and equal to nothing.
        case other
    }

    var kind: Kind
    /// Depends on the kind: two's complement, IEEE 754 bits, 0 or 1, a raw value; of text its id in the
    /// batch or, from `TextPool.firstID` on, in the pool; of an array the id of its encoded form.
    var payload: UInt64

    static let null = Cell(kind: .null, payload: 0)
    static let other = Cell(kind: .other, payload: 0)

    static func bool(_ flag: Bool) -> Cell { Cell(kind: .bool, payload: flag ? 1 : 0) }
    static func int(_ value: Int64) -> Cell { Cell(kind: .int, payload: UInt64(bitPattern: value)) }
    static func double(_ value: Double) -> Cell { Cell(kind: .double, payload: value.bitPattern) }
    static func duration(_ value: Int64) -> Cell {
        Cell(kind: .duration, payload: UInt64(bitPattern: value))
    }
    static func text(_ id: StringID) -> Cell { Cell(kind: .string, payload: UInt64(id)) }
    static func status(_ value: SpanStatus) -> Cell {
        Cell(kind: .status, payload: UInt64(value.rawValue))
    }
    static func kind(_ value: SpanKind) -> Cell {
        Cell(kind: .kind, payload: UInt64(value.rawValue))
    }

    init(kind: Kind, payload: UInt64) {
        self.kind = kind
        self.payload = payload
    }

    /// From a cell of attribute columns.
    @inline(__always)
    init(_ type: AttributeType, _ payload: UInt64) {
        self.payload = payload
        switch type {
        case .empty: kind = .null
        case .string: kind = .string
        case .bool: kind = .bool
        case .int: kind = .int
        case .double: kind = .double
        case .array: kind = .list
        case .bytes, .map: kind = .other
        }
    }

    var isTrue: Bool { kind == .bool && payload != 0 }
    var isFalse: Bool { kind == .bool && payload == 0 }

    /// Of integers and durations (nanoseconds).
    @inline(__always)
    var integer: Int64? {
        kind == .int || kind == .duration ? Int64(bitPattern: payload) : nil
    }

    /// Of numbers; durations in nanoseconds.
    @inline(__always)
    var number: Double? {
        switch kind {
        case .int, .duration: Double(Int64(bitPattern: payload))
        case .double: Double(bitPattern: payload)
        default: nil
        }
    }

    /// Of numbers as metrics show them: durations in seconds.
    @inline(__always)
    var measure: Double? {
        kind == .duration ? Double(Int64(bitPattern: payload)) / 1e9 : number
    }
}

/// The values of an expression for a list of spans.
enum Column {
    case constant(Cell)
    /// One value a span.
    case single([Cell])
    /// The same as places in a list of a few values.
    case coded([Cell], [UInt32])
    /// The values of a span's events or links: those of span `i` end at `ends[i]`.
    case repeated([Cell], ends: [Int])

    /// The value of the span at `index` of the list; of several the first.
    @inline(__always)
    subscript(index: Int) -> Cell {
        switch self {
        case .constant(let cell): return cell
        case .single(let cells): return cells[index]
        case .coded(let values, let codes): return values[Int(codes[index])]
        case .repeated(let cells, let ends):
            let start = index == 0 ? 0 : ends[index - 1]
            return start < ends[index] ? cells[start] : .null
        }
    }
}

/// Texts that a query brings or computes (`trace:id`), beside those of the batch.
final class TextPool {
    static let firstID: UInt64 = 1 << 32

    private var texts: [String] = []
    private var ids: [String: UInt64] = [:]

    func intern(_ text: String) -> UInt64 {
        if let id = ids[text] { return id }
        let id = Self.firstID + UInt64(texts.count)
        texts.append(text)
        ids[text] = id
        return id
    }

    subscript(id: UInt64) -> String { texts[Int(id - Self.firstID)] }
}
