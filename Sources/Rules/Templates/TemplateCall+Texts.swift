import RegularExpressions

/// Texts, patterns, hosts and links.
extension TemplateCall {
    func textual() throws(RenderFailure) -> TemplateValue {
        if function == .match {
            return .bool(try pattern(try text(0)).contains(try text(1)))
        }
        if function == .reReplaceAll { return .string(try replaced()) }
        let text = try text(0)
        switch function {
        case .toUpper: return .string(text.mappingLetters(\.uppercaseMapping))
        case .toLower: return .string(text.mappingLetters(\.lowercaseMapping))
        case .title: return .string(text.titled)
        case .stripPort: return .string(HostText(text).host ?? text)
        case .stripDomain: return .string(HostText.withoutDomain(text))
        case .graphLink: return .string("/graph?g0.expr=\(URLText.queryEscaped(text))&g0.tab=0")
        case .tableLink: return .string("/graph?g0.expr=\(URLText.queryEscaped(text))&g0.tab=1")
        case .urlQueryEscape: return .string(URLText.queryEscaped(text))
        default: return .string(text)
        }
    }

    private func pattern(_ source: String) throws(RenderFailure) -> Pattern {
        do throws(PatternError) {
            return try Pattern(source, options: Pattern.Options(dotMatchesNewline: false))
        } catch {
            throw RenderFailure(
                reason: "error calling \(function.rawValue): error parsing regexp: \(error.reason)")
        }
    }

    /// Every match replaced, from left to right; `$1` and `${name}` are groups.
    private func replaced() throws(RenderFailure) -> String {
        let pattern = try pattern(try text(0))
        let replacement = Replacement(try text(1), for: pattern)
        let bytes = Array(try text(2).utf8)
        guard (bytes.count + 1) * (try text(1).utf8.count) <= 16 * TemplateValue.weightMax else {
            throw RenderFailure(reason: "the texts of reReplaceAll have too many bytes")
        }
        let isAnchored = pattern.source.hasPrefix("^") || pattern.source.hasPrefix("\\A")
        var result: [UInt8] = []
        var (offset, copied, lastEnd) = (0, 0, -1)
        var groups: [Range<Int>?] = []
        while offset <= bytes.count {
            let isFound = bytes.withUnsafeBytes { raw in
                pattern.captures(
                    UnsafeRawBufferPointer(rebasing: raw[offset...]), whole: false, into: &groups)
            }
            guard isFound, let found = groups.first ?? nil else { break }
            let whole = (found.lowerBound + offset)..<(found.upperBound + offset)
            // An empty match right behind another is none.
            if !(whole.isEmpty && whole.lowerBound == lastEnd) {
                result += bytes[copied..<whole.lowerBound]
                let texts = groups.map { range in
                    range.map {
                        String(
                            decoding: bytes[($0.lowerBound + offset)..<($0.upperBound + offset)],
                            as: UTF8.self)
                    }
                }
                result += Array(replacement.expanded(with: texts).utf8)
                copied = whole.upperBound
            }
            lastEnd = whole.upperBound
            offset =
                whole.isEmpty ? Self.next(after: whole.upperBound, in: bytes) : whole.upperBound
            // What follows is no beginning.
            if isAnchored { break }
        }
        result += bytes[min(copied, bytes.count)...]
        return String(decoding: result, as: UTF8.self)
    }

    /// The beginning of the character behind the one at `offset`.
    private static func next(after offset: Int, in bytes: [UInt8]) -> Int {
        var next = offset + 1
        while next < bytes.count, bytes[next] & 0xC0 == 0x80 { next += 1 }
        return next
    }

}

/// `host:port`, with brackets around IPv6 addresses (Go, net.SplitHostPort).
struct HostText {
    /// `nil` if the text is no host with a port.
    let host: String?
    let port: String

    init(_ text: String) {
        let scalars = Array(text.utf8)
        let (host, port) = Self.split(scalars) ?? (nil, [])
        self.host = host.map { String(decoding: $0, as: UTF8.self) }
        self.port = String(decoding: port, as: UTF8.self)
    }

    private static func split(_ text: [UInt8]) -> ([UInt8]?, [UInt8])? {
        guard let colon = text.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        let port = Array(text[(colon + 1)...])
        if text.first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: UInt8(ascii: "]")), end + 1 == colon else {
                return nil
            }
            return (Array(text[1..<end]), port)
        }
        let host = Array(text[..<colon])
        guard !host.contains(where: { ":[]".utf8.contains($0) }) else { return nil }
        return (host, port)
    }

    /// The first part of a name, with the port if there was one; addresses stay whole.
    static func withoutDomain(_ text: String) -> String {
        let parts = HostText(text)
        let host = parts.host ?? text
        if isAddress(host) { return text }
        let first = host.split(separator: ".", omittingEmptySubsequences: false)[0]
        guard parts.host != nil, !parts.port.isEmpty else { return String(first) }
        return first.contains(":") ? "[\(first)]:\(parts.port)" : "\(first):\(parts.port)"
    }

    private static func isAddress(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 4, parts.allSatisfy({ UInt8($0) != nil }) { return true }
        return host.contains(":")
            && host.utf8.allSatisfy { $0.isHexadecimal || ":.".utf8.contains($0) }
    }
}

extension UInt8 {
    fileprivate var isHexadecimal: Bool {
        switch self {
        case 48...57, 65...70, 97...102: true
        default: false
        }
    }
}

/// Parts of URLs.
enum URLText {
    /// As part of a query: unreserved characters of RFC 3986 stay, a space is a plus sign (Go,
    /// url.QueryEscape).
    static func queryEscaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            if byte.isAlphanumeric || "-_.~".utf8.contains(byte) {
                escaped.append(byte)
            } else if byte == 32 {
                escaped.append(UInt8(ascii: "+"))
            } else {
                escaped += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    /// What follows the host.
    static func path(of url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return "" }
        let rest = url[scheme.upperBound...]
        guard let slash = rest.firstIndex(of: "/") else { return "" }
        return String(rest[slash...].prefix { $0 != "?" && $0 != "#" })
    }
}

extension String {
    /// The first letter of every word in upper case, the others as they are.
    var titled: String {
        var result = ""
        var isStart = true
        for character in self {
            result += isStart ? character.uppercased() : String(character)
            isStart = !(character.isLetter || character.isNumber || "_'’".contains(character))
        }
        return result
    }

    /// Letter by letter: one whose counterpart is more than one stays, as in Go.
    fileprivate func mappingLetters(_ mapping: (Unicode.Scalar.Properties) -> String) -> String {
        var mapped = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            let other = mapping(scalar.properties).unicodeScalars
            mapped.append(other.count == 1 ? other.first ?? scalar : scalar)
        }
        return String(mapped)
    }
}
