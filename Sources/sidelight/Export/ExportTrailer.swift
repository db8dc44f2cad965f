import WireFormats

/// The last line of what the export route answers.
enum ExportTrailer {
    /// No longer than this.
    static let bytesMax = 2_048
    private static let start = Array("{\"sidelightExport\":".utf8)

    static func line(_ counts: ExportCounts) -> [UInt8] {
        var writer = JSONWriter(capacity: bytesMax)
        writer.object {
            $0.objectField("sidelightExport") {
                $0.field("spans", counts.spans)
                $0.field("logs", counts.logs)
                $0.field("samples", counts.samples)
            }
        }
        writer.newline()
        return writer.bytes
    }

    static func line(error: String) -> [UInt8] {
        var writer = JSONWriter(capacity: bytesMax)
        // Escaped, a character takes up to six bytes.
        writer.object {
            $0.objectField("sidelightExport") { $0.field("error", String(error.prefix(300))) }
        }
        writer.newline()
        return writer.bytes
    }

    /// The counts in an answer's last line; `nil` if that is none.
    /// - Throws: the error that the line tells of.
    static func counts(in line: [UInt8]) throws(InputError) -> ExportCounts? {
        guard line.starts(with: start) else { return nil }
        var failure: String?
        var counts = ExportCounts()
        do {
            try line.decoded { (bytes) throws(DecodeError) in
                var reader = JSONReader(bytes)
                try reader.beginObject()
                guard try reader.nextKey() != nil else { return }
                try reader.beginObject()
                while let key = try reader.nextKey() {
                    switch key {
                    case "spans":
                        counts.spans = Int(
                            clamping: Int64(exactly: try reader.number().double) ?? 0)
                    case "logs":
                        counts.logs = Int(clamping: Int64(exactly: try reader.number().double) ?? 0)
                    case "samples":
                        counts.samples = Int(
                            clamping: Int64(exactly: try reader.number().double) ?? 0)
                    case "error": failure = String(decoding: try reader.string(), as: UTF8.self)
                    default: try reader.skipValue()
                    }
                }
            }
        } catch {
            return nil
        }
        if let failure { throw InputError(description: failure) }
        return counts
    }
}
