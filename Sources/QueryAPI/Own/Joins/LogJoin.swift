import QueryCore
import Store
import Telemetry

/// Leads from rows of access logs to their spans and back. Rows of proxies that log no ids (Istio's own
/// formats, Envoy's local replies) are led by their request id, those of TCP connections by the addresses
/// that a row of the next or the previous hop has too.
struct LogJoin {
    let spans: any SpanStore
    let logs: any LogStore
    let context: QueryContext

    /// How far from a row's time, beyond what it took, its span, or the row on the other side of its
    /// connection, may have begun: connections live long.
    static let windowNanoseconds: Int64 = 300_000_000_000
    /// The same for a row that was written at its end and does not tell how long it took, once nothing
    /// nearer is found.
    private static let longWindowNanoseconds: Int64 = 6 * 3_600_000_000_000
    /// Rows of one connection that are looked at.
    private static let connectionRowsMax = 100
    /// Request ids of one trace that rows are looked for by: each is a scan.
    private static let requestIDsMax = 50
    /// Where Envoy's tracers put it, and OpenTelemetry's semantic conventions.
    static let requestIDKeys = [
        "guid:x-request-id", "http.request.header.x-request-id", "x-request-id",
    ]

    // MARK: From a row

    func spans(of row: LogRowIdentity) throws -> [JoinedSpan] {
        let direct = try directSpans(of: row)
        guard direct.isEmpty else { return direct }
        var found: [JoinedSpan] = []
        for other in try rows(connectedWith: row) {
            for span in try directSpans(of: other)
            where !found.contains(where: {
                $0.traceID == span.traceID && $0.spanID == span.spanID
            }) {
                found.append(
                    JoinedSpan(traceID: span.traceID, spanID: span.spanID, way: .connection))
            }
        }
        return found
    }

    /// By what the row itself says.
    private func directSpans(of row: LogRowIdentity) throws -> [JoinedSpan] {
        if row.traceID.isValid {
            let trace = try spans.trace(row.traceID)
            if let found = Self.span(of: row, in: trace) { return [found] }
        }
        if !row.requestID.isEmpty {
            let near = Self.window(of: row)
            let far = TimeRange(
                start: row.time.advanced(byNanoseconds: -Self.longWindowNanoseconds),
                end: near.start)
            for range in row.duration > 0 ? [near] : [near, far] {
                let found = try span(ofRequest: row.requestID, in: range, near: row.time)
                if let found { return [found] }
            }
        }
        guard row.traceID.isShort else { return [] }
        return try span(ofShortTrace: row).map { [$0] } ?? []
    }

    /// The span of a row with the lower half of its trace id, as 64-bit B3 has it.
    private func span(ofShortTrace row: LogRowIdentity) throws -> JoinedSpan? {
        var trace: TraceID?
        var failure: QueryError?
        try spans.scanSpans(SpanPredicate([]), in: Self.window(of: row), fields: .identity) {
            batch, _ in
            guard goesOn(&failure) else { return false }
            let found = batch.traceIDs.first { $0.low == row.traceID.low }
            trace = found ?? trace
            return trace == nil
        }
        if let failure { throw failure }
        return try trace.flatMap { Self.span(of: row, in: try spans.trace($0)) }
    }

    static func span(of row: LogRowIdentity, in trace: SpanBatch) -> JoinedSpan? {
        func joined(_ index: Int, _ way: JoinedSpan.Way) -> JoinedSpan {
            JoinedSpan(traceID: trace.traceIDs[index], spanID: trace.spanIDs[index], way: way)
        }
        func nearest(_ isWanted: (Int) -> Bool) -> Int? {
            (0..<trace.count).filter(isWanted).min {
                distance(trace.starts[$0], row.time) < distance(trace.starts[$1], row.time)
            }
        }
        if row.spanID.isValid {
            if let index = nearest({ trace.spanIDs[$0] == row.spanID }) {
                return joined(index, .spanID)
            }
            if let index = nearest({ trace.parentIDs[$0] == row.spanID }) {
                return joined(index, .parentID)
            }
        }
        if !row.requestID.isEmpty,
            let index = nearest({ requestIDs(of: trace, row: $0).contains(row.requestID) })
        {
            return joined(index, .requestID)
        }
        return nearest { _ in true }.map { joined($0, .traceID) }
    }

    private static func distance(_ a: Timestamp, _ b: Timestamp) -> UInt64 {
        a.nanoseconds(since: b).magnitude
    }

    private static func requestIDs(of trace: SpanBatch, row: Int) -> [String] {
        trace.attributeRange(row).compactMap { cell in
            guard requestIDKeys.contains(trace.strings[trace.attributes.keys[cell]]) else {
                return nil
            }
            switch trace.attributes.value(at: cell, strings: trace.strings) {
            case .string(let text): return text
            case .array(let list): return list.first?.text
            default: return nil
            }
        }
    }

    /// The span with that request id that began nearest to `time`: hops of one request share it.
    private func span(
        ofRequest id: String, in range: TimeRange, near time: Timestamp
    ) throws -> JoinedSpan? {
        var best: (span: JoinedSpan, distance: UInt64)?
        for key in Self.requestIDKeys {
            let predicate = SpanPredicate([.attribute(.span, key: key, .text(id))])
            var failure: QueryError?
            try spans.scanSpans(predicate, in: range, fields: .identity) { batch, _ in
                guard goesOn(&failure) else { return false }
                for row in 0..<batch.count {
                    let distance = Self.distance(batch.starts[row], time)
                    guard distance < best?.distance ?? .max else { continue }
                    let span = JoinedSpan(
                        traceID: batch.traceIDs[row], spanID: batch.spanIDs[row], way: .requestID)
                    best = (span, distance)
                }
                return true
            }
            if let failure { throw failure }
            if best != nil { break }
        }
        return best?.span
    }

    /// Rows of the next hop, which has our upstream address as its client's, and of the previous one.
    private func rows(connectedWith row: LogRowIdentity) throws -> [LogRowIdentity] {
        var found: [LogRowIdentity] = []
        for address in Set([row.upstream, row.downstream]) where Endpoint.hasPort(address) {
            try scanLogs(holding: address, in: Self.window(of: row)) { batch in
                for index in 0..<batch.count where found.count < Self.connectionRowsMax {
                    let other = LogRowIdentity(batch, row: index)
                    let isNeighbour =
                        !row.upstream.isEmpty && other.downstream == row.upstream
                        || !row.downstream.isEmpty && other.upstream == row.downstream
                    if isNeighbour { found.append(other) }
                }
            }
        }
        return found
    }

    // MARK: From a trace

    /// Hands out the rows of a trace that do not have its id: by request ids and, for one span, rows of the
    /// connections of the span's rows, of which some are `known`.
    func rows(
        of trace: SpanBatch, connectionsOf wanted: SpanID?, known: [LogRowIdentity],
        _ take: (_ batch: LogBatch, _ row: Int, _ spans: [JoinedSpan]) -> Void
    ) throws {
        guard let first = trace.starts.min(),
            let last = (0..<trace.count).lazy.map({ trace.end($0) }).max()
        else { return }
        // Rows are written at the beginning or at the end of what they are about.
        let range = Self.window(around: first, last)
        var rows = known
        try shortTraceRows(of: trace, in: range) { batch, row, identity, span in
            if span.spanID == wanted { rows.append(identity) }
            take(batch, row, [span])
        }
        var elsewhere: [TraceID: Bool] = [:]
        let ids = Set((0..<trace.count).flatMap { Self.requestIDs(of: trace, row: $0) })
        let identifiers = ids.sorted().prefix(Self.requestIDsMax).flatMap { id in
            LogRowIdentity.requestIDNames.compactMap { LogIdentifier(name: $0, value: id) }
        }
        for identifier in identifiers {
            let id = identifier.value
            try scanLogs(LogPredicate(identifiers: [identifier]), in: range) { batch in
                for row in 0..<batch.count where !trace.traceIDs.contains(batch.traceIDs[row]) {
                    let identity = LogRowIdentity(batch, row: row)
                    if isOfOther(identity.traceID, than: trace, &elsewhere) { continue }
                    guard identity.requestID == id, identity.requestIDName == identifier.name,
                        let span = Self.span(of: identity, in: trace)
                    else { continue }
                    if span.spanID == wanted { rows.append(identity) }
                    take(batch, row, [span])
                }
            }
        }
        try connections(of: rows, in: trace, range, take)
    }

    /// Whether a row's trace id leads to spans of its own, or is the short form of that of `trace`, whose rows
    /// have been handed out.
    private func isOfOther(
        _ id: TraceID, than trace: SpanBatch, _ known: inout [TraceID: Bool]
    ) -> Bool {
        guard id.isValid else { return false }
        if let verdict = known[id] { return verdict }
        let isShortForm = id.isShort && trace.traceIDs.contains { $0.low == id.low }
        var verdict = isShortForm
        if !verdict {
            do throws(StoreError) { verdict = try spans.trace(id).count > 0 } catch {
                // Then nothing says that it is not.
                verdict = false
            }
        }
        known[id] = verdict
        return verdict
    }

    /// Rows with the lower half of the trace's id.
    private func shortTraceRows(
        of trace: SpanBatch, in range: TimeRange,
        _ take: (LogBatch, Int, LogRowIdentity, JoinedSpan) -> Void
    ) throws {
        guard let id = trace.traceIDs.first, !id.isShort, id.low != 0 else { return }
        let short = TraceID(high: 0, low: id.low)
        try scanLogs(LogPredicate(traceID: short), in: range) { batch in
            for row in 0..<batch.count {
                let identity = LogRowIdentity(batch, row: row)
                guard let span = Self.span(of: identity, in: trace) else { continue }
                take(batch, row, identity, span)
            }
        }
    }

    /// Rows without ids whose connections the rows of a trace came over or left by.
    private func connections(
        of rows: [LogRowIdentity], in trace: SpanBatch, _ range: TimeRange,
        _ take: (_ batch: LogBatch, _ row: Int, _ spans: [JoinedSpan]) -> Void
    ) throws {
        let addresses = Set(rows.flatMap { [$0.downstream, $0.upstream] }.filter(Endpoint.hasPort))
        for address in addresses.sorted().prefix(Self.requestIDsMax) {
            try scanLogs(holding: address, in: range) { batch in
                for row in 0..<batch.count where !batch.traceIDs[row].isValid {
                    let identity = LogRowIdentity(batch, row: row)
                    guard identity.requestID.isEmpty,
                        identity.upstream == address || identity.downstream == address
                    else { continue }
                    let spans = rows.filter {
                        identity.upstream == address && $0.downstream == address
                            || identity.downstream == address && $0.upstream == address
                    }.compactMap { Self.span(of: $0, in: trace) }
                    guard !spans.isEmpty else { continue }
                    var unique: [JoinedSpan] = []
                    for span in spans where !unique.contains(where: { $0.spanID == span.spanID }) {
                        unique.append(
                            JoinedSpan(
                                traceID: span.traceID, spanID: span.spanID, way: .connection))
                    }
                    take(batch, row, unique)
                }
            }
        }
    }

    // MARK: Scans

    private static func window(around first: Timestamp, _ last: Timestamp) -> TimeRange {
        TimeRange(
            start: first.advanced(byNanoseconds: -windowNanoseconds),
            end: last.advanced(byNanoseconds: windowNanoseconds))
    }

    /// What a row is about lies within, and what is connected with it.
    private static func window(of row: LogRowIdentity) -> TimeRange {
        window(
            around: row.time.advanced(byNanoseconds: -row.duration),
            row.time.advanced(byNanoseconds: row.duration))
    }

    /// Records that may hold an address, in whatever way of writing it.
    private func scanLogs(
        holding address: String, in range: TimeRange, _ take: (LogBatch) -> Void
    ) throws {
        try scanLogs(LogPredicate(requiredTexts: [Endpoint.core(of: address)]), in: range, take)
    }

    private func scanLogs(
        _ predicate: LogPredicate, in range: TimeRange, _ take: (LogBatch) -> Void
    ) throws {
        var failure: QueryError?
        try logs.scanLogs(predicate, in: range, direction: .oldestFirst) { batch, _ in
            guard goesOn(&failure) else { return false }
            take(batch)
            return true
        }
        if let failure { throw failure }
    }

    /// False when the query is cancelled or late.
    private func goesOn(_ failure: inout QueryError?) -> Bool {
        do throws(QueryError) { try context.check() } catch {
            failure = error
            return false
        }
        return true
    }
}

extension TraceID {
    /// Whether it may be the lower half of another.
    fileprivate var isShort: Bool { high == 0 && low != 0 }
}
