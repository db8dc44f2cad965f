import Telemetry

/// The attributes of the spans, events, links or log records of a block, read by key or by item; see `AttributeSets`
/// for the form.
struct AttributeSetReader {
    enum Content {
        case none
        /// With how many values each pair has.
        case shapes(AttributeSetDecoder.Shapes, counts: [Int])
        /// Items without shapes are decoded whole.
        case cells(AttributeColumns, ends: [UInt32])
    }

    let decoder: BatchDecoder
    let ids: AttributeSets.ColumnIDs
    let content: Content

    /// - Parameter decoder: one that knows all strings that the attributes refer to.
    init(
        _ decoder: BatchDecoder, _ ids: AttributeSets.ColumnIDs, items: Int
    ) throws(ColumnDecodeError) {
        self.decoder = decoder
        self.ids = ids
        var sets = AttributeSetDecoder(decoder, ids, items: items)
        switch try sets.readHeader() {
        case .none: content = .none
        case .shapes(let shapes):
            content = .shapes(shapes, counts: try Self.pairCounts(shapes, ids))
        case .cells:
            let (attributes, ends) = try AttributeSetDecoder.decode(
                from: decoder, ids: ids, items: items)
            content = .cells(attributes, ends: ends)
        }
    }

    var memoryBytes: Int {
        switch content {
        case .none: 0
        case .shapes(let shapes, let counts):
            4 * (shapes.ofItem.count + shapes.pairs.count) + 16 * (counts.count + shapes.ends.count)
        case .cells(let attributes, let ends): 13 * attributes.count + 4 * ends.count
        }
    }

    /// The names of all attributes.
    var keys: Set<StringID> {
        switch content {
        case .none: []
        case .shapes(let shapes, _): Set(shapes.pairKeys)
        case .cells(let attributes, _): Set(attributes.keys)
        }
    }

    // MARK: By key

    /// The items of which an attribute under `key` passes, ascending.
    /// - Parameter among: the items to look at, ascending; `nil`: all.
    func items(
        where key: [UInt8], _ test: AttributeValueTest, among: [Int32]?, _ strings: LazyStrings
    ) throws(ColumnDecodeError) -> [Int32] {
        switch content {
        case .none: return []
        case .shapes(let shapes, let counts):
            return try items(shapes, counts, where: key, test, among, strings)
        case .cells(let attributes, let ends):
            return RowSelection.filter(among, count: ends.count) { item in
                SpanBatch.run(ends, item).contains { cell in
                    strings.equals(attributes.keys[cell], key)
                        && Self.accepts(
                            test, attributes.types[cell], attributes.payloads[cell], strings)
                }
            }
        }
    }

    private static func accepts(
        _ test: AttributeValueTest, _ type: AttributeType, _ payload: UInt64,
        _ strings: LazyStrings
    ) -> Bool {
        guard type.isInterned else { return test.accepts(type, payload: payload) }
        return strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
            test.accepts(type, bytes: $0)
        }
    }

    private func items(
        _ shapes: AttributeSetDecoder.Shapes, _ counts: [Int], where key: [UInt8],
        _ test: AttributeValueTest, _ among: [Int32]?, _ strings: LazyStrings
    ) throws(ColumnDecodeError) -> [Int32] {
        let wanted = shapes.pairKeys.indices.filter { pair in
            !test.refuses(shapes.pairTypes[pair]) && strings.equals(shapes.pairKeys[pair], key)
        }
        if wanted.isEmpty { return [] }
        var slotOfPair = [Int?](repeating: nil, count: shapes.pairKeys.count)
        for (slot, pair) in wanted.enumerated() { slotOfPair[pair] = slot }
        var slotsOfShape: [[Int]] = []
        var start = 0
        for end in shapes.ends {
            slotsOfShape.append(shapes.pairs[start..<end].compactMap { slotOfPair[Int($0)] })
            start = end
        }
        let count = shapes.ofItem.count
        if test.acceptsAll {
            let hasKey = slotsOfShape.map { !$0.isEmpty }
            return RowSelection.filter(among, count: count) { hasKey[Int(shapes.ofItem[$0])] }
        }
        var values: [TestedValues] = []
        for pair in wanted {
            values.append(
                try tested(
                    test, shapes.pairTypes[pair], id: ids.values(pair), count: counts[pair],
                    strings))
        }
        guard values.contains(where: \.mayPass) else { return [] }
        if values.count == 1, slotsOfShape.allSatisfy({ $0.count <= 1 }) {
            return Self.walk(
                shapes.ofItem, slotsOfShape.map { UInt8(truncatingIfNeeded: $0.count) }, values[0],
                among)
        }
        return Self.walk(shapes.ofItem, slotsOfShape, values, among)
    }

    /// The usual case: a key of one type, at most once an item.
    private static func walk(
        _ shapeOfItem: [UInt32], _ uses: [UInt8], _ values: TestedValues, _ among: [Int32]?
    ) -> [Int32] {
        var next = 0
        var cursor = 0
        return RowSelection.filter(among, count: shapeOfItem.count) { item in
            while next < item {
                cursor &+= Int(uses[Int(shapeOfItem[next])])
                next &+= 1
            }
            return uses[Int(shapeOfItem[item])] == 1 && values.passes(cursor)
        }
    }

    private static func walk(
        _ shapeOfItem: [UInt32], _ slotsOfShape: [[Int]], _ values: [TestedValues],
        _ among: [Int32]?
    ) -> [Int32] {
        var next = 0
        var cursors = [Int](repeating: 0, count: values.count)
        return RowSelection.filter(among, count: shapeOfItem.count) { item in
            while next < item {
                for slot in slotsOfShape[Int(shapeOfItem[next])] { cursors[slot] &+= 1 }
                next &+= 1
            }
            // A shape may use a slot more than once.
            var used = cursors
            var isMatch = false
            for slot in slotsOfShape[Int(shapeOfItem[item])] {
                isMatch = values[slot].passes(used[slot]) || isMatch
                used[slot] &+= 1
            }
            return isMatch
        }
    }

    /// The values of one column with what a test says of them.
    private enum TestedValues {
        /// Those equal to one payload pass.
        case equal([UInt64], UInt64)
        case tested([Bool])
        /// By code into the distinct strings.
        case coded([UInt32], passes: [Bool])
        case all(Bool)

        var mayPass: Bool {
            switch self {
            case .equal: true
            case .tested(let flags): flags.contains(true)
            case .coded(_, let passes): passes.contains(true)
            case .all(let passes): passes
            }
        }

        @inline(__always)
        func passes(_ index: Int) -> Bool {
            switch self {
            case .equal(let payloads, let wanted): payloads[index] == wanted
            case .tested(let flags): flags[index]
            case .coded(let codes, let passes): passes[Int(codes[index])]
            case .all(let passes): passes
            }
        }
    }

    /// Of strings the distinct ones are tested.
    private func tested(
        _ test: AttributeValueTest, _ type: AttributeType, id: UInt32, count: Int,
        _ strings: LazyStrings
    ) throws(ColumnDecodeError) -> TestedValues {
        guard type.isInterned else {
            let payloads = try decoder.filled(count: count) { (out) throws(ColumnDecodeError) in
                try AttributeValues.decode(out, type: type, id: id, from: decoder)
            }
            if let wanted = test.payload(of: type) { return .equal(payloads, wanted) }
            return .tested(payloads.map { test.accepts(type, payload: $0) })
        }
        let limit = decoder.stringCount
        let found = try decoder.container.read(id, "attribute values \(id)") {
            (reader) throws(ColumnDecodeError) -> TestedValues in
            let dictionary = try BatchDecoder.dictionary(&reader, count: count, limit: limit)
            let codes: [UInt32] = try IntegerCodec.decode(from: &reader, count: count)
            guard codes.allSatisfy({ Int($0) < dictionary.count }) else {
                throw reader.corrupt("rank beyond the dictionary")
            }
            return .coded(
                codes,
                passes: dictionary.map { id in
                    strings.withBytes(of: id) { test.accepts(type, bytes: $0) }
                })
        }
        // An absent column is one of empty strings.
        return found
            ?? .all(test.accepts(type, bytes: UnsafeRawBufferPointer(start: nil, count: 0)))
    }

    /// How many values each pair has.
    private static func pairCounts(
        _ shapes: AttributeSetDecoder.Shapes, _ ids: AttributeSets.ColumnIDs
    ) throws(ColumnDecodeError) -> [Int] {
        var uses = [Int](repeating: 0, count: shapes.ends.count)
        for shape in shapes.ofItem { uses[Int(shape)] &+= 1 }
        var counts = [Int](repeating: 0, count: shapes.pairKeys.count)
        var total = 0
        var start = 0
        for (shape, end) in shapes.ends.enumerated() {
            total += uses[shape] * (end - start)
            guard total <= ColumnLimits.cellsMax else {
                throw .corrupt(
                    column: "attribute shapes \(ids.group)", offset: 0,
                    reason: "more than \(ColumnLimits.cellsMax) attributes")
            }
            for pair in shapes.pairs[start..<end] { counts[Int(pair)] &+= uses[shape] }
            start = end
        }
        return counts
    }

    // MARK: By item

    /// Appends the attributes of `items`, ascending, and where those of each end.
    /// - Parameter keys: the attributes that are wanted; `nil`: all.
    func append(
        items: [Int], only keys: [[UInt8]]? = nil, _ strings: LazyStrings,
        _ mapping: inout LazyStringMapping, to attributes: inout AttributeColumns,
        ends: inout [UInt32]
    ) throws(ColumnDecodeError) {
        func isWanted(_ key: StringID) -> Bool {
            keys.map { $0.contains { strings.equals(key, $0) } } ?? true
        }
        switch content {
        case .none:
            ends.append(
                contentsOf: repeatElement(
                    UInt32(truncatingIfNeeded: attributes.count), count: items.count))
        case .shapes(let shapes, let counts):
            guard keys != nil else {
                try append(shapes, counts, items, strings, &mapping, to: &attributes, &ends)
                return
            }
            let some = shapes.only { isWanted(shapes.pairKeys[$0]) }
            try appendFew(some, counts, items, strings, &mapping, to: &attributes, &ends)
        case .cells(let source, let sourceEnds):
            for item in items {
                for cell in SpanBatch.run(sourceEnds, item) where isWanted(source.keys[cell]) {
                    Self.append(
                        source.keys[cell], source.types[cell], source.payloads[cell], strings,
                        &mapping, to: &attributes)
                }
                ends.append(UInt32(truncatingIfNeeded: attributes.count))
            }
        }
    }

    @inline(__always)
    private static func append(
        _ key: StringID, _ type: AttributeType, _ payload: UInt64, _ strings: LazyStrings,
        _ mapping: inout LazyStringMapping, to attributes: inout AttributeColumns
    ) {
        attributes.append(
            key: mapping.map(key, of: strings), type: type,
            payload: type.isInterned
                ? UInt64(mapping.map(StringID(truncatingIfNeeded: payload), of: strings))
                : payload)
    }

    /// Of each column only the values of the items are expanded.
    private func append(
        _ shapes: AttributeSetDecoder.Shapes, _ counts: [Int], _ items: [Int],
        _ strings: LazyStrings, _ mapping: inout LazyStringMapping,
        to attributes: inout AttributeColumns,
        _ ends: inout [UInt32]
    ) throws(ColumnDecodeError) {
        let shapeStarts = [0] + shapes.ends
        let places = Self.places(shapes, shapeStarts, items, pairs: counts.count)
        var ranks = BatchDecoder.PickedRanks()
        var values = [[UInt64]](repeating: [], count: counts.count)
        for pair in places.indices where !places[pair].isEmpty {
            values[pair] = try decoder.picked(
                ids.values(pair), type: shapes.pairTypes[pair], count: counts[pair],
                at: places[pair], &ranks)
        }
        var next = [Int](repeating: 0, count: counts.count)
        for item in items {
            let shape = Int(shapes.ofItem[item])
            for pair in shapes.pairs[shapeStarts[shape]..<shapeStarts[shape + 1]] {
                let pair = Int(pair)
                Self.append(
                    shapes.pairKeys[pair], shapes.pairTypes[pair], values[pair][next[pair]],
                    strings, &mapping, to: &attributes)
                next[pair] &+= 1
            }
            ends.append(UInt32(truncatingIfNeeded: attributes.count))
        }
    }

    /// Of each pair, where its values for the items stand in its column.
    private static func places(
        _ shapes: AttributeSetDecoder.Shapes, _ shapeStarts: [Int], _ items: [Int], pairs: Int
    ) -> [[Int]] {
        var places = [[Int]](repeating: [], count: pairs)
        // Where the next value of each pair stands, as of `position`.
        var cursors = [Int](repeating: 0, count: pairs)
        var position = 0
        for item in items {
            skip(shapes, shapeStarts, from: position, to: item, &cursors)
            position = item + 1
            let shape = Int(shapes.ofItem[item])
            for pair in shapes.pairs[shapeStarts[shape]..<shapeStarts[shape + 1]] {
                places[Int(pair)].append(cursors[Int(pair)])
                cursors[Int(pair)] &+= 1
            }
        }
        return places
    }

    /// The same for shapes of which few pairs are left: their values are read before the items are walked.
    private func appendFew(
        _ shapes: AttributeSetDecoder.Shapes, _ counts: [Int], _ items: [Int],
        _ strings: LazyStrings, _ mapping: inout LazyStringMapping,
        to attributes: inout AttributeColumns, _ ends: inout [UInt32]
    ) throws(ColumnDecodeError) {
        let wanted = Set(shapes.pairs).sorted()
        var slots: [UInt32: Int] = [:]
        var keys: [StringID] = []
        var types: [AttributeType] = []
        var values: [AttributePairValues] = []
        var reader = AttributePairReader(decoder)
        for (slot, pair) in wanted.enumerated() {
            slots[pair] = slot
            keys.append(shapes.pairKeys[Int(pair)])
            types.append(shapes.pairTypes[Int(pair)])
            values.append(
                try reader.values(
                    ids.values(Int(pair)), type: shapes.pairTypes[Int(pair)],
                    count: counts[Int(pair)]))
        }
        let slotsOfShape = shapes.slots { slots[$0] ?? 0 }
        var cursors = [Int](repeating: 0, count: wanted.count)
        var position = 0
        for item in items {
            while position < item {
                for slot in slotsOfShape[Int(shapes.ofItem[position])] { cursors[slot] &+= 1 }
                position &+= 1
            }
            for slot in slotsOfShape[Int(shapes.ofItem[item])] {
                Self.append(
                    keys[slot], types[slot], try values[slot].payload(at: cursors[slot]), strings,
                    &mapping, to: &attributes)
                cursors[slot] &+= 1
            }
            position = item &+ 1
            ends.append(UInt32(truncatingIfNeeded: attributes.count))
        }
    }

    /// Moves the cursors over the values of items that are not wanted.
    private static func skip(
        _ shapes: AttributeSetDecoder.Shapes, _ shapeStarts: [Int], from first: Int, to end: Int,
        _ cursors: inout [Int]
    ) {
        guard first < end else { return }
        var uses = [Int](repeating: 0, count: shapes.ends.count)
        for item in first..<end { uses[Int(shapes.ofItem[item])] &+= 1 }
        for shape in uses.indices where uses[shape] > 0 {
            for pair in shapes.pairs[shapeStarts[shape]..<shapeStarts[shape &+ 1]] {
                cursors[Int(pair)] &+= uses[shape]
            }
        }
    }
}

extension AttributeSetDecoder.Shapes {
    /// The pairs of each shape by other numbers.
    fileprivate func slots(_ number: (_ pair: UInt32) -> Int) -> [[Int]] {
        var slots: [[Int]] = []
        var start = 0
        for end in ends {
            slots.append(pairs[start..<end].map(number))
            start = end
        }
        return slots
    }

    /// The shapes with only some of their pairs. A value column is read by counting the uses of its own
    /// pair, so the others can be left out.
    fileprivate func only(_ isWanted: (_ pair: Int) -> Bool) -> Self {
        let wanted = pairKeys.indices.map(isWanted)
        var some = self
        some.pairs = []
        some.ends = []
        var start = 0
        for end in ends {
            for pair in pairs[start..<end] where wanted[Int(pair)] { some.pairs.append(pair) }
            some.ends.append(some.pairs.count)
            start = end
        }
        return some
    }
}
