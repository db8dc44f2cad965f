import QueryCore
import Store
import Telemetry

/// Takes the lines that satisfy a query, in the order of the scan.
protocol LineConsumer {
    /// Whether a line of that time matters, asked before anything is done for it.
    func wants(_ time: Timestamp) -> Bool
    /// - Parameter labels: those of the line after the last stage.
    mutating func take(
        _ batch: borrowing LogBatch, row: Int, labels: inout LineLabels
    ) throws(QueryError)
    /// Whether lines at `bound` or beyond it do not matter.
    mutating func isComplete(whenRestIsBeyond bound: Timestamp) -> Bool
}

/// A consumer of which several can share the work.
protocol SharedConsumer: LineConsumer, Sendable {
    /// One that has not taken anything yet.
    func fork() -> Self
    /// Takes over what another one has taken.
    mutating func merge(_ other: Self) throws(QueryError)
    /// Gives back to the query what it was told to hold for what has been taken.
    func release()
}

/// Reads the store and runs the stages of a query on each line.
struct LineScan: Sendable {
    private let pipeline: Pipeline
    private let predicate: LogPredicate
    private let context: QueryContext
    private let rendersAll: Bool
    /// What the consumer looks at, and the stages for it; `nil` is everything.
    private let wanted: WantedNames?
    /// What the stages look at, if lines are worth a look before everything is read from them.
    private let wantedByStages: WantedNames?

    /// - Parameters:
    ///   - needsByteCounts: whether the consumer wants the length of every line.
    ///   - labels: the labels that the consumer looks at; `nil` for all.
    init(
        _ query: LogQuery, needsByteCounts: Bool = false, labels: Set<String>? = nil,
        context: QueryContext
    ) throws(QueryError) {
        let condition = try StreamCondition(query.matchers)
        pipeline = try Pipeline(query.stages)
        predicate = LogPredicate(
            stream: { condition.accepts($0) }, traceID: query.requiredTraceID,
            requiredTexts: query.requiredTexts, identifiers: query.requiredIdentifiers)
        self.context = context
        rendersAll = needsByteCounts || pipeline.readsText
        let lookedAt = query.lookedAtLabels.map { WantedNames($0) }
        if let labels, var names = lookedAt {
            for label in labels { names.insert(label) }
            wanted = names
            wantedByStages = nil
        } else {
            wanted = nil
            wantedByStages =
                pipeline.distinctCount == 0 && query.filtersParsedLabels ? lookedAt : nil
        }
    }

    func run(
        on store: any LogStore, in range: TimeRange, direction: ScanDirection,
        into consumer: inout some LineConsumer
    ) throws(QueryError) {
        guard !range.isEmpty else { return }
        try context.check()
        var failure: QueryError?
        var buffer: [UInt8] = []
        var memory = Memory(pipeline, wanted, wantedByStages, context.startTime)
        do throws(StoreError) {
            try store.scanLogs(predicate, in: range, direction: direction) { batch, bound in
                do throws(QueryError) {
                    try context.check()
                    try take(batch, buffer: &buffer, &memory, into: &consumer)
                } catch {
                    failure = error
                    return false
                }
                return !consumer.isComplete(whenRestIsBeyond: bound)
            }
        } catch {
            throw QueryError(error)
        }
        if let failure { throw failure }
    }

    /// The same for lines in any order: several threads share the work, each with memory and a consumer of its
    /// own for each batch.
    func runShared<Consumer: SharedConsumer>(
        on store: any LogStore, in range: TimeRange, into consumer: inout Consumer
    ) throws(QueryError) {
        // What lines have had before matters.
        guard pipeline.distinctCount == 0 else {
            return try run(on: store, in: range, direction: .oldestFirst, into: &consumer)
        }
        guard !range.isEmpty else { return }
        var failure: QueryError?
        let empty = consumer.fork()
        do throws(StoreError) {
            try store.mapLogs(
                predicate, in: range,
                { (batch) -> Result<Consumer, QueryError> in
                    var part = empty
                    return Result { () throws(QueryError) in
                        try context.check()
                        var buffer: [UInt8] = []
                        var memory = Memory(pipeline, wanted, wantedByStages, context.startTime)
                        do throws(QueryError) {
                            try take(batch, buffer: &buffer, &memory, into: &part)
                        } catch {
                            part.release()
                            throw error
                        }
                        return part
                    }
                },
                collect: { part in
                    do throws(QueryError) {
                        let part = try part.get()
                        defer { part.release() }
                        try consumer.merge(part)
                    } catch {
                        failure = failure ?? error
                    }
                    return failure == nil
                })
        } catch {
            throw QueryError(error)
        }
        if let failure { throw failure }
    }

    /// The same, from columns of fields where the store has them.
    func run(
        on store: any LogStore, in range: TimeRange, direction: ScanDirection,
        by plan: FieldPlan?, into consumer: inout some FieldConsumer
    ) throws(QueryError) {
        guard let plan else {
            return try run(on: store, in: range, direction: direction, into: &consumer)
        }
        guard !range.isEmpty else { return }
        try context.check()
        var failure: QueryError?
        var buffer: [UInt8] = []
        var memory = Memory(pipeline, wanted, wantedByStages, context.startTime)
        do throws(StoreError) {
            try store.scanLogFields(
                plan.request, predicate, in: range, direction: direction
            ) { part, bound in
                do throws(QueryError) {
                    try context.check()
                    switch part {
                    case .rows(let batch):
                        try take(batch, buffer: &buffer, &memory, into: &consumer)
                    case .columns(let fields, let isAccepted):
                        guard plan.isComplete(fields),
                            let rows = plan.selection(fields, isAccepted, in: range)
                        else { return .askForRows }
                        if !rows.isEmpty {
                            switch try consumer.take(fields, rows: rows, plan) {
                            case .done: break
                            case .needs(let rows): return .askFor(rows)
                            case .needsAll: return .askForRows
                            }
                        }
                        context.noteRead(items: fields.count, bytes: 0)
                    }
                } catch {
                    failure = error
                    return .stop
                }
                return consumer.isComplete(whenRestIsBeyond: bound) ? .stop : .goOn
            }
        } catch {
            throw QueryError(error)
        }
        if let failure { throw failure }
    }

    /// Lines may have a thousand fields: few of them take a while.
    private static let rowsBetweenChecks = 32

    private struct Memory {
        var labels = LineLabels()
        var state: PipelineState
        var firstLook: PipelineState

        init(
            _ pipeline: Pipeline, _ wanted: WantedNames?, _ wantedByStages: WantedNames?,
            _ startTime: Timestamp?
        ) {
            state = PipelineState(pipeline, wanted: wanted, startTime: startTime)
            firstLook = PipelineState(pipeline, wanted: wantedByStages, startTime: startTime)
        }
    }

    private func take(
        _ batch: LogBatch, buffer: inout [UInt8], _ memory: inout Memory,
        into consumer: inout some LineConsumer
    ) throws(QueryError) {
        var streams = [Labels?](repeating: nil, count: batch.shared.resources.count)
        memory.state.columns.reset()
        memory.firstLook.columns.reset()
        var renderer = LineRenderer(batch)
        var bytes = 0
        defer { context.noteRead(items: batch.count, bytes: bytes) }
        for row in 0..<batch.count where consumer.wants(batch.times[row]) {
            if row % Self.rowsBetweenChecks == 0 { try context.check() }
            let resource = batch.resourceIndices[row]
            let stream =
                streams[Int(resource)] ?? LogStream.labels(of: batch.resource(at: resource))
            streams[Int(resource)] = stream
            let isAccepted = withLine(of: batch, row: row, &renderer, buffer: &buffer) { line in
                bytes += line.count
                return accepts(line, stream, batch, row: row, &memory)
            }
            if isAccepted { try consumer.take(batch, row: row, labels: &memory.labels) }
        }
    }

    /// Runs the stages; first with no more fields than they look at, where that may spare the rest.
    @inline(__always)
    private func accepts(
        _ line: UnsafeRawBufferPointer, _ stream: Labels, _ batch: LogBatch, row: Int,
        _ memory: inout Memory
    ) -> Bool {
        if let wantedByStages {
            memory.labels.begin(stream: stream, batch, row: row)
            memory.labels.wanted = wantedByStages
            let isPromising = pipeline.accepts(
                line, batch, row: row, labels: &memory.labels, state: &memory.firstLook)
            guard isPromising else { return false }
        }
        memory.labels.begin(stream: stream, batch, row: row)
        memory.labels.wanted = wanted
        return pipeline.accepts(
            line, batch, row: row, labels: &memory.labels, state: &memory.state)
    }

    /// Text bodies are seen where they are; other lines are rendered, those kept as fields only if
    /// somebody looks at the text.
    @inline(__always)
    private func withLine<Result>(
        of batch: LogBatch, row: Int, _ renderer: inout LineRenderer, buffer: inout [UInt8],
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let type = batch.bodyTypes[row]
        if type == .string {
            return batch.strings.withBytes(
                of: StringID(truncatingIfNeeded: batch.bodyPayloads[row]), body)
        }
        buffer.removeAll(keepingCapacity: true)
        if rendersAll || type != .empty { renderer.append(row: row, to: &buffer) }
        return buffer.withUnsafeBytes { body($0) }
    }
}

extension LogQuery {
    /// Texts that every resulting line holds, before anything changes the line.
    var requiredTexts: [String] {
        var texts: [String] = []
        for stage in stages {
            switch stage {
            case .line(let filter):
                guard filter.terms.count == 1, case .text(let text) = filter.terms[0] else {
                    continue
                }
                switch filter.operator {
                case .contains: if !text.isEmpty { texts.append(text) }
                case .matches: texts += RequiredLiterals.of(text)
                default: continue
                }
            case .unpack, .decolorize, .lineFormat: return texts
            default: continue
            }
        }
        return texts
    }

    /// Whether a label filter stands behind a parser.
    var filtersParsedLabels: Bool {
        var hasParser = false
        for stage in stages {
            switch stage {
            case .json, .logfmt, .regexp, .pattern, .unpack: hasParser = true
            case .label where hasParser: return true
            default: continue
            }
        }
        return false
    }

    /// Fields of ids that every resulting line has, by filters with nothing before them but `| json`.
    var requiredIdentifiers: [LogIdentifier] {
        var found: [LogIdentifier] = []
        for stage in stages {
            switch stage {
            case .line: continue
            case .json(let fields, _):
                guard fields.isEmpty else { return found }
            case .label(let filter, _): found += filter.requiredIdentifiers
            default: return found
            }
        }
        return found
    }

    /// The trace that every resulting line belongs to, by a filter before any parser: a field of the
    /// line may have the same name.
    var requiredTraceID: TraceID? {
        for stage in stages {
            switch stage {
            case .label(let filter, _):
                if let trace = filter.requiredTraceID { return trace }
            case .line, .drop, .decolorize: continue
            default: return nil
            }
        }
        return nil
    }
}

extension LabelFilter {
    fileprivate var requiredIdentifiers: [LogIdentifier] {
        switch self {
        case .text(let matcher):
            guard matcher.operator == .equal else { return [] }
            return LogIdentifier(name: matcher.name, value: matcher.value).map { [$0] } ?? []
        case .all(let parts): return parts.flatMap(\.requiredIdentifiers)
        case .quantity, .address, .any: return []
        }
    }

    fileprivate var requiredTraceID: TraceID? {
        switch self {
        case .text(let matcher):
            guard matcher.name == LineLabels.traceID, matcher.operator == .equal else { return nil }
            do throws(IdentifierError) {
                let trace = try TraceID(hex: matcher.value)
                return trace.isValid && trace.hex == matcher.value ? trace : nil
            } catch {
                return nil
            }
        case .quantity, .address, .any: return nil
        case .all(let parts): return parts.lazy.compactMap(\.requiredTraceID).first
        }
    }
}
