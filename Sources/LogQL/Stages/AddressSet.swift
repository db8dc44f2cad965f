import QueryCore

/// What `ip()` accepts: one address, a range `a-b` or a prefix `a/n`, of IPv4 or IPv6.
struct AddressSet: Sendable, Hashable {
    private let first: IPAddress
    private let last: IPAddress

    init(_ text: String) throws(ExpressionError) {
        let text = text.filter { $0 != " " }
        if let dash = text.firstIndex(of: "-") {
            guard let first = IPAddress(text[..<dash]),
                let last = IPAddress(text[text.index(after: dash)...]),
                first.isV6 == last.isV6, first.bits <= last.bits
            else { throw ExpressionError(reason: "\"\(text)\" is no range of addresses") }
            (self.first, self.last) = (first, last)
        } else if let slash = text.firstIndex(of: "/") {
            guard let address = IPAddress(text[..<slash]),
                let length = Int(text[text.index(after: slash)...]), length >= 0,
                length <= address.bitCount
            else { throw ExpressionError(reason: "\"\(text)\" is no prefix of addresses") }
            (first, last) = address.block(length)
        } else {
            guard let address = IPAddress(text[...]) else {
                throw ExpressionError(reason: "\"\(text)\" is no address")
            }
            (first, last) = (address, address)
        }
    }

    func contains(_ address: IPAddress) -> Bool {
        address.isV6 == first.isV6 && first.bits <= address.bits && address.bits <= last.bits
    }

    /// Whether an address of the set stands somewhere in a line or value, which may have a port behind it.
    /// - Complexity: O(length): runs of characters that addresses are made of are looked at once each.
    func isFound(in line: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset < line.count {
            guard AddressSet.isAddressByte(line[offset]) else {
                offset += 1
                continue
            }
            let start = offset
            var separators = 0
            while offset < line.count, AddressSet.isAddressByte(line[offset]) {
                if line[offset] == UInt8(ascii: ".") || line[offset] == UInt8(ascii: ":") {
                    separators += 1
                }
                offset += 1
            }
            if separators >= 2, isFound(inRun: line[start..<offset]) { return true }
        }
        return false
    }

    /// A run may have a port or full stop behind the address.
    private func isFound(inRun run: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard run.count <= 64 else { return false }
        var text = Substring(decoding: run, as: UTF8.self)
        if !first.isV6 {
            if let colon = text.firstIndex(of: ":") { text = text[..<colon] }
        }
        while let end = text.last, end == "." || end == ":" {
            if let address = IPAddress(text) { return contains(address) }
            text.removeLast()
        }
        return IPAddress(text).map(contains) ?? false
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        Lexer.isDigit(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
}

/// An address of IPv4 (RFC 791) or IPv6 (RFC 4291).
struct IPAddress: Sendable, Hashable {
    var isV6: Bool
    var bits: UInt128

    var bitCount: Int { isV6 ? 128 : 32 }

    init?(_ text: Substring) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            guard let bits = IPAddress.sixteenBytes(text) else { return nil }
            (isV6, self.bits) = (true, bits)
        } else {
            guard let bits = IPAddress.fourBytes(text) else { return nil }
            (isV6, self.bits) = (false, UInt128(bits))
        }
    }

    private init(isV6: Bool, bits: UInt128) {
        self.isV6 = isV6
        self.bits = bits
    }

    /// The first and last address that have the first `length` bits of this one.
    func block(_ length: Int) -> (IPAddress, IPAddress) {
        let free = UInt128(bitCount - length)
        let mask: UInt128 = free == 128 ? .max : (UInt128(1) << free) - 1
        return (
            IPAddress(isV6: isV6, bits: bits & ~mask), IPAddress(isV6: isV6, bits: bits | mask)
        )
    }

    private static func fourBytes(_ text: Substring) -> UInt32? {
        var value: UInt32 = 0
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy(Lexer.isDigit),
                part.utf8.count == 1 || part.first != "0", let byte = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(byte)
        }
        return value
    }

    private static func sixteenBytes(_ text: Substring) -> UInt128? {
        let halves = text.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
        guard halves.count <= 2 else { return nil }
        guard let head = groups(halves[0]) else { return nil }
        guard halves.count == 2 else { return head.count == 8 ? join(head) : nil }
        guard let tail = groups(halves[1]), head.count + tail.count < 8 else { return nil }
        let zeros = [UInt16](repeating: 0, count: 8 - head.count - tail.count)
        return join(head + zeros + tail)
    }

    private static func join(_ groups: [UInt16]) -> UInt128 {
        groups.reduce(0) { $0 << 16 | UInt128($1) }
    }

    private static func groups(_ text: Substring) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.utf8.contains(UInt8(ascii: ".")) {
                guard let bytes = fourBytes(part) else { return nil }
                groups += [
                    UInt16(truncatingIfNeeded: bytes >> 16), UInt16(truncatingIfNeeded: bytes),
                ]
            } else {
                guard (1...4).contains(part.utf8.count),
                    part.utf8.allSatisfy({ HexByte.isHex($0) }), let group = UInt16(part, radix: 16)
                else { return nil }
                groups.append(group)
            }
        }
        return groups
    }
}

private enum HexByte {
    static func isHex(_ byte: UInt8) -> Bool {
        Lexer.isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
}
