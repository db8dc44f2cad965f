import HTTPServer
import WireFormats

/// Reads `{"op":"eq","args":[{"attr":{"key":"k","level":"span"}},{"scalar":{"value":"v"}}]}`.
extension JaegerFilter {
    init(json: String) throws(HTTPError) {
        var json = json
        var outcome: Result<JaegerFilter, HTTPError> = .failure(Self.malformed("it is empty"))
        json.withUTF8 { utf8 in
            do {
                var reader = JSONReader(UnsafeRawBufferPointer(utf8))
                let filter = try Self.call(&reader, depth: 1)
                try reader.end()
                outcome = .success(filter)
            } catch let error as HTTPError {
                outcome = .failure(error)
            } catch {
                outcome = .failure(Self.malformed("\(error)"))
            }
        }
        self = try outcome.get()
    }

    private static func call(_ reader: inout JSONReader, depth: Int) throws -> JaegerFilter {
        guard depth <= depthMax else {
            throw malformed("more than \(depthMax) calls within each other")
        }
        var op = ""
        var arguments: [JaegerFilter] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "op": op = String(decoding: try reader.string(), as: UTF8.self)
            case "args":
                try reader.beginArray()
                while try reader.nextElement() {
                    arguments.append(try expression(&reader, depth: depth))
                }
            default: throw unknown(key)
            }
        }
        guard !op.isEmpty else { throw malformed("a call needs an op") }
        return .call(op: op, arguments: arguments)
    }

    /// An object with one member, which says what kind of term its value is.
    private static func expression(
        _ reader: inout JSONReader, depth: Int
    ) throws -> JaegerFilter {
        var found: JaegerFilter?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            guard found == nil else { throw malformed("a term is of one kind") }
            switch key {
            case "attr": found = try parts(&reader).attribute()
            case "field": found = try parts(&reader).field()
            case "nested": found = try parts(&reader).nested()
            case "scalar": found = try parts(&reader).scalar()
            case "list": found = try parts(&reader).list()
            case "call": found = try call(&reader, depth: depth + 1)
            default: throw unknown(key)
            }
        }
        guard let found else { throw malformed("a term is empty") }
        return found
    }

    private static func parts(_ reader: inout JSONReader) throws -> JaegerFilterParts {
        func text() throws -> String { String(decoding: try reader.string(), as: UTF8.self) }
        var parts = JaegerFilterParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "key": parts.key = try text()
            case "name": parts.name = try text()
            case "level": parts.level = try text()
            case "value": parts.value = try text()
            case "type": parts.type = try text()
            case "values":
                try reader.beginArray()
                while try reader.nextElement() { parts.values.append(try text()) }
            default: throw unknown(key)
            }
        }
        return parts
    }

    private static func unknown(_ key: JSONKey) -> HTTPError {
        malformed("there is no member \"\(String(decoding: key.bytes, as: UTF8.self))\"")
    }
}
