/// Writes text into memory that is known to be large enough.
struct TextWriter {
    private let start: UnsafeMutableRawPointer
    private(set) var count = 0

    init(start: UnsafeMutableRawPointer) { self.start = start }

    var position: UnsafeMutableRawPointer { start + count }

    /// Counts bytes that have been written at `position`.
    @inline(__always)
    mutating func skip(_ bytes: Int) { count &+= bytes }

    @inline(__always)
    mutating func put(_ byte: UInt8) {
        start.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    @inline(__always)
    mutating func put(_ text: UnsafeRawBufferPointer) {
        guard let from = text.baseAddress else { return }
        position.copyMemory(from: from, byteCount: text.count)
        count &+= text.count
    }

    /// The last `width` digits of a number, zeros first if it has fewer.
    @inline(__always)
    mutating func put(_ number: Int64, width: Int) {
        var rest = number.magnitude
        var offset = count &+ width
        while offset > count {
            offset &-= 1
            let digit = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            start.storeBytes(of: digit, toByteOffset: offset, as: UInt8.self)
            rest /= 10
        }
        count &+= width
    }
}
