/// Bounds on what one body may make a decoder allocate. Receivers bound the bytes (16 MiB on the wire,
/// 64 MiB unpacked, by default); these bound what those bytes can turn into.
package enum WireLimits {
    /// Columns index bytes and cells with 32 bits, and interned bytes never exceed the body by more than
    /// the repair of broken UTF-8 (one byte becomes three).
    package static let bodyBytesMax = 1 << 30
    /// An empty log record takes 2 bytes on the wire and about 100 in columns. Exporters send 512 to
    /// 10,000 items a body.
    package static let itemsMax = 2_000_000
    /// Buckets of one histogram, after spans are expanded; Prometheus's own limit defaults to none, its
    /// SDKs keep 160.
    package static let histogramBucketsMax = 65_536

    /// Label bytes that one body may expand to. A histogram repeats its labels per bucket, so that a
    /// long attribute times many bounds would otherwise be a thousand times the body.
    package static let labelBytesMax = 256 << 20

    package static func checkBody(_ byteCount: Int) throws(DecodeError) {
        guard byteCount <= bodyBytesMax else {
            throw .tooLarge(limit: "\(bodyBytesMax) bytes", value: byteCount)
        }
    }

    @inline(__always)
    package static func checkItems(_ count: Int) throws(DecodeError) {
        guard count <= itemsMax else {
            throw .tooLarge(limit: "\(itemsMax) items a body", value: count)
        }
    }
}
