/// Envoy's response flags: the short form that access logs carry, and the words that say what happened
/// (`%RESPONSE_FLAGS_LONG%`; Envoy documentation, "Access logging", "Command operators").
package enum ResponseFlag {
    /// In the order of the fields of `envoy.data.accesslog.v3.ResponseFlags`, which begin at 1; the last
    /// has none.
    package static let all: [(short: StaticString, long: StaticString)] = [
        ("LH", "FailedLocalHealthCheck"), ("UH", "NoHealthyUpstream"),
        ("UT", "UpstreamRequestTimeout"), ("LR", "LocalReset"), ("UR", "UpstreamRemoteReset"),
        ("UF", "UpstreamConnectionFailure"), ("UC", "UpstreamConnectionTermination"),
        ("UO", "UpstreamOverflow"), ("NR", "NoRouteFound"), ("DI", "DelayInjected"),
        ("FI", "FaultInjected"), ("RL", "RateLimited"), ("UAEX", "UnauthorizedExternalService"),
        ("RLSE", "RateLimitServiceError"), ("DC", "DownstreamConnectionTermination"),
        ("URX", "UpstreamRetryLimitExceeded"), ("SI", "StreamIdleTimeout"),
        ("IH", "InvalidEnvoyRequestHeaders"), ("DPE", "DownstreamProtocolError"),
        ("UMSDR", "UpstreamMaxStreamDurationReached"), ("RFCF", "ResponseFromCacheFilter"),
        ("NFCF", "NoFilterConfigFound"), ("DT", "DurationTimeout"),
        ("UPE", "UpstreamProtocolError"), ("NC", "NoClusterFound"),
        ("OM", "OverloadManagerTerminated"), ("DF", "DnsResolutionFailed"),
        ("DR", "DownstreamRemoteReset"), ("UDO", "UnconditionalDropOverload"),
        ("DO", "DropOverload"),
    ]

    /// Words for short flags separated by commas; an unknown flag stays as it is.
    package static func appendLong(_ short: UnsafeRawBufferPointer, to words: inout [UInt8]) {
        var start = 0
        while start <= short.count {
            var end = start
            while end < short.count, short[end] != UInt8(ascii: ",") { end += 1 }
            if start > 0 { words.append(UInt8(ascii: ",")) }
            let flag = UnsafeRawBufferPointer(rebasing: short[start..<end])
            if let known = all.first(where: { matches($0.short, flag) }) {
                append(known.long, to: &words)
            } else {
                words.append(contentsOf: flag)
            }
            start = end + 1
        }
    }

    private static func matches(_ text: StaticString, _ flag: UnsafeRawBufferPointer) -> Bool {
        text.withUTF8Buffer { $0.elementsEqual(flag) }
    }

    package static func append(_ text: StaticString, to output: inout [UInt8]) {
        text.withUTF8Buffer { output.append(contentsOf: $0) }
    }
}
