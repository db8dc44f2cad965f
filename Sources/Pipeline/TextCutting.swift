import Store
import Telemetry

/// Cuts texts of spans that are longer than allowed, at the boundary of a character, and says at the span,
/// resource or scope which ones it cut and how long they were (`SpanNote.truncated`).
struct TextCutting {
    /// Bytes.
    let limit: Int

    /// Names and lengths in one note; how many there are beyond is told.
    private static let namedMax = 32
    /// Of a name of an attribute, which may be cut as well.
    private static let nameBytesMax = 200

    /// The batch, and how often a text was cut in it. What was cut away is in no string of the batch.
    func apply(to batch: SpanBatch) -> (batch: SpanBatch, count: Int) {
        guard batch.strings.byteCount > limit else { return (batch, 0) }
        let long = (0..<batch.strings.count).map { StringID(truncatingIfNeeded: $0) }
            .filter { batch.strings.range(of: $0).count > limit }
        guard !long.isEmpty else { return (batch, 0) }
        var work = Work(batch: batch, limit: limit, long: Set(long))
        work.cutShared()
        work.cutSpans()
        // Only strings that rows refer to are carried over.
        return (work.batch.rows(0..<work.batch.count), work.count)
    }

    /// Names of the texts that were cut in one place.
    private struct Cuts {
        var names: [String] = []
        var count = 0

        mutating func add(_ name: String, bytes: Int) {
            count += 1
            guard names.count < TextCutting.namedMax else { return }
            names.append("\(name) was cut from \(bytes) bytes")
        }

        var note: AttributeValue {
            let more = count - names.count
            return .array((names + (more > 0 ? ["\(more) more"] : [])).map { .string($0) })
        }
    }

    private struct Work {
        var batch: SpanBatch
        let limit: Int
        let long: Set<StringID>
        var count = 0
        private var cutTexts: [StringID: StringID] = [:]

        init(batch: SpanBatch, limit: Int, long: Set<StringID>) {
            self.batch = batch
            self.limit = limit
            self.long = long
        }

        // MARK: Places

        mutating func cutShared() {
            for index in batch.shared.resources.indices {
                var cuts = Cuts()
                var entry = batch.shared.resources[index]
                entry.schemaURL = cut(entry.schemaURL, "schema URL", &cuts)
                entry.attributes = cutShared(entry.attributes, &cuts)
                batch.shared.resources[index] = entry
            }
            for index in batch.shared.scopes.indices {
                var cuts = Cuts()
                var entry = batch.shared.scopes[index]
                entry.name = cut(entry.name, "scope name", &cuts)
                entry.version = cut(entry.version, "scope version", &cuts)
                entry.schemaURL = cut(entry.schemaURL, "schema URL", &cuts)
                entry.attributes = cutShared(entry.attributes, &cuts)
                batch.shared.scopes[index] = entry
            }
        }

        /// With a note the cells move to the end.
        private mutating func cutShared(_ cells: Range<Int>, _ cuts: inout Cuts) -> Range<Int> {
            var columns = batch.shared.attributes
            for cell in cells { cut(cell, of: &columns, &cuts) }
            guard cuts.count > 0 else { return cells }
            let start = columns.count
            for cell in cells {
                columns.append(
                    key: columns.keys[cell], type: columns.types[cell],
                    payload: columns.payloads[cell])
            }
            note(cuts, in: &columns)
            batch.shared.attributes = columns
            return start..<columns.count
        }

        mutating func cutSpans() {
            var attributes = AttributeColumns()
            attributes.reserveCapacity(batch.attributes.count)
            var events = batch.events
            var links = batch.links
            var ends = batch.attributeEnds
            for row in 0..<batch.count {
                var cuts = Cuts()
                batch.names[row] = cut(batch.names[row], "span name", &cuts)
                batch.statusMessages[row] = cut(batch.statusMessages[row], "status message", &cuts)
                batch.traceStates[row] = cut(batch.traceStates[row], "trace state", &cuts)
                for event in batch.eventRange(row) {
                    events.names[event] = cut(events.names[event], "event name", &cuts)
                    for cell in events.attributeRange(event) {
                        cut(cell, of: &events.attributes, &cuts)
                    }
                }
                for link in batch.linkRange(row) {
                    links.traceStates[link] = cut(
                        links.traceStates[link], "trace state of a link", &cuts)
                    for cell in links.attributeRange(link) {
                        cut(cell, of: &links.attributes, &cuts)
                    }
                }
                for cell in batch.attributeRange(row) {
                    attributes.append(
                        key: batch.attributes.keys[cell], type: batch.attributes.types[cell],
                        payload: batch.attributes.payloads[cell])
                    cut(attributes.count - 1, of: &attributes, &cuts)
                }
                if cuts.count > 0 { note(cuts, in: &attributes) }
                ends[row] = UInt32(truncatingIfNeeded: attributes.count)
            }
            batch.attributes = attributes
            batch.attributeEnds = ends
            batch.events = events
            batch.links = links
        }

        // MARK: Texts

        private mutating func cut(
            _ id: StringID, _ name: String, _ cuts: inout Cuts
        ) -> StringID {
            guard long.contains(id) else { return id }
            cuts.add(name, bytes: batch.strings.range(of: id).count)
            count += 1
            return cutText(id)
        }

        private mutating func cut(
            _ cell: Int, of columns: inout AttributeColumns, _ cuts: inout Cuts
        ) {
            columns.keys[cell] = cut(columns.keys[cell], "the name of an attribute", &cuts)
            let id = StringID(truncatingIfNeeded: columns.payloads[cell])
            guard columns.types[cell].isInterned, long.contains(id) else { return }
            cuts.add(name(columns.keys[cell]), bytes: batch.strings.range(of: id).count)
            count += 1
            let left: StringID
            switch columns.types[cell] {
            case .bytes:
                let bytes = batch.strings.withBytes(of: id) { Array($0.prefix(limit)) }
                left = batch.strings.intern(bytes: bytes)
            case .array, .map:
                // Half a list cannot be read: its text is kept as far as it goes.
                let text = columns.value(at: cell, strings: batch.strings).text
                left = Array(text.utf8).withUnsafeBytes { batch.strings.intern(prefix($0)) }
                columns.types[cell] = .string
            default: left = cutText(id)
            }
            columns.payloads[cell] = UInt64(left)
        }

        private mutating func cutText(_ id: StringID) -> StringID {
            if let known = cutTexts[id] { return known }
            let text = batch.strings.withBytes(of: id) { Array(prefix($0)) }
            let cut = text.withUnsafeBytes { batch.strings.intern($0) }
            cutTexts[id] = cut
            return cut
        }

        /// As many whole characters as fit.
        private func prefix(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            guard text.count > limit else { return text }
            var end = limit
            while end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
            return UnsafeRawBufferPointer(rebasing: text[..<end])
        }

        private func name(_ key: StringID) -> String {
            batch.strings.withBytes(of: key) {
                String(decoding: $0.prefix(TextCutting.nameBytesMax), as: UTF8.self)
            }
        }

        private mutating func note(_ cuts: Cuts, in columns: inout AttributeColumns) {
            columns.append(
                key: SpanNote.truncated, value: cuts.note, strings: &batch.strings)
        }
    }
}
