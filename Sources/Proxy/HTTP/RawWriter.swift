import NIOCore

/// Writes into memory whose size its user has computed beforehand; more than fits is a bug, and stops
/// the program rather than writing past the end.
struct RawWriter {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    @inline(__always)
    private mutating func advance(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        precondition(bytes <= memory.count - count, "BUG: message head larger than computed")
        defer { count += bytes }
        return UnsafeMutableRawBufferPointer(rebasing: memory[count..<(count + bytes)])
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        advance(bytes.count).copyMemory(from: bytes)
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    /// 16 lower-case hexadecimal digits.
    mutating func append(hex value: UInt64) { HexText.write(value, to: advance(16)) }

    mutating func append(hexByte value: UInt8) {
        let digits = HexText.digits
        let target = advance(2)
        target[0] = digits[Int(value >> 4)]
        target[1] = digits[Int(value & 0xF)]
    }

    mutating func append(decimal value: UInt64) {
        let width = DecimalText.width(value)
        DecimalText.write(value, to: advance(width))
    }
}

/// Lower-case hexadecimal digits.
enum HexText {
    @inline(__always)
    static var digits: UnsafePointer<UInt8> { ("0123456789abcdef" as StaticString).utf8Start }

    @inline(__always)
    static func write(_ value: UInt64, to target: UnsafeMutableRawBufferPointer) {
        for index in 0..<16 {
            target[index] = digits[Int(value >> UInt64(60 - 4 * index) & 0xF)]
        }
    }
}

/// Decimal digits.
enum DecimalText {
    static func width(_ value: UInt64) -> Int {
        var width = 1
        var rest = value / 10
        while rest > 0 {
            width += 1
            rest /= 10
        }
        return width
    }

    /// Fills all of `target`, from the right.
    static func write(_ value: UInt64, to target: UnsafeMutableRawBufferPointer) {
        var rest = value
        var index = target.count
        while index > 0 {
            index -= 1
            target[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }
}

extension Array where Element == UInt8 {
    mutating func append(_ text: StaticString) {
        append(
            contentsOf: UnsafeRawBufferPointer(
                start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(hex value: UInt64) {
        withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { digits in
            HexText.write(value, to: digits)
            append(contentsOf: digits)
        }
    }

    mutating func append(decimal value: UInt64) {
        let width = DecimalText.width(value)
        withUnsafeTemporaryAllocation(byteCount: width, alignment: 1) { digits in
            DecimalText.write(value, to: digits)
            append(contentsOf: digits)
        }
    }
}
