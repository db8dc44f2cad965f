/// Fixed-width bit packing: value `i` occupies bits `i·width ..< (i+1)·width` of a little-endian bit
/// string (Lemire & Boytsov, "Decoding billions of integers per second through vectorization", SPE
/// 2015, the horizontal layout). Eight values fill exactly `width` bytes, so both loops go by eights
/// with shifts that stay the same for the whole run.
enum BitPacking {
    /// Bytes that `count` values of `width` bits take.
    @inline(__always)
    static func byteCount(_ count: Int, width: Int) -> Int { (count &* width &+ 7) >> 3 }

    /// Bytes that `unpack` may read past the packed ones.
    static let slack = 9

    /// Packs the low `width` bits of `count` values; bits above `width` must be zero.
    ///
    /// `out` has room for `byteCount` rounded up to whole words plus one word.
    static func pack(
        _ values: UnsafePointer<UInt64>, count: Int, width: Int, into out: UnsafeMutableRawPointer
    ) {
        if width == 0 { return }
        var word: UInt64 = 0
        var filled = 0
        var offset = 0
        for index in 0..<count {
            let value = values[index]
            word |= value &<< UInt64(truncatingIfNeeded: filled)
            filled &+= width
            if filled >= 64 {
                out.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
                offset &+= 8
                filled &-= 64
                // A shift by 64 (nothing carried over) must give 0.
                word = filled == 0 ? 0 : value &>> UInt64(truncatingIfNeeded: width &- filled)
            }
        }
        if filled > 0 {
            out.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
        }
    }

    /// Unpacks `count` values of `width` bits and adds `base` (wrapping) to each.
    ///
    /// `source` is readable for `slack` bytes past the packed ones.
    @inline(__always)
    static func unpack<T: FixedWidthInteger>(
        _ source: UnsafeRawPointer, count: Int, width: Int, base: T,
        into out: UnsafeMutablePointer<T>
    ) {
        if width == 0 {
            for index in 0..<count { out[index] = base }
        } else if width <= 56 {
            unpackNarrow(source, count: count, width: width, base: base, into: out)
        } else {
            unpackWide(source, count: count, width: width, base: base, into: out)
        }
    }

    @inline(__always)
    private static func unpackNarrow<T: FixedWidthInteger>(
        _ source: UnsafeRawPointer, count: Int, width: Int, base: T,
        into out: UnsafeMutablePointer<T>
    ) {
        let mask = (1 as UInt64) &<< UInt64(truncatingIfNeeded: width) &- 1
        var position = 0
        var index = 0
        let (o1, o2, o3) = (width >> 3, (2 &* width) >> 3, (3 &* width) >> 3)
        let (o4, o5) = ((4 &* width) >> 3, (5 &* width) >> 3)
        let (o6, o7) = ((6 &* width) >> 3, (7 &* width) >> 3)
        let w = UInt64(truncatingIfNeeded: width)
        let (s1, s2, s3, s4) = (w & 7, 2 &* w & 7, 3 &* w & 7, 4 &* w & 7)
        let (s5, s6, s7) = (5 &* w & 7, 6 &* w & 7, 7 &* w & 7)
        while index &+ 8 <= count {
            let group = source + position
            let target = out + index
            target[0] = field(group, 0, 0, mask) &+ base
            target[1] = field(group, o1, s1, mask) &+ base
            target[2] = field(group, o2, s2, mask) &+ base
            target[3] = field(group, o3, s3, mask) &+ base
            target[4] = field(group, o4, s4, mask) &+ base
            target[5] = field(group, o5, s5, mask) &+ base
            target[6] = field(group, o6, s6, mask) &+ base
            target[7] = field(group, o7, s7, mask) &+ base
            index &+= 8
            position &+= width
        }
        var bit = index &* width
        while index < count {
            out[index] = field(source, bit >> 3, UInt64(bit & 7), mask) &+ base
            bit &+= width
            index &+= 1
        }
    }

    @inline(__always)
    private static func field<T: FixedWidthInteger>(
        _ source: UnsafeRawPointer, _ offset: Int, _ shift: UInt64, _ mask: UInt64
    ) -> T {
        let word = UInt64(
            littleEndian: source.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        return T(truncatingIfNeeded: word &>> shift & mask)
    }

    /// Widths of 57 to 64 bits: a value may reach into a ninth byte.
    @inline(__always)
    private static func unpackWide<T: FixedWidthInteger>(
        _ source: UnsafeRawPointer, count: Int, width: Int, base: T,
        into out: UnsafeMutablePointer<T>
    ) {
        let mask = UInt64.max &>> UInt64(64 &- width)
        var bit = 0
        for index in 0..<count {
            let offset = bit >> 3
            let shift = UInt64(bit & 7)
            let low = UInt64(
                littleEndian: source.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let ninth = UInt64(source.load(fromByteOffset: offset &+ 8, as: UInt8.self))
            // `<< 1 << (63 - shift)` is `<< (64 - shift)` that gives 0 for a shift of 0.
            let value = (low &>> shift | (ninth &<< 1) &<< (63 &- shift)) & mask
            out[index] = T(truncatingIfNeeded: value) &+ base
            bit &+= width
        }
    }
}
