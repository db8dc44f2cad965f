/// A label set of a time series: names unique and sorted bytewise, no empty values (a label with an
/// empty value is no label, as in Prometheus). The metric name is the label `__name__`.
///
/// Held as one canonical byte sequence, `(varint length │ name │ varint length │ value)*`, so that
/// equality, hashing and storage need no per-label objects.
package struct Labels: Hashable, Sendable {
    package let bytes: [UInt8]

    package static let metricName = "__name__"
    package static let empty = Labels(canonicalBytes: [])

    /// Takes over bytes that are canonical already (from a decoder that checked, or from disk).
    package init(canonicalBytes: [UInt8]) { bytes = canonicalBytes }

    /// Sorts, drops empty values; of a repeated name the last one wins.
    package init(_ pairs: some Sequence<(name: String, value: String)>) {
        var byName: [(name: String, value: String)] = []
        for pair in pairs {
            // Bytewise: `==` on strings takes canonically equivalent ones for equal.
            if let index = byName.firstIndex(where: {
                $0.name.utf8.elementsEqual(pair.name.utf8)
            }) {
                byName[index].value = pair.value
            } else {
                byName.append(pair)
            }
        }
        byName.removeAll { $0.value.isEmpty }
        byName.sort { Labels.precedes($0.name.utf8, $1.name.utf8) }
        var bytes: [UInt8] = []
        for (name, value) in byName { Labels.append(name: name, value: value, to: &bytes) }
        self.bytes = bytes
    }

    package init(_ pairs: KeyValuePairs<String, String>) {
        self.init(pairs.map { (name: $0.key, value: $0.value) })
    }

    package var isEmpty: Bool { bytes.isEmpty }
    /// The identity of the series, the same in every file.
    package var seriesID: SeriesID { SeriesID(ContentHash(bytes)) }

    package subscript(name: String) -> String? {
        var name = name
        return name.withUTF8 { wanted in
            bytes.withUnsafeBytes { all in
                var cursor = LabelCursor(all)
                while let pair = cursor.next() {
                    if pair.name.elementsEqual(wanted) {
                        return String(decoding: pair.value, as: UTF8.self)
                    }
                }
                return nil
            }
        }
    }

    /// All pairs in order.
    package var pairs: [(name: String, value: String)] {
        bytes.withUnsafeBytes { all in
            var cursor = LabelCursor(all)
            var pairs: [(name: String, value: String)] = []
            while let pair = cursor.next() {
                pairs.append(
                    (
                        String(decoding: pair.name, as: UTF8.self),
                        String(decoding: pair.value, as: UTF8.self)
                    ))
            }
            return pairs
        }
    }

    /// The labels whose names `isIncluded` accepts.
    package func filter(_ isIncluded: (UnsafeRawBufferPointer) -> Bool) -> Labels {
        bytes.withUnsafeBytes { all in
            var kept: [UInt8] = []
            kept.reserveCapacity(all.count)
            var cursor = LabelCursor(all)
            while let pair = cursor.next() {
                if isIncluded(pair.name) { kept.append(contentsOf: pair.encoded) }
            }
            return Labels(canonicalBytes: kept)
        }
    }

    /// With `name` set to `value`; an empty value removes it.
    package func setting(_ name: String, _ value: String) -> Labels {
        Labels(pairs + [(name: name, value: value)])
    }

    package static func append(name: String, value: String, to bytes: inout [UInt8]) {
        Varint.append(UInt64(name.utf8.count), to: &bytes)
        bytes.append(contentsOf: name.utf8)
        Varint.append(UInt64(value.utf8.count), to: &bytes)
        bytes.append(contentsOf: value.utf8)
    }

    package static func precedes(_ a: some Sequence<UInt8>, _ b: some Sequence<UInt8>) -> Bool {
        a.lexicographicallyPrecedes(b)
    }
}

extension Labels: CustomStringConvertible {
    /// In the form of the exposition format: `name{a="b", c="d"}`.
    package var description: String {
        var name = ""
        var others: [String] = []
        for pair in pairs {
            if pair.name == Labels.metricName {
                name = pair.value
            } else {
                others.append("\(pair.name)=\"\(Labels.escaped(pair.value))\"")
            }
        }
        return others.isEmpty && !name.isEmpty ? name : "\(name){\(others.joined(separator: ", "))}"
    }

    /// By scalars: a quote with a combining mark, or CR LF, is one `Character`.
    private static func escaped(_ value: String) -> String {
        var text = String.UnicodeScalarView()
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\", "\"": text.append(contentsOf: ["\\", scalar])
            case "\n": text.append(contentsOf: ["\\", "n"])
            default: text.append(scalar)
            }
        }
        return String(text)
    }
}

/// Walks the pairs of canonical label bytes without allocating. Stops at the first malformed byte.
package struct LabelCursor {
    package struct Pair {
        package var name: UnsafeRawBufferPointer
        package var value: UnsafeRawBufferPointer
        /// Both with their length prefixes, as they stand in the canonical bytes.
        package var encoded: UnsafeRawBufferPointer
    }

    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    package mutating func next() -> Pair? {
        let start = offset
        guard let name = run(), let value = run() else { return nil }
        return Pair(
            name: name, value: value,
            encoded: UnsafeRawBufferPointer(rebasing: bytes[start..<offset]))
    }

    private mutating func run() -> UnsafeRawBufferPointer? {
        guard offset < bytes.count, let length = Varint.read(bytes, &offset),
            length <= bytes.count - offset
        else { return nil }
        defer { offset += Int(length) }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + Int(length))])
    }
}

/// The identity of a time series: a 128-bit hash of its canonical labels.
package struct SeriesID: Hashable, Sendable, Comparable {
    package var hash: ContentHash

    @inlinable package init(_ hash: ContentHash) { self.hash = hash }

    @inlinable package static func < (a: SeriesID, b: SeriesID) -> Bool { a.hash < b.hash }
}
