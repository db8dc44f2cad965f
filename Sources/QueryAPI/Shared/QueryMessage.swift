import HTTPServer
import WireFormats

/// Reads what a request of a query service over gRPC says, by hand; what is malformed is a bad request.
enum QueryMessage {
    /// - Parameter body: takes or skips the value of each field.
    static func read(
        _ message: [UInt8],
        _ body: (inout ProtobufReader, _ key: UInt32) throws(DecodeError) -> Void
    ) throws(HTTPError) {
        do throws(DecodeError) {
            try message.withUnsafeBufferPointer { (bytes) throws(DecodeError) in
                var reader = ProtobufReader(UnsafeRawBufferPointer(bytes))
                while reader.remaining > 0 { try body(&reader, try reader.nextKey()) }
            }
        } catch {
            throw .badRequest("\(error)")
        }
    }

    static func text(
        _ reader: inout ProtobufReader, _ name: StaticString
    ) throws(DecodeError) -> String {
        String(decoding: try reader.bytes(name), as: UTF8.self)
    }

    /// An entry of a `map<string, string>`.
    static func entry(
        _ reader: inout ProtobufReader, _ name: StaticString
    ) throws(DecodeError) -> (key: String, value: String) {
        var entry = try reader.message(name)
        var found = (key: "", value: "")
        while entry.remaining > 0 {
            let key = try entry.nextKey()
            switch key {
            case ProtobufKey.length(1): found.key = try text(&entry, "key")
            case ProtobufKey.length(2): found.value = try text(&entry, "value")
            default: try entry.skip(key)
            }
        }
        return found
    }
}
