/// Columns of words as narrow as their largest value allows, one after the other.
///
/// ```
/// column = bytes of a word u8 (0, 1, 2, 4 or 8; 0: all are zero) │ words, little-endian
/// ```
/// Writing one is little more than a copy, unlike the columns of `IntegerCodec`, which are half as large.
struct PlainColumnWriter {
    private let out: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    /// - Parameter out: has room for all that will be added.
    init(_ out: UnsafeMutableRawBufferPointer) { self.out = out }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: out[count...]).copyMemory(from: bytes)
        count &+= bytes.count
    }

    mutating func append(_ word: UInt64) {
        withUnsafeBytes(of: word.littleEndian) { append($0) }
    }

    @inline(__always)
    mutating func add<Word: FixedWidthInteger & UnsignedInteger>(
        _ words: UnsafeBufferPointer<Word>
    ) {
        var union: Word = 0
        for word in words { union |= word }
        let width = Self.width(UInt64(union))
        precondition(
            words.count &* width < out.count &- count, "BUG: no room for a column")
        out[count] = UInt8(truncatingIfNeeded: width)
        let target = UnsafeMutableRawBufferPointer(rebasing: out[(count &+ 1)...])
        switch width {
        case 0: break
        case 1: Self.narrow(words, to: UInt8.self, target)
        case 2: Self.narrow(words, to: UInt16.self, target)
        case 4: Self.narrow(words, to: UInt32.self, target)
        default: Self.narrow(words, to: UInt64.self, target)
        }
        count &+= 1 &+ words.count &* width
    }

    mutating func add(_ words: [UInt32]) { words.withUnsafeBufferPointer { add($0) } }

    mutating func add(_ words: [UInt64]) { words.withUnsafeBufferPointer { add($0) } }

    mutating func add(_ words: [UInt8]) { words.withUnsafeBufferPointer { add($0) } }

    @inline(__always)
    private static func width(_ union: UInt64) -> Int {
        switch union {
        case 0: 0
        case ...0xFF: 1
        case ...0xFFFF: 2
        case ...0xFFFF_FFFF: 4
        default: 8
        }
    }

    @inline(__always)
    private static func narrow<Word: FixedWidthInteger, Narrow: FixedWidthInteger>(
        _ words: UnsafeBufferPointer<Word>, to _: Narrow.Type,
        _ target: UnsafeMutableRawBufferPointer
    ) {
        guard let start = target.baseAddress else { return }
        for index in 0..<words.count {
            start.storeBytes(
                of: Narrow(truncatingIfNeeded: words[index]).littleEndian,
                toByteOffset: index &* MemoryLayout<Narrow>.size, as: Narrow.self)
        }
    }
}

/// Reads what `PlainColumnWriter` wrote. Nothing that it reads is trusted.
struct PlainColumnReader {
    private var reader: ByteReader

    init(_ bytes: UnsafeRawBufferPointer, column: String) {
        reader = ByteReader(bytes, column: column)
    }

    var isAtEnd: Bool { reader.isAtEnd }

    func corrupt(_ reason: String) -> ColumnDecodeError { reader.corrupt(reason) }

    mutating func word() throws(ColumnDecodeError) -> UInt64 { try reader.readUInt64() }

    mutating func count(atMost limit: Int) throws(ColumnDecodeError) -> Int {
        let value = try reader.readUInt64()
        guard value <= UInt64(limit) else {
            throw reader.corrupt("count \(value) exceeds \(limit)")
        }
        return Int(value)
    }

    mutating func bytes(_ count: Int) throws(ColumnDecodeError) -> UnsafeRawBufferPointer {
        try reader.read(count)
    }

    /// - Parameter count: bounded by the caller: a column of zeros takes one byte.
    mutating func words<Word: FixedWidthInteger>(
        _ count: Int, of _: Word.Type
    ) throws(ColumnDecodeError) -> [Word] {
        let width = Int(try reader.readByte())
        guard width <= MemoryLayout<Word>.size else {
            throw reader.corrupt("words of \(width) bytes")
        }
        let bytes = try reader.read(count * width)
        switch width {
        case 0: return [Word](repeating: 0, count: count)
        case 1: return Self.widen(bytes, count, from: UInt8.self)
        case 2: return Self.widen(bytes, count, from: UInt16.self)
        case 4: return Self.widen(bytes, count, from: UInt32.self)
        case 8: return Self.widen(bytes, count, from: UInt64.self)
        default: throw reader.corrupt("words of \(width) bytes")
        }
    }

    private static func widen<Word: FixedWidthInteger, Narrow: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, from _: Narrow.Type
    ) -> [Word] {
        [Word](unsafeUninitializedCapacity: count) { out, initialized in
            for index in 0..<count {
                let word = bytes.loadUnaligned(
                    fromByteOffset: index * MemoryLayout<Narrow>.size, as: Narrow.self)
                out[index] = Word(truncatingIfNeeded: Narrow(littleEndian: word))
            }
            initialized = count
        }
    }

    /// Words that are all below `limit`.
    mutating func indices(
        _ count: Int, below limit: Int, _ name: String
    ) throws(ColumnDecodeError) -> [UInt32] {
        let indices = try words(count, of: UInt32.self)
        for index in indices where Int(index) >= limit {
            throw reader.corrupt("\(name) \(index) of \(limit)")
        }
        return indices
    }

    /// Ends of runs: ascending up to `total`.
    mutating func ends(
        _ count: Int, total: Int, _ name: String
    ) throws(ColumnDecodeError) -> [UInt32] {
        let ends = try words(count, of: UInt32.self)
        var last: UInt32 = 0
        for end in ends {
            guard end >= last else { throw reader.corrupt("\(name) end at \(end), then \(last)") }
            last = end
        }
        guard Int(last) == total else {
            throw reader.corrupt("\(name) end at \(last) of \(total)")
        }
        return ends
    }
}
