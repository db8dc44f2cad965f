import HTTPServer
import WireFormats

/// Reads the messages `Call` and `Expression` of `api_v3` (jaeger-idl, `proto/api_v3/query_service.proto`).
extension JaegerFilter {
    /// `Call { op = 1, args = 2 }`
    init(_ reader: inout ProtobufReader) throws {
        self = try Self.call(&reader, depth: 1)
    }

    private static func call(_ reader: inout ProtobufReader, depth: Int) throws -> JaegerFilter {
        guard depth <= depthMax else {
            throw malformed("more than \(depthMax) calls within each other")
        }
        var op = ""
        var arguments: [JaegerFilter] = []
        while reader.remaining > 0 {
            let key = try reader.nextKey()
            switch key {
            case ProtobufKey.length(1):
                op = String(decoding: try reader.bytes("op"), as: UTF8.self)
            case ProtobufKey.length(2):
                var inner = try reader.message("args")
                arguments.append(try expression(&inner, depth: depth))
            default: try reader.skip(key)
            }
        }
        guard !op.isEmpty else { throw malformed("a call needs an op") }
        return .call(op: op, arguments: arguments)
    }

    /// `Expression { oneof: attr = 1, field = 2, nested = 3, scalar = 4, list = 5, call = 6 }`
    private static func expression(
        _ reader: inout ProtobufReader, depth: Int
    ) throws -> JaegerFilter {
        var found: JaegerFilter?
        while reader.remaining > 0 {
            let key = try reader.nextKey()
            switch key {
            case ProtobufKey.length(1):
                found = try parts(&reader, first: \.key, second: \.level).attribute()
            case ProtobufKey.length(2):
                found = try parts(&reader, first: \.name, second: \.level).field()
            case ProtobufKey.length(3): found = try parts(&reader, first: \.level).nested()
            case ProtobufKey.length(4):
                found = try parts(&reader, first: \.value, second: \.type).scalar()
            case ProtobufKey.length(5): found = try parts(&reader, second: \.type).list()
            case ProtobufKey.length(6):
                var inner = try reader.message("call")
                found = try call(&inner, depth: depth + 1)
            default: try reader.skip(key)
            }
        }
        guard let found else { throw malformed("a term is empty") }
        return found
    }

    /// The texts of fields 1 and 2; without a place for the first it is one of many.
    private static func parts(
        _ reader: inout ProtobufReader, first: WritableKeyPath<JaegerFilterParts, String>? = nil,
        second: WritableKeyPath<JaegerFilterParts, String>? = nil
    ) throws -> JaegerFilterParts {
        var inner = try reader.message("term")
        var parts = JaegerFilterParts()
        while inner.remaining > 0 {
            let key = try inner.nextKey()
            switch key {
            case ProtobufKey.length(1):
                let text = String(decoding: try inner.bytes("term"), as: UTF8.self)
                if let first { parts[keyPath: first] = text } else { parts.values.append(text) }
            case ProtobufKey.length(2):
                let text = String(decoding: try inner.bytes("term"), as: UTF8.self)
                if let second { parts[keyPath: second] = text }
            default: try inner.skip(key)
            }
        }
        return parts
    }
}
