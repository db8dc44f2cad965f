import Telemetry

/// Columns of intrinsics. Those of the trace are missing where the batch is not a whole trace.
extension SpanTable {
    func column(_ intrinsic: Intrinsic, _ rows: [Int]) -> Column {
        switch intrinsic {
        case .duration: .single(rows.map { .duration(batch.durations[$0]) })
        case .name: .single(rows.map { .text(batch.names[$0]) })
        case .status:
            .coded(
                SpanStatus.allCases.map(Cell.status),
                rows.map { UInt32(batch.statuses[$0].rawValue) })
        case .statusMessage: .single(rows.map { .text(batch.statusMessages[$0]) })
        case .kind:
            .coded(SpanKind.allCases.map(Cell.kind), rows.map { UInt32(batch.kinds[$0].rawValue) })
        case .traceID: .single(rows.map { pooled(batch.traceIDs[$0].hex) })
        case .spanID: .single(rows.map { pooled(batch.spanIDs[$0].hex) })
        case .parentID: .single(rows.map { parentID($0) })
        case .instrumentationName:
            .single(rows.map { .text(batch.shared.scopes[Int(batch.scopeIndices[$0])].name) })
        case .instrumentationVersion:
            .single(rows.map { .text(batch.shared.scopes[Int(batch.scopeIndices[$0])].version) })
        case .eventName, .eventTimeSinceStart, .linkTraceID, .linkSpanID:
            repeatedColumn(intrinsic, rows)
        case .rootName, .rootServiceName, .traceDuration, .nestedSetLeft, .nestedSetRight,
            .nestedSetParent, .childCount, .parent:
            traceColumn(intrinsic, rows)
        }
    }

    private func pooled(_ text: String) -> Cell {
        Cell(kind: .string, payload: texts.intern(text))
    }

    private func parentID(_ row: Int) -> Cell {
        let parent = batch.parentIDs[row]
        return pooled(parent.isValid ? parent.hex : "")
    }

    private func repeatedColumn(_ intrinsic: Intrinsic, _ rows: [Int]) -> Column {
        var cells: [Cell] = []
        var ends: [Int] = []
        for row in rows {
            switch intrinsic {
            case .eventName:
                cells += batch.eventRange(row).map { .text(batch.events.names[$0]) }
            case .eventTimeSinceStart:
                cells += batch.eventRange(row).map {
                    .duration(batch.events.times[$0].nanoseconds(since: batch.starts[row]))
                }
            case .linkTraceID:
                cells += batch.linkRange(row).map { pooled(batch.links.traceIDs[$0].hex) }
            default:
                cells += batch.linkRange(row).map { pooled(batch.links.spanIDs[$0].hex) }
            }
            ends.append(cells.count)
        }
        return .repeated(cells, ends: ends)
    }

    private func traceColumn(_ intrinsic: Intrinsic, _ rows: [Int]) -> Column {
        guard let trace else { return .constant(.null) }
        func ofTraces(_ cell: (TraceStructure.Trace) -> Cell) -> Column {
            .coded(trace.traces.map(cell), rows.map { trace.traceOfRow[$0] })
        }
        switch intrinsic {
        case .traceDuration: return ofTraces { .duration($0.duration) }
        case .rootName:
            return ofTraces { $0.root.map { .text(batch.names[$0]) } ?? .null }
        case .rootServiceName:
            return ofTraces { $0.root.map { column(.serviceName, [$0])[0] } ?? .null }
        case .childCount: return .single(rows.map { .int(Int64(trace.childCounts[$0])) })
        case .nestedSetLeft: return .single(rows.map { .int(Int64(nestedSets.left[$0])) })
        case .nestedSetRight: return .single(rows.map { .int(Int64(nestedSets.right[$0])) })
        case .nestedSetParent: return .single(rows.map { .int(Int64(nestedSets.parent[$0])) })
        case .parent: return .single(rows.map { trace.parents[$0] >= 0 ? .other : .null })
        default: return .constant(.null)
        }
    }
}
