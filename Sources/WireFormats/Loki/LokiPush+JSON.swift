import Telemetry

extension LokiDecoder {
    mutating func json(_ body: UnsafeRawBufferPointer) throws(DecodeError) {
        var reader = JSONReader(body)
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "streams":
                try reader.beginArray()
                while try reader.nextElement() { try stream(&reader) }
            default: try reader.skipValue()
            }
        }
        try reader.end()
    }

    /// `values` may stand before the labels they go with.
    private mutating func stream(_ reader: inout JSONReader) throws(DecodeError) {
        var labels: [(name: String, value: String)] = []
        var values: [JSONSlice] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "stream": labels = try Self.labels(&reader)
            case "labels":
                let text = try reader.string()
                guard let pairs = LokiLabels.parse(text) else {
                    throw .malformed(
                        field: "labels", offset: reader.position,
                        reason: "expected {name=\"value\", …}")
                }
                labels = pairs
            case "values": values.append(try reader.slice())
            default: try reader.skipValue()
            }
        }
        let resource = resource(labels)
        for slice in values {
            var reader = JSONReader(slice)
            try reader.beginArray()
            while try reader.nextElement() { try entry(&reader, resource) }
        }
    }

    private static func labels(
        _ reader: inout JSONReader
    ) throws(DecodeError) -> [(name: String, value: String)] {
        var labels: [(name: String, value: String)] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let name = String(decoding: key.bytes, as: UTF8.self)
            labels.append((name, String(decoding: try reader.string(), as: UTF8.self)))
        }
        return labels
    }

    /// `["NANOSECONDS", "LINE"]`, optionally with an object of structured metadata.
    private mutating func entry(
        _ reader: inout JSONReader, _ resource: UInt32
    ) throws(DecodeError) {
        var known = LogRecordFields()
        number += 1
        try reader.beginArray()
        guard try reader.nextElement() else { throw reader.failure("a time") }
        known.time = try Self.time(&reader)
        guard try reader.nextElement() else { throw reader.failure("a line") }
        // The line is read again by a decoder of its own, while this reader reads on.
        let line = Array(try reader.string())
        while try reader.nextElement() {
            guard try reader.peek() == .object else {
                try reader.skipValue()
                continue
            }
            try metadata(&reader, &known)
        }
        let number = number
        try line.decoded { (text) throws(DecodeError) in
            try lines.line(text, number: number, known: known, resource: resource)
        }
    }

    private mutating func metadata(
        _ reader: inout JSONReader, _ known: inout LogRecordFields
    ) throws(DecodeError) {
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let name = Array(key.bytes)
            let value: UnsafeRawBufferPointer
            if try reader.peek() == .string {
                value = try reader.string()
            } else {
                value = try reader.skipValue()
            }
            name.withUnsafeBytes { lines.addMetadata($0, value, &known) }
        }
    }

    /// Nanoseconds as a string, as Loki wants them, or as a number; `nil` for 0.
    private static func time(_ reader: inout JSONReader) throws(DecodeError) -> Timestamp? {
        let text = try reader.peek() == .string ? try reader.string() : try reader.number().text
        guard let number = JSONNumber(text: text), let nanoseconds = number.int64 else {
            throw .malformed(
                field: "time of an entry", offset: reader.position,
                reason: "expected nanoseconds since 1970")
        }
        return nanoseconds == 0 ? nil : Timestamp(nanoseconds: nanoseconds)
    }
}
