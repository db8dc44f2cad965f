import Store
import Telemetry

/// A predicate prepared for one batch: names are resolved to ids once, rows are then compared by
/// integers.
struct SpanMatcher {
    private enum Test {
        case never
        /// One flag a resource.
        case resource([Bool])
        case name(StringID)
        case kind(SpanKind)
        case status(SpanStatus)
        case durationAtLeast(Int64)
        case durationAtMost(Int64)
        case root
        case attribute(AttributeTestInBatch)
    }

    private let batch: SpanBatch
    private let tests: [Test]
    private let range: TimeRange

    init(_ predicate: SpanPredicate, in range: TimeRange, of batch: SpanBatch) {
        self.batch = batch
        self.range = range
        tests = predicate.conditions.map { SpanMatcher.prepare($0, batch) }
    }

    func matchingRows() -> [Int] {
        for test in tests {
            if case .never = test { return [] }
        }
        return (0..<batch.count).filter(matches)
    }

    func matches(_ row: Int) -> Bool {
        guard range.contains(batch.starts[row]) else { return false }
        for test in tests {
            let holds =
                switch test {
                case .never: false
                case .resource(let flags): flags[Int(batch.resourceIndices[row])]
                case .name(let id): batch.names[row] == id
                case .kind(let kind): batch.kinds[row] == kind
                case .status(let status): batch.statuses[row] == status
                case .durationAtLeast(let bound): batch.durations[row] >= bound
                case .durationAtMost(let bound): batch.durations[row] <= bound
                case .root: !batch.parentIDs[row].isValid
                case .attribute(let test): test.holds(row, of: batch)
                }
            if !holds { return false }
        }
        return true
    }

    private static func prepare(_ condition: SpanCondition, _ batch: SpanBatch) -> Test {
        switch condition {
        case .service(let service):
            // "" is also what a resource without a name is found by.
            if !service.isEmpty, batch.strings.id(of: service) == nil { return .never }
            let flags = batch.serviceNames().map { $0 == service }
            return flags.contains(true) ? .resource(flags) : .never
        case .name(let name): return batch.strings.id(of: name).map(Test.name) ?? .never
        case .kind(let kind): return .kind(kind)
        case .status(let status): return .status(status)
        case .durationAtLeast(let bound): return .durationAtLeast(bound)
        case .durationAtMost(let bound): return .durationAtMost(bound)
        case .root: return .root
        case .attribute(let scope, let key, let test):
            return AttributeTestInBatch(scope, key: key, test, batch).map(Test.attribute) ?? .never
        }
    }
}

/// An attribute condition prepared for one batch.
struct AttributeTestInBatch {
    private let scope: AttributeScope
    private let key: StringID
    private let cell: CellTest
    private let resources: [Bool]
    private let scopes: [Bool]

    /// `nil` when nothing in the batch can satisfy it.
    init?(_ scope: AttributeScope, key: String, _ test: AttributeTest, _ batch: SpanBatch) {
        guard let id = batch.strings.id(of: key) else { return nil }
        self.scope = scope
        self.key = id
        let cell = CellTest(test, batch.strings)
        self.cell = cell
        let shared = batch.shared.attributes
        func anyCell(_ cells: Range<Int>) -> Bool {
            cells.contains { shared.keys[$0] == id && cell.holds($0, of: shared, batch.strings) }
        }
        resources = batch.shared.resources.map { anyCell($0.attributes) }
        scopes = batch.shared.scopes.map { anyCell($0.attributes) }
    }

    func holds(_ row: Int, of batch: SpanBatch) -> Bool {
        switch scope {
        case .span: inSpan(row, batch)
        case .resource: resources[Int(batch.resourceIndices[row])]
        case .scope: scopes[Int(batch.scopeIndices[row])]
        case .event: inEvents(row, batch)
        case .link: inLinks(row, batch)
        case .any:
            inSpan(row, batch) || resources[Int(batch.resourceIndices[row])]
                || inEvents(row, batch) || scopes[Int(batch.scopeIndices[row])]
                || inLinks(row, batch)
        }
    }

    private func inSpan(_ row: Int, _ batch: SpanBatch) -> Bool {
        anyCell(batch.attributeRange(row), of: batch.attributes, batch)
    }

    private func inEvents(_ row: Int, _ batch: SpanBatch) -> Bool {
        batch.eventRange(row).contains {
            anyCell(batch.events.attributeRange($0), of: batch.events.attributes, batch)
        }
    }

    private func inLinks(_ row: Int, _ batch: SpanBatch) -> Bool {
        batch.linkRange(row).contains {
            anyCell(batch.links.attributeRange($0), of: batch.links.attributes, batch)
        }
    }

    private func anyCell(
        _ cells: Range<Int>, of columns: AttributeColumns, _ batch: SpanBatch
    ) -> Bool {
        for index in cells
        where columns.keys[index] == key && cell.holds(index, of: columns, batch.strings) {
            return true
        }
        return false
    }
}

/// A test on one cell, with the wanted value in the forms that cells have.
private struct CellTest {
    private enum Kind {
        case exists
        case payload(AttributeType, UInt64)
        case text(String, string: StringID?, int: Int64?)
        case never
    }

    private let kind: Kind

    init(_ test: AttributeTest, _ strings: StringTable) {
        switch test {
        case .exists: kind = .exists
        case .text(let text):
            // "007" is a number, but not the text of one.
            let int = Int64(text).flatMap { String($0) == text ? $0 : nil }
            kind = .text(text, string: strings.id(of: text), int: int)
        case .equals(let value):
            switch value {
            case .string(let string):
                kind = strings.id(of: string).map { .payload(.string, UInt64($0)) } ?? .never
            default:
                var scratch = strings
                let payload = AttributeColumns.payload(of: value, strings: &scratch)
                kind = .payload(value.type, payload)
            }
        }
    }

    func holds(_ index: Int, of columns: AttributeColumns, _ strings: StringTable) -> Bool {
        let type = columns.types[index]
        switch kind {
        case .never: return false
        case .exists: return true
        case .payload(let wanted, let payload):
            return type == wanted && columns.payloads[index] == payload
        case .text(let text, let string, let int):
            switch type {
            case .string: return string.map { UInt64($0) == columns.payloads[index] } ?? false
            case .int: return int.map { UInt64(bitPattern: $0) == columns.payloads[index] } ?? false
            default: return columns.value(at: index, strings: strings).text == text
            }
        }
    }
}
