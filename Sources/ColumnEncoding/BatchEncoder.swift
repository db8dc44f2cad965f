import Telemetry

/// What the codecs of all signals share on the way to bytes: the container, the renumbering of strings and
/// the usual kinds of columns.
struct BatchEncoder {
    var container: ColumnContainerWriter
    var strings: StringRenumbering
    private let table: StringTable
    /// New ids up to here are in sections already written.
    private var writtenStrings = 1

    init(
        kind: ColumnContainer.Kind, effort: EncodingEffort, rows: Int, table: StringTable,
        bytesExpected: Int
    ) {
        container = ColumnContainerWriter(
            kind: kind, effort: effort, rows: rows, bytesExpected: bytesExpected)
        strings = StringRenumbering(stringCount: table.count)
        self.table = table
    }

    /// Writes all strings used since the last section.
    mutating func addStringSection(_ id: StringSectionIDs) {
        let ids = strings.oldIDs[writtenStrings...]
        writtenStrings = strings.count
        if ids.isEmpty { return }
        let section = StringSectionEncoder(ids, of: table, packs: container.isCompressing)
        container.add(id.texts) { writer, layout in
            section.encodeTexts(into: &writer, layout: layout)
        }
        addBytes(id.packed, section.packed.bytes)
    }

    /// Writes all strings used since the last section by their forms.
    /// - Parameter lists: bytes of ids that a reader has before it reads the section.
    mutating func addTypedStringSection(_ id: TypedSectionIDs, lists: [[UInt8]] = []) {
        let ids = strings.oldIDs[writtenStrings...]
        writtenStrings = strings.count
        if ids.isEmpty { return }
        TypedStringEncoder(ids, of: table).encode(
            head: id.head, columns: id.columns, lists: lists, into: &container)
    }

    // MARK: Integers; columns of zeros are left out

    mutating func add(_ id: UInt32, _ values: UnsafeBufferPointer<UInt32>) {
        guard values.contains(where: { $0 != 0 }) else { return }
        container.add(id) { writer, layout in
            IntegerCodec.encode(values, into: &writer, layout: layout)
        }
    }

    mutating func add(_ id: UInt32, _ values: [UInt32]) {
        values.withUnsafeBufferPointer { add(id, $0) }
    }

    mutating func add(_ id: UInt32, _ values: [UInt8]) {
        guard values.contains(where: { $0 != 0 }) else { return }
        container.add(id) { writer, layout in
            IntegerCodec.encode(values, into: &writer, layout: layout)
        }
    }

    mutating func add(_ id: UInt32, _ values: [Int64]) {
        guard values.contains(where: { $0 != 0 }) else { return }
        container.add(id) { writer, layout in
            IntegerCodec.encode(values, into: &writer, layout: layout)
        }
    }

    /// Words that are mostly random, such as ids.
    mutating func addRandom(_ id: UInt32, _ values: UnsafeBufferPointer<UInt64>) {
        guard values.contains(where: { $0 != 0 }) else { return }
        container.addPacked(id) { IntegerCodec.encode(values, into: &$0) }
    }

    mutating func addRandom(_ id: UInt32, _ values: [UInt64]) {
        values.withUnsafeBufferPointer { addRandom(id, $0) }
    }

    mutating func addRandom(_ id: UInt32, _ values: [SpanID]) {
        values.withUnsafeBufferPointer { ids in
            // SpanID is a struct of one UInt64.
            ids.withMemoryRebound(to: UInt64.self) { addRandom(id, $0) }
        }
    }

    /// The counts behind ascending ends of runs.
    mutating func add(_ id: UInt32, countsOf ends: [UInt32]) {
        guard let last = ends.last, last != 0 else { return }
        let counts = [UInt32](unsafeUninitializedCapacity: ends.count) { out, count in
            var previous: UInt32 = 0
            for (index, end) in ends.enumerated() {
                out[index] = end &- previous
                previous = end
            }
            count = ends.count
        }
        add(id, counts)
    }

    mutating func addBytes(_ id: UInt32, _ bytes: [UInt8]) {
        if bytes.isEmpty { return }
        container.addPacked(id) { $0.append(contentsOf: bytes) }
    }

    // MARK: Strings

    /// column = dictionary size varint │ integer column of string ids │ integer column of ranks
    mutating func add(_ id: UInt32, strings ids: [StringID]) {
        guard ids.contains(where: { $0 != 0 }) else { return }
        ids.withUnsafeBufferPointer { addStrings(id, $0) }
    }

    @inline(__always)
    mutating func addStrings<Word: FixedWidthInteger & UnsignedInteger>(
        _ id: UInt32, _ ids: UnsafeBufferPointer<Word>
    ) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: ids.count) { codes in
            guard let start = codes.baseAddress else { return }
            let dictionary = strings.rank(ids, into: start)
            container.add(id) { writer, layout in
                writer.appendVarint(dictionary.count)
                IntegerCodec.encode(dictionary, into: &writer, layout: layout)
                IntegerCodec.encode(UnsafeBufferPointer(codes), into: &writer, layout: layout)
            }
        }
    }
}

/// The columns of a typed section of strings.
struct TypedSectionIDs {
    var head: UInt32
    /// The first column of its forms.
    var columns: UInt32
}

/// The two columns of a section of strings.
struct StringSectionIDs {
    var texts: UInt32
    var packed: UInt32
}
