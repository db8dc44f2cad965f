import QueryCore
import Store
import Telemetry

/// A label filter, ready to be asked.
indirect enum LabelTest: Sendable {
    case text(LabelName, TextTest)
    case quantity(LabelName, QuantityFilter.Comparison, QuantityFilter.Literal)
    case address(LabelName, AddressSet, isNegated: Bool)
    case all([LabelTest])
    case any([LabelTest])

    init(_ filter: LabelFilter) throws(ExpressionError) {
        switch filter {
        case .text(let matcher): self = .text(LabelName(matcher.name), try TextTest(matcher))
        case .quantity(let quantity):
            self = .quantity(LabelName(quantity.name), quantity.comparison, quantity.literal)
        case .address(let address):
            self = .address(
                LabelName(address.name), try AddressSet(address.addresses),
                isNegated: address.isNegated)
        case .all(let parts):
            self = .all(try parts.map { part throws(ExpressionError) in try LabelTest(part) })
        case .any(let parts):
            self = .any(try parts.map { part throws(ExpressionError) in try LabelTest(part) })
        }
    }

    /// A value that is no such quantity fails (`__error__`) and passes, and so does every comparison of
    /// a quantity on a line that failed before: as in Loki, nothing vanishes for being malformed.
    func accepts(
        _ labels: inout LineLabels, _ batch: borrowing LogBatch, row: Int
    ) -> Bool {
        switch self {
        case .text(let name, let test):
            return labels.withValue(of: name, batch, row: row) { test.accepts($0) }
        case .quantity(let name, let comparison, let literal):
            guard labels.failure == nil else { return true }
            let verdict = labels.withValue(of: name, batch, row: row) { value in
                LabelTest.compare(value, comparison, literal)
            }
            guard verdict == .malformed else { return verdict == .holds }
            let text = labels.withValue(of: name, batch, row: row) {
                String(decoding: $0, as: UTF8.self)
            }
            labels.fail(.labelFilter, "\(name.text): \"\(text)\" is no \(literal.kindName)")
            return true
        case .address(let name, let addresses, let isNegated):
            guard labels.failure == nil else { return true }
            return labels.withValue(of: name, batch, row: row) {
                !$0.isEmpty && addresses.isFound(in: $0) != isNegated
            }
        case .all(let parts):
            for part in parts where !part.accepts(&labels, batch, row: row) { return false }
            return true
        case .any(let parts):
            for part in parts where part.accepts(&labels, batch, row: row) { return true }
            return false
        }
    }

    enum Verdict {
        case holds, fails, malformed
    }

    static func compare(
        _ value: UnsafeRawBufferPointer, _ comparison: QuantityFilter.Comparison,
        _ literal: QuantityFilter.Literal
    ) -> Verdict {
        guard !value.isEmpty else { return .fails }
        let holds: Bool
        switch literal {
        case .number(let wanted):
            guard let number = number(value) else { return .malformed }
            holds = comparison.holds(number, wanted)
        case .duration(let wanted):
            guard let duration = Quantity.duration(String(decoding: value, as: UTF8.self)) else {
                return .malformed
            }
            holds = comparison.holds(duration, wanted)
        case .bytes(let wanted):
            guard let size = Quantity.bytes(String(decoding: value, as: UTF8.self)) else {
                return .malformed
            }
            holds = comparison.holds(size, wanted)
        }
        return holds ? .holds : .fails
    }

    /// Whole numbers, the usual ones, without a detour over text.
    static func number(_ value: UnsafeRawBufferPointer) -> Double? {
        guard value.count <= 15 else { return Double(String(decoding: value, as: UTF8.self)) }
        var whole = 0
        for byte in value {
            guard Lexer.isDigit(byte) else { return Double(String(decoding: value, as: UTF8.self)) }
            whole = whole &* 10 &+ Int(byte &- UInt8(ascii: "0"))
        }
        return Double(whole)
    }
}

extension QuantityFilter.Literal {
    /// For people.
    fileprivate var kindName: String {
        switch self {
        case .number: "number"
        case .duration: "duration"
        case .bytes: "size"
        }
    }
}
