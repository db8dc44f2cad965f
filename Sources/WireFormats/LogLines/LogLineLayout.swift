import Telemetry

/// The layout of a structured line as the last line that was read member by member had it: what stands
/// before each value, what its key is, and the cells of the line that is being read.
///
/// Lines of one body mostly have the same members in the same order: then a key is a comparison of bytes,
/// and so is a value that stays the same. Works on memory of its own; a line costs no allocation.
struct LogLineLayout: ~Copyable {
    struct Slot {
        var key: StringID
        var field: LogField
        /// Which of the label fields this is, or −1.
        var label: Int
        /// Where the bytes between the previous value and this one stand in `tokens`, its key included.
        var tokenStart: Int
        var tokenCount: Int
        /// The spacing of an object of these keys that has those bytes there; `nil` if none has.
        var spacing: LineSpacing?
        /// The text that stood here last, if it was one without escapes: where it is in the string table.
        var text: StringID = 0
        var textStart = 0
        /// −1 if there is no such text.
        var textCount = -1
    }

    /// The tokens of relearned slots are forgotten when there are so many bytes of them.
    private static let tokenBytesMax = 1 << 20

    private(set) var slots: UnsafeMutableBufferPointer<Slot>
    /// Members of the last line that was read member by member.
    private(set) var count = 0
    /// The spacing that all its members had; `nil` if they stood in another way.
    private(set) var spacing: LineSpacing?
    private(set) var tokens: UnsafeMutableRawBufferPointer
    private var tokenCount = 0

    private(set) var keys: UnsafeMutableBufferPointer<StringID>
    private(set) var types: UnsafeMutableBufferPointer<AttributeType>
    private(set) var payloads: UnsafeMutableBufferPointer<UInt64>
    private(set) var cellCount = 0
    /// Slots that have been learned.
    private var learned = 0

    init() {
        slots = .allocate(capacity: 64)
        keys = .allocate(capacity: 64)
        types = .allocate(capacity: 64)
        payloads = .allocate(capacity: 64)
        tokens = .allocate(byteCount: 4_096, alignment: 8)
    }

    deinit {
        slots.deallocate()
        keys.deallocate()
        types.deallocate()
        payloads.deallocate()
        tokens.deallocate()
    }

    // MARK: Cells

    @inline(__always)
    mutating func beginLine() { cellCount = 0 }

    /// Adds a cell. There is room for one of each slot.
    @inline(__always)
    mutating func add(key: StringID, type: AttributeType, payload: UInt64) {
        keys[cellCount] = key
        types[cellCount] = type
        payloads[cellCount] = payload
        cellCount &+= 1
    }

    /// Appends the cells of the line to a batch's.
    mutating func append(to attributes: inout AttributeColumns) {
        attributes.keys.append(
            contentsOf: UnsafeBufferPointer(rebasing: keys[..<cellCount]))
        attributes.types.append(
            contentsOf: UnsafeBufferPointer(rebasing: types[..<cellCount]))
        attributes.payloads.append(
            contentsOf: UnsafeBufferPointer(rebasing: payloads[..<cellCount]))
    }

    // MARK: Learning

    /// Whether `token` is what stood before value `position` when it was learned.
    func isKnown(_ token: UnsafeRawBufferPointer, at position: Int) -> Bool {
        guard position < learned, let known = tokens.baseAddress, let start = token.baseAddress
        else { return false }
        let slot = slots[position]
        return slot.tokenCount == token.count
            && BytesEqual.test(known + slot.tokenStart, start, token.count)
    }

    /// Remembers what stands before value `position`.
    mutating func learn(
        _ token: UnsafeRawBufferPointer, at position: Int, key: StringID, field: LogField,
        label: Int, spacing: LineSpacing?
    ) {
        if tokenCount + token.count > tokens.count { growTokens(by: token.count) }
        if position == slots.count { growSlots() }
        UnsafeMutableRawBufferPointer(rebasing: tokens[tokenCount...]).copyMemory(from: token)
        slots[position] = Slot(
            key: key, field: field, label: label, tokenStart: tokenCount,
            tokenCount: token.count, spacing: spacing)
        tokenCount += token.count
        learned = max(learned, position + 1)
    }

    /// The line just read has this many members. If members were relearned again and again, all are
    /// forgotten.
    mutating func endLearning(members: Int) {
        count = members
        spacing = commonSpacing
        guard tokenCount > Self.tokenBytesMax else { return }
        tokenCount = 0
        learned = 0
        count = 0
    }

    /// What stands before the first member tells of colons only.
    private var commonSpacing: LineSpacing? {
        guard count > 1 else { return count == 0 ? [] : slots[0].spacing }
        guard let first = slots[0].spacing, let common = slots[1].spacing,
            first.contains(.afterColons) == common.contains(.afterColons),
            slots[2..<max(count, 2)].allSatisfy({ $0.spacing == common })
        else { return nil }
        return common
    }

    private mutating func growTokens(by more: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(tokens.count * 2, tokenCount + more), alignment: 8)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: tokens[..<tokenCount]))
        tokens.deallocate()
        tokens = larger
    }

    private mutating func growSlots() {
        let capacity = slots.count * 2
        slots = Self.grown(slots, learned, to: capacity)
        keys = Self.grown(keys, cellCount, to: capacity)
        types = Self.grown(types, cellCount, to: capacity)
        payloads = Self.grown(payloads, cellCount, to: capacity)
    }

    /// Copies the first `count` elements to a larger buffer.
    private static func grown<Element>(
        _ buffer: UnsafeMutableBufferPointer<Element>, _ count: Int, to capacity: Int
    ) -> UnsafeMutableBufferPointer<Element> {
        let larger = UnsafeMutableBufferPointer<Element>.allocate(capacity: capacity)
        _ = larger.initialize(from: buffer[..<count])
        buffer.deallocate()
        return larger
    }
}

/// Compares bytes by words, the last word overlapping its predecessor.
enum BytesEqual {
    @inline(__always)
    static func test(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
        if count >= 8 {
            var offset = 0
            while offset &+ 8 < count {
                if word(a, offset) != word(b, offset) { return false }
                offset &+= 8
            }
            return word(a, count &- 8) == word(b, count &- 8)
        }
        for offset in 0..<count
        where a.load(fromByteOffset: offset, as: UInt8.self)
            != b.load(fromByteOffset: offset, as: UInt8.self)
        {
            return false
        }
        return true
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
}
