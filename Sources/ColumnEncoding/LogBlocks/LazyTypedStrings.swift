import Telemetry

/// A section of strings by form whose strings are made one by one, when somebody asks for them; see
/// `TypedStringEncoder` for what is on disk.
///
/// A query mostly asks for a few of the tens of thousands of strings of a block of log records.
final class LazyTypedStrings {
    private let container: ColumnContainerReader
    private let head: TypedStringDecoder.Head
    /// Where each entry of form 0 starts in the texts; of other entries, which one of its form it is.
    private let places: [UInt32]
    /// Lengths of the entries of form 0, 0 for others.
    private let lengths: [UInt32]
    private let counts: [Int]
    /// Id of the first column of each form.
    private let firstColumns: [UInt32]
    private let lists: (Int) throws(ColumnDecodeError) -> [UInt8]
    private var sources: [TypedStringDecoder.Source?]
    /// The first thing that was wrong with what strings are made from.
    private(set) var failure: ColumnDecodeError?

    var count: Int { head.numbers.count }

    /// - Parameters:
    ///   - listCount: lists of ids that the section was written with.
    ///   - lists: the ids of one of them, as bytes.
    /// - Returns: `nil` if there is no such section.
    init?(
        _ container: ColumnContainerReader, _ ids: TypedSectionIDs, listCount: Int = 0,
        lists: @escaping (Int) throws(ColumnDecodeError) -> [UInt8] = { _ in [] }
    ) throws(ColumnDecodeError) {
        let found = try container.read(ids.head, "strings \(ids.head)") {
            (reader) throws(ColumnDecodeError) in
            try TypedStringDecoder.head(&reader, lists: listCount)
        }
        guard let found else { return nil }
        self.container = container
        self.lists = lists
        head = found
        sources = [TypedStringDecoder.Source?](repeating: nil, count: found.forms.count)
        (places, lengths, counts) = try Self.places(found)
        var column = ids.columns
        firstColumns = found.forms.map { form in
            defer { column += UInt32(truncatingIfNeeded: form.columns) }
            return column
        }
    }

    private static func places(
        _ head: TypedStringDecoder.Head
    ) throws(ColumnDecodeError) -> (places: [UInt32], lengths: [UInt32], counts: [Int]) {
        let count = head.numbers.count
        var places = [UInt32](repeating: 0, count: count)
        var lengths = [UInt32](repeating: 0, count: count)
        var next = [UInt32](repeating: 0, count: 256)
        places.withUnsafeMutableBufferPointer { places in
            lengths.withUnsafeMutableBufferPointer { lengths in
                next.withUnsafeMutableBufferPointer { next in
                    locate(head, places, lengths, next)
                }
            }
        }
        let counts = next.dropFirst().map { Int($0) }
        guard counts.dropFirst(head.forms.count).allSatisfy({ $0 == 0 }) else {
            throw .corrupt(column: "strings", offset: 0, reason: "a form that is none")
        }
        return (places, lengths, Array(counts.prefix(head.forms.count)))
    }

    private static func locate(
        _ head: TypedStringDecoder.Head, _ places: UnsafeMutableBufferPointer<UInt32>,
        _ lengths: UnsafeMutableBufferPointer<UInt32>, _ next: UnsafeMutableBufferPointer<UInt32>
    ) {
        var (text, textEnd): (Int, UInt32) = (0, 0)
        head.numbers.withUnsafeBufferPointer { numbers in
            head.lengths.withUnsafeBufferPointer { known in
                for entry in 0..<numbers.count {
                    let number = Int(numbers[entry])
                    if number == 0 {
                        places[entry] = textEnd
                        lengths[entry] = known[text]
                        textEnd &+= known[text]
                        text &+= 1
                    } else {
                        places[entry] = next[number]
                        next[number] &+= 1
                    }
                }
            }
        }
    }

    /// What the strings of a form are made from; `nil`, and `failure` is set, if it is damaged.
    private func source(_ form: Int) -> TypedStringDecoder.Source? {
        if let known = sources[form] { return known }
        do throws(ColumnDecodeError) {
            let source = try TypedStringDecoder.source(
                of: head.forms[form], from: firstColumns[form], count: counts[form], container,
                list: lists)
            sources[form] = source
            return source
        } catch {
            failure = failure ?? error
            return nil
        }
    }

    /// Lends the bytes of an entry; empty if it is damaged.
    func withBytes<R>(of entry: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let number = Int(head.numbers[entry])
        let place = Int(places[entry])
        guard number > 0 else {
            let end = place + Int(lengths[entry])
            return head.texts.withUnsafeBytes {
                body(UnsafeRawBufferPointer(rebasing: $0[place..<end]))
            }
        }
        guard let source = source(number - 1) else {
            return body(UnsafeRawBufferPointer(start: nil, count: 0))
        }
        return Self.withText(head.forms[number - 1], source, at: place, body)
    }

    @inline(__always)
    private static func withText<R>(
        _ form: StringForm, _ source: TypedStringDecoder.Source, at index: Int,
        _ body: (UnsafeRawBufferPointer) -> R
    ) -> R {
        let room = HexTemplate.scratchBytes
        return withUnsafeTemporaryAllocation(
            byteCount: 2 * room + form.lengthMax, alignment: 8
        ) { memory in
            guard let scratch = memory.baseAddress else {
                return body(UnsafeRawBufferPointer(start: nil, count: 0))
            }
            var writer = TextWriter(start: scratch + room)
            TypedStringDecoder.put(form, source, at: index, scratch, into: &writer)
            return body(UnsafeRawBufferPointer(start: scratch + room, count: writer.count))
        }
    }

    // MARK: Searching

    /// The entries, ascending, that hold a piece of a line.
    func entries(holding piece: LinePiece) -> [Int] {
        var found = textEntries(holding: piece)
        for (index, form) in head.forms.enumerated() where piece.mayBeIn(form) {
            guard let source = source(index) else { continue }
            let number = UInt8(truncatingIfNeeded: index + 1)
            let isHit = Self.hits(of: piece, in: form, source, count: counts[index])
            guard isHit.contains(true) else { continue }
            for entry in 0..<count where head.numbers[entry] == number {
                if isHit[Int(places[entry])] { found.append(entry) }
            }
        }
        return found.sorted()
    }

    /// Which of the strings of a form hold a piece.
    private static func hits(
        of piece: LinePiece, in form: StringForm, _ source: TypedStringDecoder.Source, count: Int
    ) -> [Bool] {
        guard case .hex(let template, _) = form, piece.whole.count == template.length,
            let wanted = packed(piece.whole, template)
        else {
            return (0..<count).map { place in withText(form, source, at: place) { piece.isIn($0) } }
        }
        // It is all of the string: digits need not be spelled out.
        return wanted.withUnsafeBytes { wanted in
            source.bytes.withUnsafeBytes { bytes in
                (0..<count).map { place in
                    let start = place &* wanted.count
                    let text = UnsafeRawBufferPointer(
                        rebasing: bytes[start..<(start &+ wanted.count)])
                    return text[0] == wanted[0] && text.elementsEqual(wanted)
                }
            }
        }
    }

    /// A text of a template as it is kept; `nil` if it is none.
    private static func packed(_ text: [UInt8], _ template: HexTemplate) -> [UInt8]? {
        var writer = ByteWriter()
        let isOfTemplate = withUnsafeTemporaryAllocation(
            byteCount: HexTemplate.scratchBytes, alignment: 8
        ) { scratch in
            guard let scratch = scratch.baseAddress else { return false }
            return text.withUnsafeBytes { template.pack($0, scratch, into: &writer) }
        }
        return isOfTemplate ? writer.bytes : nil
    }

    private func textEntries(holding piece: LinePiece) -> [Int] {
        let offsets = head.texts.withUnsafeBytes { piece.offsets(in: $0) }
        guard !offsets.isEmpty else { return [] }
        var found: [Int] = []
        var next = 0
        for entry in 0..<count where head.numbers[entry] == 0 {
            let start = Int(places[entry])
            let end = start + Int(lengths[entry])
            while next < offsets.count, offsets[next].lowerBound < start { next += 1 }
            guard next < offsets.count else { break }
            // The first hit may reach into the next text, a later one begins behind it.
            if offsets[next].upperBound <= end { found.append(entry) }
        }
        return found
    }
}
