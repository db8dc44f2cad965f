import HTTPServer
import Store
import WireFormats

/// Turns what a decoder throws into a 400.
func decode<Batch>(
    _ decode: () throws -> Decoded<Batch>
) throws -> Decoded<Batch> {
    do { return try decode() } catch let error as DecodeError {
        throw HTTPError.badRequest("\(error)")
    }
}

/// Turns what the store throws into 429, 503 or 500.
func storing(
    _ store: () async throws(StoreError) -> IngestReceipt
) async throws(HTTPError) -> IngestReceipt {
    do { return try await store() } catch { throw StoreRefusal(error: error).httpError }
}
