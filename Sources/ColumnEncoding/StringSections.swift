import Telemetry

/// Sections of a string table: consecutive entries of a new numbering, in two columns, so that text is
/// compressed apart from what does not compress.
///
/// ```
/// texts  = entries varint │ templates u8 │ (length u8 │ dashes u64)*
///        │ integer column of forms │ integer column of lengths of texts │ texts
/// packed = bytes of the entries that follow a template, one after the other; absent if none
/// ```
/// The form of an entry is 0 for a text, else 1 + the number of its `HexTemplate`.
struct StringSectionEncoder {
    /// A section rarely has more than one or two; beyond, entries are texts.
    static let templatesMax = 15

    private var templates: [HexTemplate] = []
    private var forms: [UInt8] = []
    private var lengths: [UInt32] = []
    private var texts = ByteWriter()
    private(set) var packed = ByteWriter()

    /// - Parameters:
    ///   - ids: entries of `table`, in the order in which they are written.
    ///   - packs: whether ids of hexadecimal digits are written as bytes.
    init(_ ids: ArraySlice<StringID>, of table: StringTable, packs: Bool) {
        forms.reserveCapacity(ids.count)
        lengths.reserveCapacity(ids.count)
        withUnsafeTemporaryAllocation(byteCount: HexTemplate.scratchBytes, alignment: 8) { room in
            guard let scratch = room.baseAddress else { return }
            table.bytes.withUnsafeBytes { bytes in
                for id in ids {
                    let entry = UnsafeRawBufferPointer(rebasing: bytes[table.range(of: id)])
                    if packs { append(entry, scratch) } else { append(text: entry) }
                }
            }
        }
    }

    private mutating func append(
        _ entry: UnsafeRawBufferPointer, _ scratch: UnsafeMutableRawPointer
    ) {
        if HexTemplate.lengths.contains(entry.count) {
            for (number, template) in templates.enumerated()
            where template.pack(entry, scratch, into: &packed) {
                forms.append(UInt8(truncatingIfNeeded: number + 1))
                return
            }
            if templates.count < Self.templatesMax, let template = HexTemplate(of: entry),
                template.pack(entry, scratch, into: &packed)
            {
                templates.append(template)
                forms.append(UInt8(truncatingIfNeeded: templates.count))
                return
            }
        }
        append(text: entry)
    }

    private mutating func append(text entry: UnsafeRawBufferPointer) {
        texts.append(contentsOf: entry)
        forms.append(0)
        lengths.append(UInt32(truncatingIfNeeded: entry.count))
    }

    func encodeTexts(into writer: inout ByteWriter, layout: IntegerLayout) {
        writer.appendVarint(forms.count)
        writer.append(UInt8(truncatingIfNeeded: templates.count))
        for template in templates {
            writer.append(UInt8(truncatingIfNeeded: template.length))
            writer.append(template.dashes)
        }
        IntegerCodec.encode(forms, into: &writer, layout: layout)
        IntegerCodec.encode(lengths, into: &writer, layout: layout)
        writer.append(contentsOf: texts.bytes)
    }
}

/// Reads sections one after the other into one table.
struct StringSectionDecoder {
    private var bytes: [UInt8] = []
    private var ends: [UInt32] = [0]

    var count: Int { ends.count }

    consuming func finish() -> StringTable {
        ends.count == 1 ? StringTable() : StringTable(bytes: bytes, ends: ends)
    }

    /// Adds strings of another kind of section: where each ends in `more`.
    mutating func append(_ more: [UInt8], ends moreEnds: [UInt32]) throws(ColumnDecodeError) {
        guard bytes.count + more.count <= Int(UInt32.max) else {
            throw .corrupt(column: "strings", offset: 0, reason: "strings of more than 4 GiB")
        }
        let start = UInt32(truncatingIfNeeded: bytes.count)
        if bytes.isEmpty { bytes = more } else { bytes.append(contentsOf: more) }
        ends.reserveCapacity(ends.count + moreEnds.count)
        for end in moreEnds { ends.append(start &+ end) }
    }

    mutating func append(
        from reader: inout ByteReader, packed: [UInt8]
    ) throws(ColumnDecodeError) {
        // Every entry but id 0 has at least a byte of text or of what it packs into.
        let count = try reader.readCount(atMost: reader.remaining + packed.count)
        let templates = try readTemplates(&reader)
        let forms: [UInt8] = try IntegerCodec.decode(from: &reader, count: count)
        let lengths: [UInt32] = try IntegerCodec.decode(
            from: &reader, count: forms.count { $0 == 0 })
        let total = try measure(forms, lengths, templates, reader, packedCount: packed.count)
        guard bytes.count + total <= Int(UInt32.max) else {
            throw reader.corrupt("strings of more than 4 GiB")
        }
        let texts = try reader.read(reader.remaining)
        ends.reserveCapacity(ends.count + count)
        bytes.append(addingCapacity: total) { span in
            span.withUnsafeMutableBufferPointer { out, filled in
                packed.withUnsafeBytes { packed in
                    guard let out = out.baseAddress else { return }
                    Self.unpack(forms, lengths, templates, texts, packed, into: out)
                }
                filled = total
            }
        }
        appendEnds(forms, lengths, templates)
    }

    func readTemplates(
        _ reader: inout ByteReader
    ) throws(ColumnDecodeError) -> [HexTemplate] {
        var templates: [HexTemplate] = []
        for _ in 0..<(try reader.readByte()) {
            let length = Int(try reader.readByte())
            guard let template = HexTemplate(length: length, dashes: try reader.readUInt64())
            else { throw reader.corrupt("template of \(length) characters") }
            templates.append(template)
        }
        return templates
    }

    /// Checks that the entries take up all texts and packed bytes exactly; returns their total length.
    func measure(
        _ forms: [UInt8], _ lengths: [UInt32], _ templates: [HexTemplate], _ reader: ByteReader,
        packedCount: Int
    ) throws(ColumnDecodeError) -> Int {
        var texts = 0
        for length in lengths {
            guard length > 0 else { throw reader.corrupt("empty string") }
            texts += Int(length)
        }
        var packed = 0
        var unpacked = 0
        for form in forms where form > 0 {
            guard form <= templates.count else { throw reader.corrupt("template \(form)") }
            packed += templates[Int(form) - 1].packedCount
            unpacked += templates[Int(form) - 1].length
        }
        guard texts == reader.remaining, packed == packedCount else {
            throw reader.corrupt(
                "strings take \(texts) + \(packed) bytes of \(reader.remaining) + \(packedCount)")
        }
        return texts + unpacked
    }

    private static func unpack(
        _ forms: [UInt8], _ lengths: [UInt32], _ templates: [HexTemplate],
        _ texts: UnsafeRawBufferPointer, _ packed: UnsafeRawBufferPointer,
        into out: UnsafeMutablePointer<UInt8>
    ) {
        withUnsafeTemporaryAllocation(byteCount: HexTemplate.scratchBytes, alignment: 8) { room in
            var (text, textEnd, packedOffset, end) = (0, 0, 0, 0)
            var index = 0
            while index < forms.count {
                let start = textEnd
                // Neighbouring texts are one copy.
                while index < forms.count, forms[index] == 0 {
                    textEnd += Int(lengths[text])
                    text += 1
                    index += 1
                }
                if textEnd > start {
                    UnsafeMutableRawBufferPointer(start: out + end, count: textEnd - start)
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: texts[start..<textEnd]))
                    end += textEnd - start
                }
                guard index < forms.count, let source = packed.baseAddress,
                    let scratch = room.baseAddress
                else { return }
                let template = templates[Int(forms[index]) - 1]
                template.unpack(source + packedOffset, scratch, into: out + end)
                packedOffset += template.packedCount
                end += template.length
                index += 1
            }
        }
    }

    private mutating func appendEnds(
        _ forms: [UInt8], _ lengths: [UInt32], _ templates: [HexTemplate]
    ) {
        var end = ends.last ?? 0
        var text = 0
        for form in forms {
            if form == 0 {
                end += lengths[text]
                text += 1
            } else {
                end += UInt32(truncatingIfNeeded: templates[Int(form) - 1].length)
            }
            ends.append(end)
        }
    }
}
