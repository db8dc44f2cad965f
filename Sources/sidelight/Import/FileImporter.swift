import Telemetry
import WireFormats

/// Turns one file into items, part by part. What cannot be read is noted and the rest goes on: a line
/// at a time in files of lines, the file as a whole in others.
struct FileImporter {
    let choice: ImportFormatChoice
    let lineOptions: LogLineOptions
    /// The time that log records without one of their own get.
    let readAt: Timestamp

    /// - Parameter deliver: takes items over; called one after the other.
    func read(
        _ input: InputReader, into report: inout FileReport,
        deliver: (ImportItems, inout FileReport) async throws -> Void
    ) async throws {
        do {
            let head = try input.head()
            report.packing = input.packing?.rawValue
            guard let format = head.withUnsafeBytes({ choice.format(of: $0, name: input.path) })
            else {
                report.fail(
                    "the content shows no format that is known; name it with --format "
                        + "(\(ImportFormatChoice.names))")
                return
            }
            report.format = format.name
            guard format.isLines else {
                let body = try input.whole()
                try await deliverOne(deliver, &report) { try decode(body, format, &$0) }
                return
            }
            while let chunk = try input.lines() {
                for part in parts(of: chunk, format) {
                    try await deliverOne(deliver, &report) { report in
                        do {
                            return try decode(part.bytes, format, &report)
                        } catch {
                            report.fail("\(error)", line: part.line, offset: part.offset)
                            return nil
                        }
                    }
                }
            }
        } catch let error as InputError {
            report.fail(error.description)
        } catch let error as DecodeError {
            report.fail(error.description)
        } catch let error as UnpackedError {
            report.fail(error.description)
        }
    }

    private func deliverOne(
        _ deliver: (ImportItems, inout FileReport) async throws -> Void,
        _ report: inout FileReport, _ decode: (inout FileReport) throws -> ImportItems?
    ) async throws {
        if let items = try decode(&report), !items.isEmpty { try await deliver(items, &report) }
    }

    /// Log lines are decoded many at once, requests one by one.
    private func parts(of chunk: InputChunk, _ format: ImportFormat) -> [InputChunk] {
        if format == .logLines { return [chunk] }
        var parts: [InputChunk] = []
        var (start, line) = (0, chunk.line)
        while start < chunk.bytes.count {
            let end = chunk.bytes[start...].firstIndex(of: 0x0A) ?? chunk.bytes.count
            let bytes = Array(chunk.bytes[start..<end])
            if bytes.contains(where: { $0 > 0x20 }) {
                parts.append(InputChunk(bytes: bytes, offset: chunk.offset + start, line: line))
            }
            (start, line) = (end + 1, line + 1)
        }
        return parts
    }

    private func decode(
        _ body: [UInt8], _ format: ImportFormat, _ report: inout FileReport
    ) throws -> ImportItems {
        switch format {
        case .otlpProtobuf(.traces):
            return .spans(report.note(try OTLPTraces.decode(protobuf: body)))
        case .otlpProtobuf(.metrics):
            return .samples(report.note(try OTLPMetrics.decode(protobuf: body)))
        case .otlpProtobuf(.logs):
            return .logs(report.note(try OTLPLogs.decode(protobuf: body, receivedAt: readAt)))
        case .otlpJSON: return try decodeOTLPJSON(body, &report)
        case .zipkin:
            return .spans(report.note(try ZipkinSpans.decode(json: body, receivedAt: readAt)))
        case .remoteWrite:
            let request = try UnpackedError.unpackingSnappy(body)
            return .samples(report.note(try RemoteWrite.decode(protobuf: request)))
        case .logLines:
            return .logs(
                report.note(try LogLines.decode(body, options: lineOptions, receivedAt: readAt)))
        }
    }

    private func decodeOTLPJSON(
        _ body: [UInt8], _ report: inout FileReport
    ) throws -> ImportItems {
        if let request = try ExportLine.remoteWrite(in: body) {
            return .samples(report.note(try RemoteWrite.decode(protobuf: request)))
        }
        switch try OTLPJSONSignal.of(body) {
        case .traces: return .spans(report.note(try OTLPTraces.decode(json: body)))
        case .metrics: return .samples(report.note(try OTLPMetrics.decode(json: body)))
        case .logs: return .logs(report.note(try OTLPLogs.decode(json: body, receivedAt: readAt)))
        }
    }
}
