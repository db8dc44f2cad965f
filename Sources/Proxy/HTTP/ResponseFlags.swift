/// What went wrong with a request, in Envoy's letters (`%RESPONSE_FLAGS%`).
package struct ResponseFlags: OptionSet, Hashable, Sendable {
    package var rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let upstreamConnectionFailure = ResponseFlags(rawValue: 1 << 0)
    package static let noHealthyUpstream = ResponseFlags(rawValue: 1 << 1)
    package static let upstreamOverflow = ResponseFlags(rawValue: 1 << 2)
    package static let noRoute = ResponseFlags(rawValue: 1 << 3)
    package static let retryLimitExceeded = ResponseFlags(rawValue: 1 << 4)
    package static let upstreamTimeout = ResponseFlags(rawValue: 1 << 5)
    package static let upstreamTermination = ResponseFlags(rawValue: 1 << 6)
    package static let downstreamTermination = ResponseFlags(rawValue: 1 << 7)
    package static let downstreamProtocolError = ResponseFlags(rawValue: 1 << 8)
    package static let upstreamProtocolError = ResponseFlags(rawValue: 1 << 9)
    package static let streamIdleTimeout = ResponseFlags(rawValue: 1 << 10)

    private static let letters: [(flag: ResponseFlags, text: String)] = [
        (.upstreamConnectionFailure, "UF"), (.noHealthyUpstream, "UH"), (.upstreamOverflow, "UO"),
        (.noRoute, "NR"), (.retryLimitExceeded, "URX"), (.upstreamTimeout, "UT"),
        (.upstreamTermination, "UC"), (.downstreamTermination, "DC"),
        (.downstreamProtocolError, "DPE"), (.upstreamProtocolError, "UPE"),
        (.streamIdleTimeout, "SI"),
    ]

    /// `UF,URX`; `-` for none, as Envoy writes it.
    package var text: String {
        if isEmpty { return "-" }
        return ResponseFlags.letters.filter { contains($0.flag) }.map(\.text)
            .joined(separator: ",")
    }
}
