extension [UInt8] {
    /// Runs a decoder over these bytes; keeps its typed error, which `withUnsafeBytes` would erase.
    package func decoded<R>(
        _ decode: (UnsafeRawBufferPointer) throws(DecodeError) -> R
    ) throws(DecodeError) -> R {
        let result = withUnsafeBytes { bytes in
            Result { () throws(DecodeError) in try decode(bytes) }
        }
        return try result.get()
    }
}
