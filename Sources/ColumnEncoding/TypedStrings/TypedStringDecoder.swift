import Telemetry

/// Reads what `TypedStringEncoder` wrote: the strings of a section, one after the other.
struct TypedStringDecoder {
    private let container: ColumnContainerReader
    private let lists: [[UInt8]]
    private(set) var bytes: [UInt8] = []
    /// Where each string ends in `bytes`.
    private(set) var ends: [UInt32] = []

    struct Head {
        var forms: [StringForm]
        /// 0 for a text, else 1 + the form of each entry.
        var numbers: [UInt8]
        var lengths: [UInt32]
        var texts: [UInt8]
    }

    /// What the strings of one form are made from, and how many of them have been.
    struct Source {
        var bytes: [UInt8] = []
        var columns: [[Int64]] = []
        var next = 0
    }

    /// - Parameter lists: those that the section was written with.
    init(_ container: ColumnContainerReader, lists: [[UInt8]]) {
        self.container = container
        self.lists = lists
    }

    /// - Returns: false if there is no such section.
    mutating func read(head: UInt32, columns: UInt32) throws(ColumnDecodeError) -> Bool {
        let lists = lists
        let found = try container.read(head, "strings \(head)") {
            (reader) throws(ColumnDecodeError) in try Self.head(&reader, lists: lists.count)
        }
        guard let found else { return false }
        var counts = [Int](repeating: 0, count: found.forms.count + 1)
        for number in found.numbers {
            guard Int(number) < counts.count else { throw Self.corrupt("form \(number)") }
            counts[Int(number)] += 1
        }
        var sources: [Source] = []
        var column = columns
        for (index, form) in found.forms.enumerated() {
            sources.append(try source(of: form, from: column, count: counts[index + 1]))
            column += UInt32(truncatingIfNeeded: form.columns)
        }
        try assemble(found, &sources)
        return true
    }

    private static func corrupt(_ reason: String) -> ColumnDecodeError {
        .corrupt(column: "strings", offset: 0, reason: reason)
    }

    static func head(
        _ reader: inout ByteReader, lists: Int
    ) throws(ColumnDecodeError) -> Head {
        let count = try reader.readCount(atMost: ColumnLimits.cellsMax)
        var forms: [StringForm] = []
        for _ in 0..<(try reader.readCount(atMost: StringForm.maximum)) {
            forms.append(try StringForm(from: &reader, lists: lists))
        }
        let numbers: [UInt8] = try IntegerCodec.decode(from: &reader, count: count)
        let lengths: [UInt32] = try IntegerCodec.decode(
            from: &reader, count: numbers.count { $0 == 0 })
        var total = 0
        for length in lengths {
            guard length > 0 else { throw reader.corrupt("empty string") }
            total += Int(length)
        }
        guard total == reader.remaining else {
            throw reader.corrupt("texts of \(total) bytes in \(reader.remaining)")
        }
        let texts = Array(try reader.read(total))
        return Head(forms: forms, numbers: numbers, lengths: lengths, texts: texts)
    }

    private func source(
        of form: StringForm, from column: UInt32, count: Int
    ) throws(ColumnDecodeError) -> Source {
        try Self.source(of: form, from: column, count: count, container) { lists[$0] }
    }

    /// Reads what the `count` strings of a form are made from.
    /// - Parameter list: the ids of a list as bytes.
    static func source(
        of form: StringForm, from column: UInt32, count: Int, _ container: ColumnContainerReader,
        list idBytes: (Int) throws(ColumnDecodeError) -> [UInt8]
    ) throws(ColumnDecodeError) -> Source {
        var source = Source()
        switch form {
        case .hex(let template, let list):
            if let list {
                source.bytes = try idBytes(list)
            } else {
                source.bytes =
                    try container.read(column, "digits \(column)") {
                        (reader) throws(ColumnDecodeError) -> [UInt8] in
                        Array(try reader.read(reader.remaining))
                    } ?? []
            }
            guard source.bytes.count == count * template.packedCount else {
                throw Self.corrupt("digits of \(source.bytes.count) bytes for \(count) strings")
            }
        case .numbers, .times:
            for index in 0..<form.columns {
                let id = column + UInt32(truncatingIfNeeded: index)
                let values = try container.read(id, "numbers \(id)") {
                    (reader) throws(ColumnDecodeError) -> [Int64] in
                    try IntegerCodec.decode(from: &reader, count: count)
                }
                guard let values else { throw Self.corrupt("numbers \(id) are missing") }
                source.columns.append(values)
            }
        }
        return source
    }

    private mutating func assemble(
        _ head: Head, _ sources: inout [Source]
    ) throws(ColumnDecodeError) {
        let counts = head.numbers.reduce(into: [Int](repeating: 0, count: head.forms.count + 1)) {
            $0[Int($1)] += 1
        }
        var most = head.texts.count
        for (form, count) in zip(head.forms, counts.dropFirst()) { most += form.lengthMax * count }
        guard most <= ColumnLimits.columnBytesMax else {
            throw Self.corrupt("strings of up to \(most) bytes")
        }
        var ends: [UInt32] = []
        ends.reserveCapacity(head.numbers.count)
        bytes = [UInt8](unsafeUninitializedCapacity: most) { out, count in
            guard let start = out.baseAddress else { return }
            var writer = TextWriter(start: UnsafeMutableRawPointer(start))
            head.texts.withUnsafeBytes { texts in
                Self.assemble(head, texts, &sources, into: &writer, &ends)
            }
            count = writer.count
        }
        self.ends = ends
    }

    private static func assemble(
        _ head: Head, _ texts: UnsafeRawBufferPointer, _ sources: inout [Source],
        into writer: inout TextWriter, _ ends: inout [UInt32]
    ) {
        var text = 0
        var textStart = 0
        withUnsafeTemporaryAllocation(byteCount: HexTemplate.scratchBytes, alignment: 8) { room in
            guard let scratch = room.baseAddress else { return }
            for number in head.numbers {
                if number == 0 {
                    let end = textStart + Int(head.lengths[text])
                    writer.put(UnsafeRawBufferPointer(rebasing: texts[textStart..<end]))
                    textStart = end
                    text += 1
                } else {
                    let index = Int(number) - 1
                    put(head.forms[index], &sources[index], scratch, into: &writer)
                }
                ends.append(UInt32(truncatingIfNeeded: writer.count))
            }
        }
    }

    @inline(__always)
    private static func put(
        _ form: StringForm, _ source: inout Source, _ scratch: UnsafeMutableRawPointer,
        into writer: inout TextWriter
    ) {
        put(form, source, at: source.next, scratch, into: &writer)
        source.next += 1
    }

    /// Writes the string of a form that is the `index`-th of its form.
    @inline(__always)
    static func put(
        _ form: StringForm, _ source: Source, at index: Int, _ scratch: UnsafeMutableRawPointer,
        into writer: inout TextWriter
    ) {
        switch form {
        case .hex(let template, _):
            source.bytes.withUnsafeBytes { packed in
                guard let packed = packed.baseAddress else { return }
                template.unpack(
                    packed + index * template.packedCount, scratch, into: writer.position)
            }
            writer.skip(template.length)
        case .times(let digits):
            ClockText.put(source.columns[0][index], digits: digits, into: &writer)
        case .numbers(let literals, let widths):
            for field in 0..<widths.count {
                literals[field].withUnsafeBytes { writer.put($0) }
                let number = source.columns[field][index]
                let width = widths[field]
                writer.put(number, width: width == 0 ? TextPattern.digitCount(number) : width)
            }
            literals[widths.count].withUnsafeBytes { writer.put($0) }
        }
    }
}
