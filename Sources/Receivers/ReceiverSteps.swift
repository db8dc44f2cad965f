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

/// The answer to senders whose protocol knows no partial success: 202, with what was refused as text, or
/// 400 where nothing was worth storing. Each refused item has been counted.
func accepted(_ receipt: IngestReceipt) -> HTTPResponse {
    guard receipt.rejected > 0 else { return .empty(status: 202) }
    guard receipt.accepted > 0 else {
        return .text("no span was stored: \(receipt.message)\n", status: 400)
    }
    let total = receipt.accepted + receipt.rejected
    return .text(
        "\(receipt.rejected) of \(total) spans were refused: \(receipt.message)\n", status: 202)
}
