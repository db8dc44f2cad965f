/// `unpack`: reads lines that Promtail's stage `pack` wrote: an object of strings, of which `_entry` is the
/// line and the others are labels.
enum Unpacker {
    private static let entry = Array("_entry".utf8)

    /// - Returns: whether the line is an object of strings and numbers; `entry` is the line to go on
    ///   with, if it has one.
    static func run(
        _ line: UnsafeRawBufferPointer, into labels: inout LineLabels, entry: inout [UInt8]?
    ) -> Bool {
        var scanner = JSONScanner(line)
        let reader = scanner
        var key: [UInt8] = []
        var value: [UInt8] = []
        var found: [UInt8]?
        guard line.first == UInt8(ascii: "{") else { return false }
        let isWhole = scanner.members { range, hasEscapes, member in
            guard case .string = member else { return }
            key.removeAll(keepingCapacity: true)
            value.removeAll(keepingCapacity: true)
            reader.append(string: range, hasEscapes, to: &key)
            reader.append(member, to: &value)
            if key == Unpacker.entry {
                found = value
                return
            }
            key.withUnsafeBytes { name in
                value.withUnsafeBytes { labels.add(name: name, value: $0) }
            }
        }
        entry = found
        return isWhole
    }
}
