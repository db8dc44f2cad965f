import Telemetry

/// Whether a line can be kept as its members alone: only if they render as the bytes that came
/// (`LogLine`), with spaces as one writer puts them. What differs, such as `1.50`, `\/` or a number beyond
/// 64 bits, costs the line its compact form, never a byte.
extension LogLineDecoder {
    /// The spacing of an object that has `token` before a value of `key`; `nil` if none has. A first token
    /// is taken to be of one that has spaces after commas too if it has one after the colon.
    mutating func spacing(
        of token: UnsafeRawBufferPointer, key: StringID, isFirst: Bool
    ) -> LineSpacing? {
        var spacing: LineSpacing = []
        let space = UInt8(ascii: " ")
        if token.last == space { spacing.insert(.afterColons) }
        if isFirst ? token.last == space : token.count > 1 && token[1] == space {
            spacing.insert(.afterCommas)
        }
        scratch.removeAll(keepingCapacity: true)
        if isFirst { scratch.append(UInt8(ascii: "{")) } else { spacing.appendComma(to: &scratch) }
        batch.strings.withBytes(of: key) { JSONText.append(string: $0, to: &scratch) }
        spacing.appendColon(to: &scratch)
        return isScratch(token) ? spacing : nil
    }

    /// Whether a value that stands in the line as `source` renders as the same bytes.
    mutating func rendersAs(
        _ source: UnsafeRawBufferPointer, _ type: AttributeType, _ payload: UInt64,
        _ spacing: LineSpacing
    ) -> Bool {
        scratch.removeAll(keepingCapacity: true)
        JSONText.append(
            type: type, payload: payload, strings: batch.strings, spacing: spacing, to: &scratch)
        return isScratch(source)
    }

    /// What is no UTF-8 cannot be kept as it came in any form.
    private func isScratch(_ source: UnsafeRawBufferPointer) -> Bool {
        let length = scratch.count
        return scratch.withUnsafeBytes { rendered in
            guard let rendered = rendered.baseAddress, let bytes = source.baseAddress else {
                return false
            }
            return length == source.count && BytesEqual.test(rendered, bytes, source.count)
        } || !UTF8Text.isValid(source)
    }
}

extension LogLineDecoder {
    /// Makes the cells of the record since `start` labels, where they are under a label's name.
    mutating func setLabels(from start: Int) {
        guard !labelNames.isEmpty else { return }
        for cell in start..<batch.attributes.count {
            guard let label = labelNames.firstIndex(of: batch.attributes.keys[cell]) else {
                continue
            }
            resources.set(
                label, type: batch.attributes.types[cell],
                payload: batch.attributes.payloads[cell])
        }
    }

    /// Fills the column of the `id` of an object that was just read and began at `start`.
    mutating func recogniseObject(
        _ field: LogField, from start: Int, _ fields: inout LogRecordFields
    ) {
        var object = JSONReader(reader.read(from: start))
        do throws(DecodeError) {
            try object.beginObject()
            while let key = try object.nextKey() {
                let isID = "id" ~= key
                guard isID, try object.peek() == .string else {
                    try object.skipValue()
                    continue
                }
                let text = try object.string()
                fields.recognise(
                    field == .traceObject ? .traceID : .spanID, text, nil, &batch.strings)
            }
        } catch {
            preconditionFailure("BUG: an object that was read cannot be read again: \(error)")
        }
    }
}
