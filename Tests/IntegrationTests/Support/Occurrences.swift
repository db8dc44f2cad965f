import Glibc

/// Looks for bytes in many of them, with the C library's help: tests are compiled without optimisation.
enum Occurrences {
    /// Where `mark` begins, none overlapping another.
    /// - Parameter rare: the place in `mark` of a byte that is seldom elsewhere.
    static func places(of mark: [UInt8], in bytes: [UInt8], rare: Int = 0) -> [Int] {
        var places: [Int] = []
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, bytes.count >= mark.count else { return }
            var offset = rare
            while offset < bytes.count,
                let found = memchr(base + offset, Int32(mark[rare]), bytes.count - offset)
            {
                offset = UnsafeRawPointer(found) - base
                let begin = offset - rare
                if begin + mark.count <= bytes.count, memcmp(base + begin, mark, mark.count) == 0 {
                    places.append(begin)
                    offset += mark.count
                } else {
                    offset += 1
                }
            }
        }
        return places
    }
}
