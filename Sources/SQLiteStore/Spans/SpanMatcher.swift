import Store
import Telemetry

/// A predicate on batches in memory: for each, names are resolved to ids once, and rows are then compared
/// by integers.
struct SpanMatcher: Sendable {
    private enum Test {
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

    /// What is cheap first.
    private let conditions: [SpanCondition]
    private let range: TimeRange

    init(_ predicate: SpanPredicate, in range: TimeRange) {
        self.range = range
        conditions = predicate.conditions.sorted { $0.cost < $1.cost }
    }

    /// The rows that satisfy the predicate and start in the range, ascending.
    func rows(of head: HeadBatch<SpanBatch>) -> [Int] {
        guard range.overlaps(first: head.bounds.lowerBound, last: head.bounds.upperBound) else {
            return []
        }
        // Most batches lack a name that is looked for: that is known before any row is looked at.
        var tests: [Test] = []
        for condition in conditions {
            guard let test = Self.prepare(condition, head.batch) else { return [] }
            tests.append(test)
        }
        var rows = Array(0..<head.batch.count)
        for test in tests where !rows.isEmpty { rows = Self.keep(rows, test, head.batch) }
        let isInside =
            range.contains(head.bounds.lowerBound) && range.contains(head.bounds.upperBound)
        if rows.isEmpty || isInside { return rows }
        let starts = head.batch.starts
        return rows.filter { range.contains(starts[$0]) }
    }

    private static func keep(_ rows: [Int], _ test: Test, _ batch: SpanBatch) -> [Int] {
        switch test {
        case .resource(let flags):
            let indices = batch.resourceIndices
            return rows.filter { flags[Int(indices[$0])] }
        case .name(let id):
            let names = batch.names
            return rows.filter { names[$0] == id }
        case .kind(let kind):
            let kinds = batch.kinds
            return rows.filter { kinds[$0] == kind }
        case .status(let status):
            let statuses = batch.statuses
            return rows.filter { statuses[$0] == status }
        case .durationAtLeast(let bound):
            let durations = batch.durations
            return rows.filter { durations[$0] >= bound }
        case .durationAtMost(let bound):
            let durations = batch.durations
            return rows.filter { durations[$0] <= bound }
        case .root:
            let parents = batch.parentIDs
            return rows.filter { !parents[$0].isValid }
        case .attribute(let test): return rows.filter { test.holds($0, of: batch) }
        }
    }

    /// `nil` if no span of the batch can satisfy the condition.
    private static func prepare(_ condition: SpanCondition, _ batch: SpanBatch) -> Test? {
        switch condition {
        case .service(let service):
            let flags = resources(of: service, batch)
            return flags.contains(true) ? .resource(flags) : nil
        case .name(let name): return batch.strings.id(of: name).map(Test.name)
        case .kind(let kind): return .kind(kind)
        case .status(let status): return .status(status)
        case .durationAtLeast(let bound): return .durationAtLeast(bound)
        case .durationAtMost(let bound): return .durationAtMost(bound)
        case .root: return .root
        case .attribute(let scope, let key, let test):
            return AttributeTestInBatch(scope, key: key, test, batch).map(Test.attribute)
        }
    }
}

extension SpanMatcher {
    /// Which resources are of a service.
    private static func resources(of service: String, _ batch: SpanBatch) -> [Bool] {
        // "" is also what a resource without a name is found by, and a name may be a number.
        guard !service.isEmpty, let key = batch.strings.id(of: SemanticKey.serviceName) else {
            return batch.serviceNames().map { $0 == service }
        }
        let id = batch.strings.id(of: service).map { UInt64($0) }
        let attributes = batch.shared.attributes
        return batch.shared.resources.map { resource in
            for cell in resource.attributes where attributes.keys[cell] == key {
                if attributes.types[cell] == .string { return attributes.payloads[cell] == id }
                return attributes.value(at: cell, strings: batch.strings).text == service
            }
            return false
        }
    }
}

extension SpanCondition {
    /// What looking at it takes, roughly, in columns.
    var cost: Int {
        switch self {
        case .service: 0
        case .name: 1
        case .status: 2
        case .kind: 3
        case .durationAtLeast, .durationAtMost: 4
        case .root: 5
        case .attribute: 6
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
        case text(String, string: StringID?, int: Int64?, orElement: Bool)
        case never
    }

    private let kind: Kind

    init(_ test: AttributeTest, _ strings: StringTable) {
        switch test {
        case .exists: kind = .exists
        case .text(let text): kind = Self.text(text, strings, orElement: false)
        case .textOfAny(let text): kind = Self.text(text, strings, orElement: true)
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
        case .text(let text, let string, let int, let orElement):
            switch type {
            case .string: return string.map { UInt64($0) == columns.payloads[index] } ?? false
            case .int: return int.map { UInt64(bitPattern: $0) == columns.payloads[index] } ?? false
            default:
                return columns.value(at: index, strings: strings).hasText(
                    text, orElement: orElement)
            }
        }
    }

    private static func text(_ text: String, _ strings: StringTable, orElement: Bool) -> Kind {
        // "007" is a number, but not the text of one.
        let int = Int64(text).flatMap { String($0) == text ? $0 : nil }
        return .text(text, string: strings.id(of: text), int: int, orElement: orElement)
    }
}
