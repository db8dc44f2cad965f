import Telemetry
import WireFormats

/// Reads tags as `{"key":"value",…}`. Values that are numbers or flags count by their text.
enum TagText {
    static func parse(json: String) throws(DecodeError) -> [(key: String, value: String)] {
        var json = json
        var outcome: Result<[(key: String, value: String)], DecodeError> = .success([])
        json.withUTF8 { utf8 in
            do throws(DecodeError) {
                outcome = .success(try read(UnsafeRawBufferPointer(utf8)))
            } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }

    private static func read(
        _ bytes: UnsafeRawBufferPointer
    ) throws(DecodeError) -> [(key: String, value: String)] {
        var reader = JSONReader(bytes)
        var tags: [(key: String, value: String)] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let name = String(decoding: key.bytes, as: UTF8.self)
            switch try reader.peek() {
            case .string:
                tags.append((name, String(decoding: try reader.string(), as: UTF8.self)))
            case .number, .bool:
                tags.append((name, String(decoding: try reader.skipValue(), as: UTF8.self)))
            case .null, .array, .object:
                throw .malformed(
                    field: name, offset: reader.position, reason: "expected a string")
            }
        }
        try reader.end()
        return tags
    }
}
