import Telemetry

/// The labels of one series while they are read, kept in order of their names. Its memory serves series
/// after series.
struct ExpositionLabels {
    private struct Pair {
        var name: Range<Int>
        var value: Range<Int>
    }

    /// Names and values, without escapes.
    private var text: [UInt8] = []
    private var pairs: [Pair] = []
    private var openName: Range<Int>?
    /// Whether a name came twice.
    private(set) var hasDuplicate = false

    var isEmpty: Bool { pairs.isEmpty }

    mutating func removeAll() {
        text.removeAll(keepingCapacity: true)
        pairs.removeAll(keepingCapacity: true)
        openName = nil
        hasDuplicate = false
    }

    /// Starts a label; what is appended until `endLabel` is its value.
    mutating func beginLabel(_ name: some Collection<UInt8>) {
        let start = text.count
        text.append(contentsOf: name)
        openName = start..<text.count
    }

    mutating func append(_ bytes: some Collection<UInt8>) { text.append(contentsOf: bytes) }
    mutating func append(_ byte: UInt8) { text.append(byte) }

    /// Ends the label; one with an empty value is no label.
    mutating func endLabel() {
        guard let name = openName else { return }
        openName = nil
        let value = name.upperBound..<text.count
        var position = pairs.count
        while position > 0 {
            let other = pairs[position - 1].name
            if text[other].elementsEqual(text[name]) {
                hasDuplicate = true
                return
            }
            if text[other].lexicographicallyPrecedes(text[name]) { break }
            position -= 1
        }
        if value.isEmpty { return }
        pairs.insert(Pair(name: name, value: value), at: position)
    }

    mutating func insert(_ name: StaticString, _ value: some Collection<UInt8>) {
        name.withUTF8Buffer { beginLabel($0) }
        append(value)
        endLabel()
    }

    /// Rewrites the value of the label `name`, if it is there and a number, as `ExpositionBound` does.
    mutating func normalizeBound(_ name: StaticString) {
        let index = name.withUTF8Buffer { name in
            pairs.firstIndex { text[$0.name].elementsEqual(name) }
        }
        guard let index else { return }
        let old = pairs[index].value
        let number = text.withUnsafeBytes {
            ExpositionNumber.double(UnsafeRawBufferPointer(rebasing: $0[old]))
        }
        guard let number else { return }
        let start = text.count
        ExpositionBound.append(number, to: &text)
        pairs[index].value = start..<text.count
    }

    /// Whether all names and values are UTF-8.
    var isText: Bool {
        text.withUnsafeBytes { all in
            UTF8Text.isASCII(all)
                || pairs.allSatisfy {
                    UTF8Text.isValid(UnsafeRawBufferPointer(rebasing: all[$0.name]))
                        && UTF8Text.isValid(UnsafeRawBufferPointer(rebasing: all[$0.value]))
                }
        }
    }

    /// Appends the canonical bytes (`Labels`).
    func write(to bytes: inout [UInt8]) {
        for pair in pairs {
            Varint.append(UInt64(pair.name.count), to: &bytes)
            bytes.append(contentsOf: text[pair.name])
            Varint.append(UInt64(pair.value.count), to: &bytes)
            bytes.append(contentsOf: text[pair.value])
        }
    }

    /// The labels as a value of their own.
    var labels: Labels {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return Labels(canonicalBytes: bytes)
    }

    /// Characters of names and values together, which OpenMetrics bounds for exemplars.
    var characterCount: Int {
        pairs.reduce(0) { sum, pair in
            sum + text[pair.name].count { $0 & 0xC0 != 0x80 }
                + text[pair.value].count { $0 & 0xC0 != 0x80 }
        }
    }
}
