import WireFormats

/// Tells the three `Export…ServiceRequest` messages apart, which begin alike: resource, scope, items. The
/// fields of the first item differ in number and wire type (opentelemetry/proto/{trace,metrics,logs}/v1).
enum OTLPShape {
    /// `nil` if the content is none of them or holds no item.
    static func signal(of body: UnsafeRawBufferPointer) -> ImportFormat.Signal? {
        guard body.first == UInt8(ProtobufKey.length(1)) else { return nil }
        do {
            var request = ProtobufReader(body)
            while true {
                switch try request.nextKey() {
                case 0: return nil
                case ProtobufKey.length(1):
                    if let signal = try resource(request.message("resource")) { return signal }
                case let key: try request.skip(key)
                }
            }
        } catch {
            return nil
        }
    }

    private static func resource(
        _ message: ProtobufReader
    ) throws(DecodeError) -> ImportFormat.Signal? {
        var message = message
        while true {
            switch try message.nextKey() {
            case 0: return nil
            case ProtobufKey.length(2):
                if let signal = try scope(message.message("scope")) { return signal }
            case let key: try message.skip(key)
            }
        }
    }

    private static func scope(
        _ message: ProtobufReader
    ) throws(DecodeError) -> ImportFormat.Signal? {
        var message = message
        while true {
            switch try message.nextKey() {
            case 0: return nil
            case ProtobufKey.length(2): return try item(message.message("item"))
            case let key: try message.skip(key)
            }
        }
    }

    private static func item(
        _ message: ProtobufReader
    ) throws(DecodeError) -> ImportFormat.Signal? {
        var message = message
        var isNamed = false
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return isNamed ? .metrics : nil
            // Span: start and end time.
            case ProtobufKey.fixed64(7), ProtobufKey.fixed64(8): return .traces
            // LogRecord: time and observed time.
            case ProtobufKey.fixed64(1), ProtobufKey.fixed64(11): return .logs
            // Metric: name; a span's trace id stands in the same field.
            case ProtobufKey.length(1):
                isNamed = true
                try message.skip(key)
            default: try message.skip(key)
            }
        }
    }
}
