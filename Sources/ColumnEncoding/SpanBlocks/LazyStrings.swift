import Telemetry

/// The strings of an encoded batch, found one by one: sections are expanded and indexed, but nothing is
/// unpacked or copied before somebody asks for an entry.
///
/// A search looks at a handful of the thousands of strings of a block; see `StringSectionEncoder` for
/// the form.
struct LazyStrings {
    private struct Section {
        /// The id of its first entry.
        var first: Int
        var forms: [UInt8]
        /// Where each entry starts: in `texts` for form 0, else in `packed`.
        var starts: [UInt32]
        /// Lengths of the entries of form 0, 0 for others.
        var lengths: [UInt32]
        var templates: [HexTemplate]
        var texts: [UInt8]
        var packed: [UInt8]
    }

    private var sections: [Section] = []
    /// Sections by form, each with the id of its first entry; a batch has sections of one kind only.
    private var typed: [(first: Int, strings: LazyTypedStrings)] = []
    /// Ids below this are known. Zero is the empty string.
    private(set) var count = 1

    var memoryBytes: Int {
        sections.reduce(0) { $0 + 9 * $1.forms.count + $1.texts.count + $1.packed.count }
    }

    mutating func append(
        _ id: StringSectionIDs, from container: ColumnContainerReader
    ) throws(ColumnDecodeError) {
        let packed =
            try container.read(id.packed, "packed strings \(id.packed)") {
                (reader) throws(ColumnDecodeError) -> [UInt8] in
                let count = reader.remaining
                return Array(try reader.read(count))
            } ?? []
        let first = count
        let section = try container.read(id.texts, "strings \(id.texts)") {
            (reader) throws(ColumnDecodeError) -> Section in
            try Self.section(&reader, packed, first: first)
        }
        guard let section else {
            guard packed.isEmpty else {
                throw .corrupt(
                    column: "strings \(id.texts)", offset: 0, reason: "packed strings without texts"
                )
            }
            return
        }
        count += section.forms.count
        sections.append(section)
    }

    /// Adds a section by forms, if there is one.
    mutating func append(_ section: LazyTypedStrings?) {
        guard let section else { return }
        typed.append((first: count, strings: section))
        count += section.count
    }

    /// Why strings could not be made and are empty.
    var failure: ColumnDecodeError? { typed.lazy.compactMap(\.strings.failure).first }

    /// The ids, ascending, of strings that hold a piece of a line; `nil` if sections of the older kind
    /// would have to be looked through.
    func ids(holding piece: LinePiece) -> [StringID]? {
        guard sections.isEmpty else { return nil }
        var found: [StringID] = []
        for (first, strings) in typed {
            found += strings.entries(holding: piece).map {
                StringID(truncatingIfNeeded: first + $0)
            }
        }
        return found
    }

    private static func section(
        _ reader: inout ByteReader, _ packed: [UInt8], first: Int
    ) throws(ColumnDecodeError) -> Section {
        let parser = StringSectionDecoder()
        let count = try reader.readCount(atMost: reader.remaining + packed.count)
        let templates = try parser.readTemplates(&reader)
        let forms: [UInt8] = try IntegerCodec.decode(from: &reader, count: count)
        let textLengths: [UInt32] = try IntegerCodec.decode(
            from: &reader, count: forms.count { $0 == 0 })
        _ = try parser.measure(forms, textLengths, templates, reader, packedCount: packed.count)
        let texts = Array(try reader.read(reader.remaining))
        var starts = [UInt32](repeating: 0, count: count)
        var lengths = starts
        var (text, textEnd, packedEnd): (Int, UInt32, UInt32) = (0, 0, 0)
        for entry in 0..<count {
            let form = forms[entry]
            if form == 0 {
                starts[entry] = textEnd
                lengths[entry] = textLengths[text]
                textEnd &+= textLengths[text]
                text &+= 1
            } else {
                starts[entry] = packedEnd
                packedEnd &+= UInt32(
                    truncatingIfNeeded: templates[Int(form) - 1].packedCount)
            }
        }
        return Section(
            first: first, forms: forms, starts: starts, lengths: lengths, templates: templates,
            texts: texts, packed: packed)
    }

    /// Lends the bytes of an entry; those of an id beyond `count` are empty.
    @inline(__always)
    func withBytes<R>(of id: StringID, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let id = Int(id)
        guard id > 0, id < count else {
            return body(UnsafeRawBufferPointer(start: nil, count: 0))
        }
        if let last = typed.last {
            if last.first <= id { return last.strings.withBytes(of: id &- last.first, body) }
            var place = typed.count &- 2
            while typed[place].first > id { place &-= 1 }
            return typed[place].strings.withBytes(of: id &- typed[place].first, body)
        }
        var number = sections.count &- 1
        while sections[number].first > id { number &-= 1 }
        let entry = id &- sections[number].first
        let start = Int(sections[number].starts[entry])
        guard sections[number].forms[entry] > 0 else {
            let end = start &+ Int(sections[number].lengths[entry])
            return sections[number].texts.withUnsafeBytes {
                body(UnsafeRawBufferPointer(rebasing: $0[start..<end]))
            }
        }
        return Self.unpacked(sections[number], entry, start, body)
    }

    private static func unpacked<R>(
        _ section: Section, _ entry: Int, _ start: Int, _ body: (UnsafeRawBufferPointer) -> R
    ) -> R {
        let template = section.templates[Int(section.forms[entry]) - 1]
        return withUnsafeTemporaryAllocation(
            byteCount: 2 * HexTemplate.scratchBytes, alignment: 8
        ) { room in
            section.packed.withUnsafeBytes { packed in
                guard let scratch = room.baseAddress, let source = packed.baseAddress else {
                    return body(UnsafeRawBufferPointer(start: nil, count: 0))
                }
                let text = scratch + HexTemplate.scratchBytes
                template.unpack(source + start, scratch, into: text)
                return body(UnsafeRawBufferPointer(start: text, count: template.length))
            }
        }
    }

    func equals(_ id: StringID, _ content: [UInt8]) -> Bool {
        withBytes(of: id) { found in
            found.count == content.count && content.withUnsafeBytes { found.elementsEqual($0) }
        }
    }
}

/// Carries entries of lazily read strings into a table, each looked up at most once.
struct LazyStringMapping {
    private var ids: [StringID]
    private static let unmapped = StringID.max
    var table = StringTable()

    init(count: Int) {
        ids = [StringID](repeating: Self.unmapped, count: count)
        ids[0] = 0
    }

    /// More entries of the source have become known.
    mutating func extend(to count: Int) {
        guard count > ids.count else { return }
        ids.append(contentsOf: repeatElement(Self.unmapped, count: count - ids.count))
    }

    @inline(__always)
    mutating func map(_ id: StringID, of strings: LazyStrings) -> StringID {
        let known = ids[Int(id)]
        if known != Self.unmapped { return known }
        let mapped = strings.withBytes(of: id) { table.intern(bytes: $0) }
        ids[Int(id)] = mapped
        return mapped
    }
}
