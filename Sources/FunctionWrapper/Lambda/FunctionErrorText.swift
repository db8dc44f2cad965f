import Telemetry
import WireFormats

/// What a runtime says about an invocation that its handler failed (Lambda Runtime API,
/// `/runtime/invocation/{id}/error`): `{"errorMessage","errorType","stackTrace"}`. Official runtimes name
/// the exception only here; their header says `Unhandled`.
struct FunctionErrorText: Equatable {
    /// What runtimes and this one call an error without a name.
    static let generalType = "Unhandled"
    /// A message may hold the input that was not understood; a span needs its beginning.
    static let messageBytesMax = 1_024

    var type = ""
    var message = ""

    /// - Parameter body: anything; what is no such JSON says nothing.
    init(body: [UInt8]) {
        body.withUnsafeBytes { bytes in
            do throws(DecodeError) {
                try read(bytes)
            } catch {
                self = FunctionErrorText()
            }
        }
    }

    private init() {}

    private mutating func read(_ bytes: UnsafeRawBufferPointer) throws(DecodeError) {
        var reader = JSONReader(bytes)
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let isText = try reader.peek() == .string
            switch key {
            case "errorType" where isText: type = Self.text(try reader.string())
            case "errorMessage" where isText: message = Self.text(try reader.string())
            default: _ = try reader.skipValue()
            }
        }
        try reader.end()
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix(messageBytesMax), as: UTF8.self)
    }
}
