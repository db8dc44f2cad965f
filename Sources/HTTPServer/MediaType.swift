/// A `Content-Type` or one element of `Accept`: `type/subtype` in lower case with its parameters
/// (RFC 9110 §8.3.1).
package struct MediaType: Sendable, Hashable {
    /// `application/json`, for example; never with parameters.
    package let essence: String
    package let parameters: [String: String]

    /// `nil` when there is no `type/subtype`.
    package init?(_ text: String) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false)
        let essence = Self.trimmed(parts[0]).lowercased()
        let halves = essence.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, !halves[0].isEmpty, !halves[1].isEmpty else { return nil }
        var parameters: [String: String] = [:]
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { continue }
            var value = Self.trimmed(pair[1])
            if value.count >= 2, value.first == "\"", value.last == "\"" {
                value = value.dropFirst().dropLast()
            }
            parameters[Self.trimmed(pair[0]).lowercased()] = String(value)
        }
        self.essence = essence
        self.parameters = parameters
    }

    static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
