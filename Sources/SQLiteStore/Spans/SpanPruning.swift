import ColumnEncoding
import Store
import Telemetry

/// A predicate prepared for the list of blocks: which of them may hold a span that satisfies it.
struct SpanPruning {
    private let range: TimeRange
    /// By summary id; `nil` if all are admitted.
    private let isAdmitted: [Bool]?
    /// By summary id, empty if no extremes are asked for.
    private let keys: [UInt32]
    private var shortest: Int64?
    private var longest: Int64?
    private var statuses: UInt8?
    private var attributes: [(places: [AttributePlace], key: String, text: String?)] = []

    /// - Parameter table: the summaries of all blocks.
    init(_ predicate: SpanPredicate, in range: TimeRange, _ table: StringTable) {
        self.range = range
        isAdmitted = Self.admitted(by: predicate, table)
        for condition in predicate.conditions {
            switch condition {
            case .durationAtLeast(let bound): shortest = max(bound, shortest ?? bound)
            case .durationAtMost(let bound): longest = min(bound, longest ?? bound)
            case .status(let status):
                let bit = UInt8(1) << status.rawValue
                statuses = (statuses ?? bit) & bit
            case .attribute(let scope, let key, let test):
                attributes.append((scope.places, key, test.text))
            case .service, .name, .kind, .root: break
            }
        }
        keys =
            shortest == nil && longest == nil && statuses == nil
            ? []
            : (0..<table.count).map {
                table.withBytes(of: StringID($0), SpanBlockIndex.key)
            }
    }

    /// Which entries of the summary table a matching span may come from; `nil` if all.
    static func admitted(by predicate: SpanPredicate, _ table: StringTable) -> [Bool]? {
        let tests = predicate.conditions.filter {
            switch $0 {
            case .service, .name, .kind: true
            default: false
            }
        }
        if tests.isEmpty { return nil }
        return (0..<table.count).map { id in
            let summary = table.withBytes(of: StringID(id)) { SpanSummary(encoded: $0) }
            guard let summary else { return false }
            return tests.allSatisfy {
                switch $0 {
                case .service(let service): summary.service == service
                case .name(let name): summary.name == name
                case .kind(let kind): summary.kind == kind
                default: true
                }
            }
        }
    }

    func admits(_ block: BlockInfo) -> Bool {
        guard
            range.overlaps(first: block.bounds.lowerBound, last: block.bounds.upperBound),
            block.summary.contains(where: { admits($0, of: block) })
        else { return false }
        guard let filter = block.index?.attributes else { return true }
        return attributes.allSatisfy { condition in
            guard condition.places.contains(where: { filter.mayHave(key: condition.key, at: $0) })
            else { return false }
            return condition.text.map { filter.mayHave(key: condition.key, text: $0) } ?? true
        }
    }

    private func admits(_ summary: StringID, of block: BlockInfo) -> Bool {
        if summary == BlockInfo.unnamed { return true }
        if let isAdmitted, !isAdmitted[Int(summary)] { return false }
        guard !keys.isEmpty, let index = block.index else { return true }
        guard let operation = index.operation(keys[Int(summary)]) else { return false }
        if let shortest, operation.durations.upperBound < shortest { return false }
        if let longest, operation.durations.lowerBound > longest { return false }
        if let statuses, operation.statuses & statuses == 0 { return false }
        return true
    }

    /// Where an attribute condition has to be looked for in this block.
    static func places(
        _ scope: AttributeScope, key: String, in block: BlockInfo
    ) -> [AttributePlace] {
        guard let filter = block.index?.attributes else { return scope.places }
        return scope.places.filter { filter.mayHave(key: key, at: $0) }
    }
}

extension AttributeScope {
    var places: [AttributePlace] {
        switch self {
        case .any: AttributePlace.allCases
        case .span: [.span]
        case .event: [.event]
        case .link: [.link]
        case .resource: [.resource]
        case .scope: [.scope]
        }
    }
}

extension AttributeTest {
    /// The text that a passing value has; `nil` if it may be any.
    fileprivate var text: String? {
        switch self {
        case .exists: nil
        case .equals(let value): value.text
        case .text(let text), .textOfAny(let text): text
        }
    }

    var prepared: AttributeValueTest {
        switch self {
        case .exists: .exists
        case .equals(let value): .equals(value)
        case .text(let text): .text(text)
        case .textOfAny(let text): .text(text, orElement: true)
        }
    }
}
