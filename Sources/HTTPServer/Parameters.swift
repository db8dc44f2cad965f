/// Parameters of a query string or form, decoded, in the order in which they were sent; names may
/// repeat.
package struct Parameters: Sendable, Hashable {
    package struct Entry: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var entries: [Entry]

    package init(_ entries: [Entry] = []) { self.entries = entries }

    /// Reads `application/x-www-form-urlencoded` text (WHATWG URL §5.1): `+` is a space, a `%` that two
    /// hex digits do not follow stands for itself, bytes that are not UTF-8 are repaired.
    package init(encoded: some Collection<UInt8>) {
        entries = []
        for pair in encoded.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "="))
            let name = pair[..<(equals ?? pair.endIndex)]
            let value = equals.map { pair[pair.index(after: $0)...] }
            entries.append(
                Entry(
                    name: PercentCoding.decode(name, plusIsSpace: true),
                    value: value.map { PercentCoding.decode($0, plusIsSpace: true) } ?? ""))
        }
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// The first value under `name`.
    package subscript(name: String) -> String? {
        entries.first { $0.name == name }?.value
    }

    /// All values under `name`, in order.
    package func all(_ name: String) -> [String] {
        entries.compactMap { $0.name == name ? $0.value : nil }
    }
}

/// Percent-encoding (RFC 3986 §2.1).
package enum PercentCoding {
    package static func decode(
        _ bytes: some Collection<UInt8>, plusIsSpace: Bool = false
    ) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index != bytes.endIndex {
            let byte = bytes[index]
            bytes.formIndex(after: &index)
            if byte == UInt8(ascii: "%"), let (value, next) = escape(bytes, at: index) {
                decoded.append(value)
                index = next
            } else if byte == UInt8(ascii: "+"), plusIsSpace {
                decoded.append(UInt8(ascii: " "))
            } else {
                decoded.append(byte)
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func escape<Bytes: Collection<UInt8>>(
        _ bytes: Bytes, at index: Bytes.Index
    ) -> (value: UInt8, next: Bytes.Index)? {
        guard index != bytes.endIndex, let high = digit(bytes[index]) else { return nil }
        let second = bytes.index(after: index)
        guard second != bytes.endIndex, let low = digit(bytes[second]) else { return nil }
        return (high << 4 | low, bytes.index(after: second))
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
