import QueryCore
import Store
import Telemetry

/// A pipeline that needs no more of a record than some of its fields: `| json` and label filters behind
/// it, or no parser at all. Such a query is answered from columns, where the store has them.
struct FieldPlan: Sendable {
    /// Names of the labels that are looked at.
    let names: [String]
    /// Whether fields of records are looked at, and not only labels of their streams.
    let isParsed: Bool
    /// Whether the records that pass are those of the query: else they are looked at once more.
    let isExact: Bool
    private let needsByteCounts: Bool
    private let tests: [LabelTest]

    /// - Parameters:
    ///   - labels: what the consumer looks at.
    ///   - allowsLineFilters: whether records may be looked at once more.
    /// - Returns: `nil` if records must be looked at one by one.
    init?(
        _ query: LogQuery, labels: Set<String>, filters: [LabelFilter] = [],
        allowsLineFilters: Bool = false, needsByteCounts: Bool = false
    ) {
        self.needsByteCounts = needsByteCounts
        var names = labels
        var found: [LabelFilter] = []
        var isParsed = false
        var isExact = true
        for stage in query.stages {
            switch stage {
            case .line(let filter) where filter.acceptsAll: continue
            case .line:
                guard allowsLineFilters else { return nil }
                isExact = false
            case .json(let fields, _):
                // What is filtered before is not of the line's fields.
                guard fields.isEmpty, !isParsed, found.isEmpty else { return nil }
                isParsed = true
            case .label(let filter, _): found.append(filter)
            case .drop(let dropped, _):
                // Nothing fails here but what is looked at record by record.
                let failures: [LabelSelection] = [
                    .name(LineLabels.errorName), .name(LineLabels.errorDetailsName),
                ]
                guard dropped.allSatisfy(failures.contains) else { return nil }
            default: return nil
            }
        }
        found += filters
        for filter in found { names.formUnion(filter.labels) }
        names.remove(LineLabels.errorName)
        let isOfRecord = { (name: String) in
            ![.other, .detectedLevel].contains(LabelName(name).kind) || name.hasSuffix("_extracted")
                || name.hasPrefix("__")
        }
        guard !names.contains(where: isOfRecord), !labels.contains(LineLabels.errorName) else {
            return nil
        }
        self.names = names.sorted()
        self.isParsed = isParsed
        self.isExact = isExact
        do throws(ExpressionError) {
            tests = try found.map { filter throws(ExpressionError) in try LabelTest(filter) }
        } catch {
            return nil
        }
    }

    /// What to ask the store for.
    var request: LogFieldRequest {
        LogFieldRequest(names, lineByteCounts: needsByteCounts, attributesOnly: !isParsed)
    }

    /// Whether the columns of all `names` are in `batch`; else records have to be looked at: those with a
    /// body have fields in it.
    func isComplete(_ batch: LogFieldBatch) -> Bool { !isParsed || !batch.hasBodies }

    func column(of name: LabelName) -> Int? {
        names.firstIndex { $0.utf8.elementsEqual(name.bytes) }
    }

    /// The records that pass, or `nil` if one has to be looked at.
    func selection(
        _ batch: LogFieldBatch, _ isAccepted: [Bool], in range: TimeRange
    ) -> [Int32]? {
        let test = ColumnTest(tests, batch, columnOf: column)
        if test.rejectsAll { return [] }
        let acceptsAll = isAccepted.allSatisfy { $0 }
        let (start, end) = (range.start.nanoseconds, range.end.nanoseconds)
        var rows: [Int32] = []
        rows.reserveCapacity(batch.count)
        for row in 0..<batch.count {
            let time = batch.times[row]
            guard start <= time, time < end,
                acceptsAll || isAccepted[Int(batch.resourceIndices[row])]
            else { continue }
            switch test.verdict(row, batch) {
            case .holds: rows.append(Int32(truncatingIfNeeded: row))
            case .fails: continue
            case .malformed: return nil
            }
        }
        return rows
    }
}

/// What a consumer makes of rows of columns.
enum FieldTake {
    case done
    /// It needs the records of these rows, ascending.
    case needs([Int32])
    /// It needs the records of all rows.
    case needsAll
}

/// Takes lines as rows of columns where it can.
protocol FieldConsumer: LineConsumer {
    /// - Parameter rows: those that pass.
    mutating func take(
        _ batch: LogFieldBatch, rows: [Int32], _ plan: FieldPlan
    ) throws(QueryError) -> FieldTake
}

/// Numbers the groups of records by the codes of some columns.
struct CodeGroups {
    private let columns: [Int]
    private let names: [LabelName]
    /// Codes of each column.
    private let sizes: [Int]
    /// Group by combined code, -1 before it is known; empty if there are too many combinations.
    private var table: [Int32]
    private var sparse: [Int: Int32] = [:]

    /// - Parameter names: labels, sorted.
    /// - Returns: `nil` if combinations of codes cannot be numbered.
    init?(_ names: [LabelName], _ batch: LogFieldBatch, _ plan: FieldPlan) {
        var columns: [Int] = []
        var used: [LabelName] = []
        for name in names {
            guard let column = plan.column(of: name) else { continue }
            columns.append(column)
            used.append(name)
        }
        self.columns = columns
        self.names = used
        sizes = columns.map { batch.columns[$0].codeCount }
        var combinations = 1
        for size in sizes {
            let (product, overflow) = combinations.multipliedReportingOverflow(by: size)
            guard !overflow else { return nil }
            combinations = product
        }
        table = combinations <= 1 << 16 ? [Int32](repeating: -1, count: combinations) : []
    }

    /// The group of a record; `make` is asked for the number of a new one by its labels.
    @inline(__always)
    mutating func group(
        of row: Int, _ batch: LogFieldBatch, _ make: (Labels) throws(QueryError) -> Int
    ) throws(QueryError) -> Int {
        var code = 0
        for place in 0..<columns.count {
            code = code &* sizes[place] &+ Int(batch.columns[columns[place]].codes[row])
        }
        if !table.isEmpty {
            if table[code] >= 0 { return Int(table[code]) }
        } else if let known = sparse[code] {
            return Int(known)
        }
        let number = try make(labels(of: row, batch))
        if table.isEmpty {
            sparse[code] = Int32(truncatingIfNeeded: number)
        } else {
            table[code] = Int32(truncatingIfNeeded: number)
        }
        return number
    }

    private func labels(of row: Int, _ batch: LogFieldBatch) -> Labels {
        var key: [UInt8] = []
        for place in 0..<columns.count {
            let column = batch.columns[columns[place]]
            column.withText(Int(column.codes[row])) { value in
                guard !value.isEmpty else { return }
                Varint.append(UInt64(names[place].bytes.count), to: &key)
                key.append(contentsOf: names[place].bytes)
                Varint.append(UInt64(value.count), to: &key)
                key.append(contentsOf: value)
            }
        }
        return Labels(canonicalBytes: key)
    }
}
