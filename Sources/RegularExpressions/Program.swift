import CRE2

/// A pattern compiled by RE2.
// Proof of Sendable: the handle never changes after init, and RE2's matching is const and thread-safe.
final class Program: @unchecked Sendable {
    private let handle: OpaquePointer

    init(_ source: String, _ options: Pattern.Options) throws(PatternError) {
        var text = source
        let handle = text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) {
                cre2_compile(
                    $0.baseAddress, $0.count, options.dotMatchesNewline, options.isCaseSensitive,
                    Int64(options.memoryBytesMax))
            }
        }
        guard let handle else { throw PatternError(pattern: source, reason: "out of memory") }
        if let reason = cre2_error(handle).map({ String(cString: $0) }) {
            cre2_free(handle)
            throw PatternError(pattern: source, reason: reason)
        }
        self.handle = handle
    }

    deinit { cre2_free(handle) }

    var groupCount: Int { Int(cre2_group_count(handle)) }

    func groupName(_ group: Int) -> String? {
        cre2_group_name(handle, Int32(group)).map { String(cString: $0) }
    }

    func matches(_ text: UnsafeRawBufferPointer, whole: Bool) -> Bool {
        let characters = text.assumingMemoryBound(to: CChar.self)
        return cre2_match(handle, characters.baseAddress, text.count, whole, nil, 0)
    }

    /// Replaces the elements of `ranges` by where the match and its groups are.
    func match(
        _ text: UnsafeRawBufferPointer, whole: Bool, ranges: inout [Range<Int>?]
    ) -> Bool {
        let count = groupCount + 1
        let characters = text.assumingMemoryBound(to: CChar.self)
        return withUnsafeTemporaryAllocation(of: CRE2Range.self, capacity: count) { found in
            let isMatch = cre2_match(
                handle, characters.baseAddress, text.count, whole, found.baseAddress,
                Int32(count))
            ranges.removeAll(keepingCapacity: true)
            guard isMatch else { return false }
            for range in found {
                ranges.append(range.start < 0 ? nil : range.start..<range.end)
            }
            return true
        }
    }
}
