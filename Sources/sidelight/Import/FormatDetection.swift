import Compression
import Foundation
import Telemetry
import WireFormats

/// Tells what content is by looking at its beginning; the name decides only where content leaves it
/// open.
enum FormatDetection {
    /// `nil` if it is nothing that can be imported.
    static func format(of head: UnsafeRawBufferPointer, name: String) -> ImportFormat? {
        switch firstByte(head) {
        case nil: return fromName(name) ?? .logLines
        case UInt8(ascii: "{"):
            return isOTLPJSON(head) ? .otlpJSON(isLines: isLines(head)) : .logLines
        case UInt8(ascii: "[") where isArrayOfObjects(head):
            return .zipkin(isLines: isLines(head))
        default: break
        }
        if let signal = OTLPShape.signal(of: head) { return .otlpProtobuf(signal) }
        if isRemoteWrite(head) { return .remoteWrite }
        if isText(head) { return .logLines }
        return fromName(name)
    }

    /// What the ending of a name promises. Files found in folders are read only if it promises
    /// something, so that notes and pictures beside telemetry stay outside.
    static func isTelemetryName(_ name: String) -> Bool {
        var name = name.lowercased()
        for packed in [".gz", ".zst"] where name.hasSuffix(packed) {
            name.removeLast(packed.count)
        }
        return [".pb", ".binpb", ".bin", ".json", ".jsonl", ".ndjson", ".log", ".snappy"].contains {
            name.hasSuffix($0)
        }
    }

    /// The first byte that is not white space.
    static func firstByte(_ head: UnsafeRawBufferPointer) -> UInt8? {
        head.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    }

    /// Whether the content is one JSON value a line: the first line holds a whole value, or the first
    /// two begin alike, so that one broken line does not make a single document of the rest.
    static func isLines(_ head: UnsafeRawBufferPointer) -> Bool {
        let lines = head.split(separator: UInt8(ascii: "\n"), maxSplits: 64)
            .map { UnsafeRawBufferPointer(rebasing: head[$0.startIndex..<$0.endIndex]) }
            .filter { firstByte($0) != nil }
        guard let first = lines.first, lines.count > 1 else { return false }
        var reader = JSONReader(first)
        do {
            try reader.skipValue()
            try reader.end()
            return true
        } catch {
            return lines[1].count >= 3 && first.count >= 3
                && first.prefix(3).elementsEqual(lines[1].prefix(3))
        }
    }

    private static let otlpKeys: Set<String> = [
        "resourceSpans", "resource_spans", "resourceMetrics", "resource_metrics", "resourceLogs",
        "resource_logs", ExportLine.key,
    ]

    /// Whether the first object has a member that only OTLP requests and lines of exports have. What is cut off or broken
    /// behind it is for the decoder to find.
    private static func isOTLPJSON(_ head: UnsafeRawBufferPointer) -> Bool {
        var reader = JSONReader(head)
        do {
            try reader.beginObject()
            while let key = try reader.nextKey() {
                if otlpKeys.contains(String(decoding: key.bytes, as: UTF8.self)) { return true }
                try reader.skipValue()
            }
        } catch {
            return false
        }
        return false
    }

    /// Lines of text may begin with a bracket as well: `[2026-11-21 12:00:00] started`.
    private static func isArrayOfObjects(_ head: UnsafeRawBufferPointer) -> Bool {
        guard let start = head.firstIndex(of: UInt8(ascii: "[")) else { return false }
        let next = firstByte(UnsafeRawBufferPointer(rebasing: head[(start + 1)...]))
        return next == nil || next == UInt8(ascii: "{") || next == UInt8(ascii: "]")
    }

    private static func isRemoteWrite(_ head: UnsafeRawBufferPointer) -> Bool {
        do {
            let body = try Snappy.decompress(head, limit: InputLimits.expandedBytesMax)
            let decoded = try RemoteWrite.decode(protobuf: body)
            return !decoded.batch.isEmpty || decoded.rejectedCount > 0
        } catch {
            return false
        }
    }

    /// Bytes that are looked at to call content text.
    private static let textProbeBytes = 4_096

    private static func isText(_ head: UnsafeRawBufferPointer) -> Bool {
        let probe = head.prefix(textProbeBytes)
        let isControl = { (byte: UInt8) in
            byte < 0x20 && ![0x09, 0x0A, 0x0C, 0x0D, 0x1B].contains(byte) || byte == 0x7F
        }
        guard !probe.contains(where: isControl) else { return false }
        // The probe may end within a character.
        return (0..<4).contains { cut in
            String(validating: probe.dropLast(cut), as: UTF8.self) != nil
        }
    }

    private static func fromName(_ path: String) -> ImportFormat? {
        let name = (path as NSString).lastPathComponent.lowercased()
        if name.hasSuffix(".snappy") { return .remoteWrite }
        guard name.contains(".pb") || name.contains(".bin") else { return nil }
        return ImportFormat.Signal.allCases.first { name.contains($0.rawValue) }
            .map { .otlpProtobuf($0) }
    }
}
