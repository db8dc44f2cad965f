import Store
import Telemetry

/// Collects the names and the distinct values of attributes of some spans.
struct AttributeListing {
    private let batch: SpanBatch
    private let rows: [Int]

    init(_ batch: SpanBatch, _ rows: [Int]) {
        self.batch = batch
        self.rows = rows
    }

    /// The names of attributes in a scope.
    func keys(_ scope: AttributeScope, _ found: inout Set<String>) {
        var isThere = [Bool](repeating: false, count: batch.strings.count)
        visit(scope) { columns, cells in
            for cell in cells { isThere[Int(columns.keys[cell])] = true }
        }
        for (id, isThere) in isThere.enumerated() where isThere {
            found.insert(batch.strings[StringID(id)])
        }
    }

    /// The texts of the values under `key`.
    func texts(_ scope: AttributeScope, _ key: String, _ found: inout Set<String>) {
        guard let key = batch.strings.id(of: key) else { return }
        var seen = Set<Value>()
        visit(scope) { columns, cells in
            for cell in cells where columns.keys[cell] == key {
                let value = Value(type: columns.types[cell], payload: columns.payloads[cell])
                guard seen.insert(value).inserted else { continue }
                found.insert(columns.value(at: cell, strings: batch.strings).text)
            }
        }
    }

    private struct Value: Hashable {
        var type: AttributeType
        var payload: UInt64
    }

    /// Hands on runs of cells; those of shared resources and scopes once.
    private func visit(
        _ scope: AttributeScope, _ body: (AttributeColumns, Range<Int>) -> Void
    ) {
        switch scope {
        case .any:
            for scope in AttributeScope.allCases where scope != .any { visit(scope, body) }
        case .span: for row in rows { body(batch.attributes, batch.attributeRange(row)) }
        case .resource:
            for index in Set(rows.map { batch.resourceIndices[$0] }) {
                body(batch.shared.attributes, batch.shared.resources[Int(index)].attributes)
            }
        case .scope:
            for index in Set(rows.map { batch.scopeIndices[$0] }) {
                body(batch.shared.attributes, batch.shared.scopes[Int(index)].attributes)
            }
        case .event:
            for row in rows {
                for event in batch.eventRange(row) {
                    body(batch.events.attributes, batch.events.attributeRange(event))
                }
            }
        case .link:
            for row in rows {
                for link in batch.linkRange(row) {
                    body(batch.links.attributes, batch.links.attributeRange(link))
                }
            }
        }
    }
}
