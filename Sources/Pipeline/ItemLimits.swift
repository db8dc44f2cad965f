import Telemetry

extension Stage where Batch == SpanBatch {
    /// Refuses spans that start or end too far in the future or that ended before the retention horizon,
    /// and cuts texts that are too long.
    package static func limits(_ limits: IngestLimits) -> Stage {
        Stage("limits") { batch, now, tally in
            let accepted = AcceptedTimes(limits, retention: limits.spanRetention, now: now)
            var refused: [Int] = []
            for row in 0..<batch.count {
                if batch.starts[row] > accepted.latest {
                    tally.add(
                        .tooFarInFuture, row: row,
                        example: "span \(batch.spanIDs[row]) at \(batch.starts[row].nanoseconds) ns"
                    )
                } else if batch.end(row) < accepted.earliest {
                    tally.add(
                        .beforeRetention, row: row,
                        example: "span \(batch.spanIDs[row]) at \(batch.starts[row].nanoseconds) ns"
                    )
                } else if batch.end(row) > accepted.latest {
                    // It was sent before it can have ended; its length would drown every sum.
                    tally.add(
                        .endTooFarInFuture, row: row,
                        example: "span \(batch.spanIDs[row]) of \(batch.durations[row]) ns")
                } else {
                    continue
                }
                refused.append(row)
            }
            let left = refused.isEmpty ? batch : batch.rows(kept(of: batch.count, refused))
            let cut = TextCutting(limit: limits.textBytesMax).apply(to: left)
            tally.cutTexts += cut.count
            return cut.batch
        }
    }
}

extension Stage where Batch == LogBatch {
    /// Refuses records that are too far in the future, before the retention horizon, or too long.
    package static func limits(_ limits: IngestLimits) -> Stage {
        Stage("limits") { batch, now, tally in
            let accepted = AcceptedTimes(limits, retention: limits.logRetention, now: now)
            let long = LongTexts(in: batch.strings, limit: limits.textBytesMax)
            var refused: [Int] = []
            for row in 0..<batch.count {
                let time = batch.times[row]
                if time > accepted.latest {
                    tally.add(
                        .tooFarInFuture, row: row,
                        example: "record \(row) at \(time.nanoseconds) ns")
                } else if time < accepted.earliest {
                    tally.add(
                        .beforeRetention, row: row,
                        example: "record \(row) at \(time.nanoseconds) ns")
                } else if !long.isEmpty, long.occur(in: batch, row: row) {
                    tally.add(.textTooLong, row: row, example: "record \(row)")
                } else {
                    continue
                }
                refused.append(row)
            }
            return refused.isEmpty ? batch : batch.rows(kept(of: batch.count, refused))
        }
    }
}

/// The rows that are not in `refused`, which is sorted.
private func kept(of count: Int, _ refused: [Int]) -> [Int] {
    var rows: [Int] = []
    rows.reserveCapacity(count - refused.count)
    var next = refused[...]
    for row in 0..<count {
        if next.first == row { next.removeFirst() } else { rows.append(row) }
    }
    return rows
}

/// The interned texts of a batch that are longer than allowed. Empty for nearly every batch, so that
/// rows are looked at only where something must go.
private struct LongTexts {
    private var ids: Set<StringID> = []

    init(in strings: StringTable, limit: Int) {
        guard strings.byteCount > limit else { return }
        for index in 0..<strings.count {
            let id = StringID(truncatingIfNeeded: index)
            if strings.range(of: id).count > limit { ids.insert(id) }
        }
    }

    var isEmpty: Bool { ids.isEmpty }

    func occur(in batch: LogBatch, row: Int) -> Bool {
        let body = StringID(truncatingIfNeeded: batch.bodyPayloads[row])
        return batch.bodyTypes[row].isInterned && ids.contains(body)
            || ids.contains(batch.severityTexts[row]) || ids.contains(batch.eventNames[row])
            || occur(in: batch.attributes, batch.attributeRange(row))
            || occur(
                in: batch.shared, resource: batch.resourceIndices[row],
                scope: batch.scopeIndices[row])
    }

    private func occur(in shared: SharedColumns, resource: UInt32, scope: UInt32) -> Bool {
        let (resource, scope) = (shared.resources[Int(resource)], shared.scopes[Int(scope)])
        return ids.contains(resource.schemaURL) || ids.contains(scope.name)
            || ids.contains(scope.version) || ids.contains(scope.schemaURL)
            || occur(in: shared.attributes, resource.attributes)
            || occur(in: shared.attributes, scope.attributes)
    }

    private func occur(in columns: AttributeColumns, _ cells: Range<Int>) -> Bool {
        cells.contains { cell in
            ids.contains(columns.keys[cell])
                || columns.types[cell].isInterned
                    && ids.contains(StringID(truncatingIfNeeded: columns.payloads[cell]))
        }
    }
}
