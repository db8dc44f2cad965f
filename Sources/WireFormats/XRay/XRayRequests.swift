import Telemetry

/// The body of X-Ray's `PutTraceSegments` (docs.aws.amazon.com/xray/latest/api) and its answer.
package enum XRayPutSegments {
    /// A document that was not taken.
    package struct Unprocessed: Hashable, Sendable {
        /// The segment's id as it was sent; "" if it could not be read.
        package var id: String
        package var code: String
        package var message: String

        package init(id: String, code: String, message: String) {
            self.id = id
            self.code = code
            self.message = message
        }
    }

    /// Reads `{"TraceSegmentDocuments":["{…}",…]}`. A document that cannot be read is left out and named.
    package static func decode(
        _ body: [UInt8]
    ) throws(DecodeError) -> (spans: Decoded<SpanBatch>, unprocessed: [Unprocessed]) {
        try WireLimits.checkBody(body.count)
        var decoder = XRayDecoder()
        var unprocessed: [Unprocessed] = []
        try body.decoded { (bytes) throws(DecodeError) in
            var reader = JSONReader(bytes)
            try reader.beginObject()
            while let field = try reader.nextField() {
                guard case "TraceSegmentDocuments" = field else {
                    try reader.skipValue()
                    continue
                }
                try reader.beginArray()
                while try reader.nextItem() {
                    if let failed = add(try reader.string(), to: &decoder) {
                        unprocessed.append(failed)
                    }
                }
            }
            try reader.end()
        }
        return (decoder.finish(), unprocessed)
    }

    private static func add(
        _ document: UnsafeRawBufferPointer, to decoder: inout XRayDecoder
    ) -> Unprocessed? {
        do throws(DecodeError) {
            let rejected = decoder.rejectedCount
            try decoder.document(document)
            guard decoder.rejectedCount > rejected else { return nil }
            return Unprocessed(
                id: id(of: document), code: "InvalidSegment",
                message: decoder.lastRejection)
        } catch {
            decoder.reject(error)
            return Unprocessed(id: "", code: "ParseError", message: "\(error)")
        }
    }

    /// The id that a readable document gives itself.
    private static func id(of document: UnsafeRawBufferPointer) -> String {
        var id = ""
        do throws(DecodeError) {
            var reader = JSONReader(document)
            try reader.beginObject()
            while let field = try reader.nextField() {
                switch field {
                case "id": id = String(decoding: try reader.string(), as: UTF8.self)
                default: try reader.skipValue()
                }
            }
        } catch {
            return id
        }
        return id
    }

    /// `{"UnprocessedTraceSegments":[…]}`.
    package static func answer(_ unprocessed: [Unprocessed]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.arrayField("UnprocessedTraceSegments") { array in
                for segment in unprocessed {
                    array.object {
                        if !segment.id.isEmpty { $0.field("Id", segment.id) }
                        $0.field("ErrorCode", segment.code)
                        $0.field("Message", segment.message)
                    }
                }
            }
        }
        return writer.bytes
    }
}
