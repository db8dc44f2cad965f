/// `withUnsafeBytes` with a typed error.
func borrow<Result>(
    _ bytes: [UInt8],
    _ body: (UnsafeRawBufferPointer) throws(CompressionError) -> Result
) throws(CompressionError) -> Result {
    try bytes.span.bytes.withUnsafeBytes(body)
}
