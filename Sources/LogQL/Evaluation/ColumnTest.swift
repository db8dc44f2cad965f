import Store

/// Label filters over columns of fields: each distinct value is judged once.
struct ColumnTest {
    /// Of the value of a code.
    enum Verdict: UInt8 {
        case fails, holds
        /// The value is no such quantity: what then happens is told by looking at the record.
        case malformed
    }

    private indirect enum Node {
        case values(column: Int, [Verdict])
        case constant(Bool)
        case all([Node])
        case any([Node])
    }

    private let root: Node

    /// - Parameter columnOf: the place of a label's column in `batch`; `nil` for a label that is empty.
    init(_ tests: [LabelTest], _ batch: LogFieldBatch, columnOf: (LabelName) -> Int?) {
        root = .all(tests.map { ColumnTest.node($0, batch, columnOf) })
    }

    /// Whether no record of the batch can pass.
    var rejectsAll: Bool { !ColumnTest.mayHold(root) }

    @inline(__always)
    func verdict(_ row: Int, _ batch: borrowing LogFieldBatch) -> Verdict {
        ColumnTest.verdict(root, row, batch)
    }

    private static func node(
        _ test: LabelTest, _ batch: LogFieldBatch, _ columnOf: (LabelName) -> Int?
    ) -> Node {
        switch test {
        case .all(let parts): return .all(parts.map { node($0, batch, columnOf) })
        case .any(let parts): return .any(parts.map { node($0, batch, columnOf) })
        case .text(let name, let text):
            return values(name, batch, columnOf) { text.accepts($0) ? .holds : .fails }
        case .address(let name, let addresses, let isNegated):
            return values(name, batch, columnOf) {
                !$0.isEmpty && addresses.isFound(in: $0) != isNegated ? .holds : .fails
            }
        case .quantity(let name, let comparison, let literal):
            return values(name, batch, columnOf) {
                switch LabelTest.compare($0, comparison, literal) {
                case .holds: .holds
                case .fails: .fails
                case .malformed: .malformed
                }
            }
        }
    }

    private static func values(
        _ name: LabelName, _ batch: LogFieldBatch, _ columnOf: (LabelName) -> Int?,
        _ judge: (UnsafeRawBufferPointer) -> Verdict
    ) -> Node {
        guard let column = columnOf(name) else {
            return .constant(judge(UnsafeRawBufferPointer(start: nil, count: 0)) == .holds)
        }
        let values = batch.columns[column]
        return .values(
            column: column, (0..<values.codeCount).map { values.withText($0, judge) })
    }

    private static func mayHold(_ node: Node) -> Bool {
        switch node {
        case .values(_, let verdicts): verdicts.contains { $0 != .fails }
        case .constant(let holds): holds
        case .all(let parts): parts.allSatisfy(mayHold)
        case .any(let parts): parts.contains(where: mayHold)
        }
    }

    private static func verdict(
        _ node: Node, _ row: Int, _ batch: borrowing LogFieldBatch
    ) -> Verdict {
        switch node {
        case .values(let column, let verdicts):
            return verdicts[Int(batch.columns[column].codes[row])]
        case .constant(let holds): return holds ? .holds : .fails
        case .all(let parts):
            for part in parts {
                let verdict = verdict(part, row, batch)
                if verdict != .holds { return verdict }
            }
            return .holds
        case .any(let parts):
            for part in parts {
                let verdict = verdict(part, row, batch)
                if verdict != .fails { return verdict }
            }
            return .fails
        }
    }
}
