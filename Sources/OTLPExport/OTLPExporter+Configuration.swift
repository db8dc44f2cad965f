import Platform

extension OTLPExporter {
    /// Where telemetry is sent, in what portions, and how much may wait.
    package struct Configuration: Sendable {
        /// `http://host:port`, to which `/v1/traces`, `/v1/logs` and `/v1/metrics` are added
        /// (OTLP specification, "OTLP/HTTP request").
        package var endpoint: String
        package var headers: [(name: String, value: String)] = []
        package var compressesWithGzip = false
        /// A request is sent when this many items wait …
        package var batchItemsMax = 8_192
        /// … or this many encoded bytes (receivers refuse more than 4 to 16 MiB) …
        package var batchBytesMax = 2 << 20
        /// … or the first of them has waited this long.
        package var interval: Duration = .milliseconds(500)
        /// What may wait of a signal while the receiver is slow or away: more is dropped and counted.
        package var queueItemsMax = 200_000
        package var queueBytesMax = 128 << 20
        package var requestTimeout: Duration = .seconds(10)
        package var retry = RetryPolicy()

        /// - Throws: `ExportConfigurationError` if `endpoint` is no HTTP URL.
        package init(endpoint: String) throws(ExportConfigurationError) {
            guard endpoint.hasPrefix("http://") || endpoint.hasPrefix("https://") else {
                throw ExportConfigurationError(
                    description: "\"\(endpoint)\" is no http:// or https:// URL")
            }
            self.endpoint = endpoint
            while self.endpoint.hasSuffix("/") { self.endpoint.removeLast() }
        }

        func url(_ signal: Signal) -> String { "\(endpoint)/v1/\(signal.rawValue)" }
    }
}

/// Why an exporter cannot be made.
package struct ExportConfigurationError: Error, Equatable, CustomStringConvertible {
    package var description: String
}

/// When a request that failed for a passing reason is sent again: exponential waits with full jitter
/// (OTLP specification, "OTLP/HTTP throttling"; Brooker, "Exponential Backoff And Jitter").
package struct RetryPolicy: Sendable, Equatable {
    package var firstWait: Duration = .milliseconds(200)
    package var longestWait: Duration = .seconds(5)
    /// From the first try on; the request is dropped and counted afterwards.
    package var giveUpAfter: Duration = .seconds(120)

    package init() {}

    /// - Parameters:
    ///   - failures: tries that have failed, at least 1.
    ///   - asked: what `Retry-After` said; obeyed, up to `giveUpAfter`.
    package func wait(
        afterFailures failures: Int, asked: Duration?, random: any RandomSource
    ) -> Duration {
        if let asked { return min(asked, giveUpAfter) }
        let doublings = min(max(failures, 1) - 1, 20)
        let bound = min(firstWait * Double(1 << doublings), longestWait)
        return bound * (0.5 + random.unit() / 2)
    }
}
