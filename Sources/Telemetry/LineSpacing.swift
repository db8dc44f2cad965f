/// Where the JSON object that a structured line was had spaces: after every colon, after every comma, or
/// nowhere. With it the members of a line render as the bytes that came. Python's `json.dumps` writes both,
/// most other writers none.
///
/// Kept in bits of a record's flags that OTLP reserves and receivers ignore (opentelemetry-proto,
/// `LogRecord.flags`), so that it goes along when lines are exported and imported.
package struct LineSpacing: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let afterColons = LineSpacing(rawValue: 1 << 31)
    package static let afterCommas = LineSpacing(rawValue: 1 << 30)
    package static let all: LineSpacing = [.afterColons, .afterCommas]

    /// Of a record's flags.
    package init(flags: UInt32) { rawValue = flags & Self.all.rawValue }

    /// Flags as they are told to others.
    package static func plain(_ flags: UInt32) -> UInt32 { flags & ~all.rawValue }

    @inline(__always)
    package func appendColon(to output: inout [UInt8]) {
        output.append(UInt8(ascii: ":"))
        if contains(.afterColons) { output.append(UInt8(ascii: " ")) }
    }

    @inline(__always)
    package func appendComma(to output: inout [UInt8]) {
        output.append(UInt8(ascii: ","))
        if contains(.afterCommas) { output.append(UInt8(ascii: " ")) }
    }
}
