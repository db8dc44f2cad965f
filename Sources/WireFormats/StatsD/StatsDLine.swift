import Telemetry

/// One line of StatsD (github.com/statsd/statsd, docs/metric_types.md) with DogStatsD's extensions
/// (docs.datadoghq.com, "Datagram format", protocol 1.2): tags, several values, histograms and
/// distributions. Tags may also stand behind the name, as InfluxDB (`name,tag=value`) and Librato
/// (`name#tag=value`) have them.
///
/// Points into the datagram: no longer valid than that.
package struct StatsDLine {
    /// What the values mean.
    package enum Kind: UInt8, Sendable, Hashable {
        /// Increments.
        case counter
        case gauge
        /// Milliseconds.
        case timer
        /// Values whose distribution is wanted: `h` and `d`.
        case distribution
        /// Texts of which the distinct ones are counted.
        case set
    }

    /// Why a line is none.
    package enum Failure: String, Error, Sendable {
        case noValue = "no_value"
        case noKind = "no_kind"
        case unknownKind = "unknown_kind"
        case badValue = "bad_value"
        case badRate = "bad_rate"
        /// Events and service checks of DogStatsD, which are no metrics.
        case noMetric = "no_metric"
    }

    package private(set) var name: UnsafeRawBufferPointer
    /// As they stand behind the name; empty if there are none.
    package private(set) var nameTags = UnsafeRawBufferPointer(start: nil, count: 0)
    /// As they stand behind `|#`; empty if there are none.
    package private(set) var tags = UnsafeRawBufferPointer(start: nil, count: 0)
    package private(set) var kind: Kind
    /// Of what happened, the part that was sent: 0 < rate ≤ 1.
    package private(set) var rate = 1.0
    /// One or more, separated by colons.
    private let values: UnsafeRawBufferPointer

    /// - Parameter line: without its line feed.
    package init(_ line: UnsafeRawBufferPointer) throws(Failure) {
        if line.starts(with: "_e{".utf8) || line.starts(with: "_sc|".utf8) { throw .noMetric }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            throw .noValue
        }
        let rest = UnsafeRawBufferPointer(rebasing: line[(colon + 1)...])
        guard let bar = rest.firstIndex(of: UInt8(ascii: "|")) else { throw .noKind }
        guard bar > 0 else { throw .noValue }
        values = UnsafeRawBufferPointer(rebasing: rest[..<bar])
        name = UnsafeRawBufferPointer(rebasing: line[..<colon])
        if let mark = name.firstIndex(where: {
            $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "#")
        }) {
            nameTags = UnsafeRawBufferPointer(rebasing: name[(mark + 1)...])
            name = UnsafeRawBufferPointer(rebasing: name[..<mark])
        }
        guard !name.isEmpty else { throw .noValue }
        let parts = rest[(bar + 1)...].split(
            separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
        kind = try Self.kind(parts[0])
        for part in parts.dropFirst() {
            switch part.first {
            case UInt8(ascii: "@"):
                guard
                    let rate = ExpositionNumber.double(
                        UnsafeRawBufferPointer(rebasing: part.dropFirst())), rate > 0, rate <= 1
                else { throw .badRate }
                self.rate = rate
            case UInt8(ascii: "#"): tags = UnsafeRawBufferPointer(rebasing: part.dropFirst())
            default:
                // Container ids, timestamps and what is to come.
                continue
            }
        }
        if kind != .set { try checkValues() }
    }

    private static func kind(
        _ text: Slice<UnsafeRawBufferPointer>
    ) throws(Failure) -> Kind {
        switch (text.count, text.first ?? 0, text.last ?? 0) {
        case (1, UInt8(ascii: "c"), _): return .counter
        case (1, UInt8(ascii: "g"), _): return .gauge
        case (1, UInt8(ascii: "h"), _), (1, UInt8(ascii: "d"), _): return .distribution
        case (1, UInt8(ascii: "s"), _): return .set
        case (2, UInt8(ascii: "m"), UInt8(ascii: "s")): return .timer
        case (0, _, _): throw .noKind
        default: throw .unknownKind
        }
    }

    private func checkValues() throws(Failure) {
        var isValid = true
        forEachText { text in
            guard let value = ExpositionNumber.double(text), value.isFinite else {
                return isValid = false
            }
        }
        if !isValid { throw .badValue }
    }

    /// Each value as text.
    package func forEachText(_ body: (UnsafeRawBufferPointer) -> Void) {
        guard kind != .set else { return body(values) }
        for part in values.split(
            separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        {
            body(UnsafeRawBufferPointer(rebasing: part))
        }
    }

    /// Each value, and whether it has a sign, which makes it a change to a gauge.
    package func forEachValue(_ body: (_ value: Double, _ isChange: Bool) -> Void) {
        forEachText { text in
            let isChange = text.first == UInt8(ascii: "+") || text.first == UInt8(ascii: "-")
            if let value = ExpositionNumber.double(text) { body(value, isChange) }
        }
    }

    /// The labels of its series, with the name made of what Prometheus allows without quotes. A tag
    /// without a value is the label of that name with the value `true`.
    package var labels: Labels {
        var pairs = Self.pairs(nameTags, between: UInt8(ascii: "="))
        pairs += Self.pairs(tags, between: UInt8(ascii: ":"))
        pairs.append((Labels.metricName, Self.sanitized(name)))
        return Labels(pairs)
    }

    private static func pairs(
        _ tags: UnsafeRawBufferPointer, between mark: UInt8
    ) -> [(name: String, value: String)] {
        tags.split(separator: UInt8(ascii: ",")).compactMap { tag in
            // Without a name it says nothing.
            if tag.first == mark { return nil }
            let end = tag.firstIndex(of: mark)
            let name = sanitized(UnsafeRawBufferPointer(rebasing: tag[..<(end ?? tag.endIndex)]))
            let value = end.map { String(decoding: tag[($0 + 1)...], as: UTF8.self) } ?? "true"
            return (name, value)
        }
    }

    private static func sanitized(_ name: UnsafeRawBufferPointer) -> String {
        var bytes: [UInt8] = []
        for byte in name where byte & 0xC0 != 0x80 {
            let isLetter = (byte | 0x20) &- UInt8(ascii: "a") < 26
            let isDigit = byte &- UInt8(ascii: "0") <= 9
            if isDigit, bytes.isEmpty { bytes.append(UInt8(ascii: "_")) }
            bytes.append(isLetter || isDigit ? byte : UInt8(ascii: "_"))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
