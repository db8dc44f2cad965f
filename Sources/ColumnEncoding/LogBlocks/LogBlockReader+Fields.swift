import Telemetry

/// The values of one field of all rows of a block as codes into its distinct texts.
package struct CodedField: Sendable {
    /// One entry a row; 0 is a row without the field.
    package var codes: [UInt32]
    /// The texts of all codes, one after the other.
    package var texts: [UInt8] = []
    /// Where the text of each code ends; that of code 0 is empty.
    package var textEnds: [UInt32] = [0]

    init(count: Int) { codes = [UInt32](repeating: 0, count: count) }

    /// A code for the text that `write` appends; 0 if it is empty or there is no room.
    mutating func add(_ write: (inout [UInt8]) -> Void) -> UInt32 {
        let start = texts.count
        write(&texts)
        guard texts.count > start, let end = UInt32(exactly: texts.count) else { return 0 }
        textEnds.append(end)
        return UInt32(truncatingIfNeeded: textEnds.count - 1)
    }
}

extension LogBlockReader {
    /// The keys of attributes, with the types that values under each have, by number of their column;
    /// `nil` if records share too few keys for columns.
    package func attributeColumns() throws(ColumnDecodeError) -> [(
        key: String, type: AttributeType
    )]? {
        switch try attributes().content {
        case .none: return []
        case .cells: return nil
        case .shapes(let shapes, _):
            let strings = strings
            let found = shapes.pairKeys.indices.map { pair in
                let key = strings.withBytes(of: shapes.pairKeys[pair]) {
                    String(decoding: $0, as: UTF8.self)
                }
                return (key: key, type: shapes.pairTypes[pair])
            }
            try checkStrings()
            return found
        }
    }

    /// The field that the given columns make together: of a row, the first of its attributes in one of
    /// them that is not empty. Maps and arrays count as empty.
    package func field(of columns: [Int]) throws(ColumnDecodeError) -> CodedField {
        var field = CodedField(count: rows)
        guard case .shapes(let shapes, let counts) = try attributes().content, !columns.isEmpty
        else { return field }
        var slotOfPair = [Int](repeating: -1, count: counts.count)
        for (slot, pair) in columns.enumerated() { slotOfPair[pair] = slot }
        var slotsOfShape: [[Int]] = []
        var start = 0
        for end in shapes.ends {
            slotsOfShape.append(
                shapes.pairs[start..<end].map { slotOfPair[Int($0)] }.filter { $0 >= 0 })
            start = end
        }
        var codes: [[UInt32]] = []
        for pair in columns { codes.append(try self.codes(pair, shapes, counts[pair], &field)) }
        try checkStrings()
        if columns.count == 1, slotsOfShape.allSatisfy({ $0.count == 1 }) {
            field.codes = codes[0]
        } else {
            Self.walk(shapes.ofItem, slotsOfShape, codes, &field.codes)
        }
        return field
    }

    private static func walk(
        _ shapeOfRow: [UInt32], _ slotsOfShape: [[Int]], _ codes: [[UInt32]],
        _ out: inout [UInt32]
    ) {
        var cursors = [Int](repeating: 0, count: codes.count)
        for (row, shape) in shapeOfRow.enumerated() {
            for slot in slotsOfShape[Int(shape)] {
                if out[row] == 0 { out[row] = codes[slot][cursors[slot]] }
                cursors[slot] &+= 1
            }
        }
    }

    /// The codes of the values of one column.
    private func codes(
        _ pair: Int, _ shapes: AttributeSetDecoder.Shapes, _ count: Int,
        _ field: inout CodedField
    ) throws(ColumnDecodeError) -> [UInt32] {
        let set = try attributes()
        let (type, id) = (shapes.pairTypes[pair], set.ids.values(pair))
        switch type {
        case .empty, .array, .map: return [UInt32](repeating: 0, count: count)
        case .string, .bytes:
            guard let (dictionary, ranks) = try decoder.ranked(id, count: count) else {
                return [UInt32](repeating: 0, count: count)
            }
            let strings = strings
            let codes = dictionary.map { id in
                strings.withBytes(of: id) { text in
                    field.add { texts in
                        if type == .bytes {
                            JSONText.append(hexOf: text, to: &texts)
                        } else {
                            texts.append(contentsOf: text)
                        }
                    }
                }
            }
            return ranks.map { codes[Int($0)] }
        case .int, .double, .bool:
            let decoder = decoder
            let payloads = try decoder.filled(count: count) { (out) throws(ColumnDecodeError) in
                try AttributeValues.decode(out, type: type, id: id, from: decoder)
            }
            return type == .int
                ? Self.codes(ofIntegers: payloads, &field) : Self.codes(payloads, type, &field)
        }
    }

    /// Numbers near each other, the usual ones, are told apart by a table.
    private static func codes(
        ofIntegers payloads: [UInt64], _ field: inout CodedField
    ) -> [UInt32] {
        var (least, most) = (Int64.max, Int64.min)
        for payload in payloads {
            least = min(least, Int64(bitPattern: payload))
            most = max(most, Int64(bitPattern: payload))
        }
        let (width, overflow) = most.subtractingReportingOverflow(least)
        guard !payloads.isEmpty, !overflow, width < 1 << 16 else {
            return codes(payloads, .int, &field)
        }
        var known = [UInt32](repeating: 0, count: Int(width) + 1)
        return payloads.map { payload in
            let number = Int64(bitPattern: payload)
            let place = Int(truncatingIfNeeded: number &- least)
            if known[place] == 0 { known[place] = field.add { JSONText.append(number, to: &$0) } }
            return known[place]
        }
    }

    private static func codes(
        _ payloads: [UInt64], _ type: AttributeType, _ field: inout CodedField
    ) -> [UInt32] {
        var known: [UInt64: UInt32] = [:]
        return payloads.map { payload in
            if let code = known[payload] { return code }
            let code = field.add { append(payload, type, to: &$0) }
            known[payload] = code
            return code
        }
    }

    /// As in JSON, without quotes.
    private static func append(
        _ payload: UInt64, _ type: AttributeType, to texts: inout [UInt8]
    ) {
        switch type {
        case .int: JSONText.append(Int64(bitPattern: payload), to: &texts)
        case .bool: JSONText.append(payload != 0, to: &texts)
        default:
            let start = texts.count
            JSONText.append(Double(bitPattern: payload), to: &texts)
            if texts[start] == UInt8(ascii: "\"") {
                texts.removeLast()
                texts.remove(at: start)
            }
        }
    }
}
