import Telemetry

/// What targets of Prometheus expose, in its text format (prometheus.io/docs/instrumenting/
/// exposition_formats, 0.0.4 and 1.0 with quoted names), in OpenMetrics 1.0 (RFC draft "OpenMetrics") and
/// as delimited `io.prometheus.client.MetricFamily` messages.
package enum Exposition {
    /// The forms that are read.
    package enum Format: String, Sendable, CaseIterable {
        case text
        case openMetrics = "openmetrics"
        case protobuf
    }

    /// Decodes what a target answered. Labels are as exposed, but the bounds in `le` and `quantile` are
    /// written as Prometheus 3 does (`1` becomes `1.0`), so that all formats name the same series.
    /// - Throws: `DecodeError` that names the first bad line or message, unless bad lines are skipped.
    /// - Complexity: O(bytes); allocation per metric family and exemplar only.
    package static func decode(
        _ body: UnsafeRawBufferPointer, format: Format, options: ExpositionOptions
    ) throws(DecodeError) -> Decoded<ExposedMetrics> {
        try WireLimits.checkBody(body.count)
        switch format {
        case .text, .openMetrics:
            var decoder = ExpositionTextDecoder(
                body, isOpenMetrics: format == .openMetrics, options: options)
            return try decoder.decode()
        case .protobuf:
            var decoder = ExpositionProtobufDecoder(options: options)
            return try decoder.decode(body)
        }
    }

    package static func decode(
        _ body: [UInt8], format: Format, options: ExpositionOptions
    ) throws(DecodeError) -> Decoded<ExposedMetrics> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(bytes, format: format, options: options)
        }
    }
}

/// How an exposition is read.
package struct ExpositionOptions: Sendable {
    /// Milliseconds; the time of samples that name none.
    package var receivedAt: Int64
    /// Whether times that the target names are taken.
    package var honorsTimestamps = true
    /// Whether a bad line is counted and skipped rather than failing the whole. Text only.
    package var skipsBadLines = false
    /// Whether a native histogram's classic buckets are kept beside it. Protobuf only.
    package var keepsClassicHistograms = false
    /// Whether the body was cut off: what is incomplete at its end is then dropped.
    package var isTruncated = false

    package init(receivedAt: Int64) { self.receivedAt = receivedAt }
}

/// Samples as a target exposes them: each line or metric is a series of its own.
package struct ExposedMetrics: Sendable {
    package var batch = MetricBatch()
    /// By series: whether the target named the time of its sample.
    package var hasOwnTime: [Bool] = []

    package init() {}
}

/// A bound in the label `le` or `quantile`.
enum ExpositionBound {
    /// Go's shortest form with `.0` where it has neither point nor exponent (prometheus/model/textparse,
    /// `formatOpenMetricsFloat`).
    static func append(_ bound: Double, to output: inout [UInt8]) {
        let start = output.count
        let magnitude = bound.magnitude
        if bound.isFinite, magnitude != 0, magnitude < 1e-4 || magnitude >= 1e21 {
            GoFloat.appendExponential(bound, to: &output)
            return
        }
        GoFloat.appendFixed(bound, to: &output)
        guard bound.isFinite, !output[start...].contains(UInt8(ascii: ".")) else { return }
        output.append(contentsOf: ".0".utf8)
    }
}
