import Telemetry

/// Takes apart the framed records of `_LAMBDA_TELEMETRY_LOG_FD`: type u32 │ length u32 │ microseconds
/// since 1970 u64 │ message, big-endian (awslambdaric, `FramedTelemetryLogSink`). The type is `0xa55a00`
/// and a byte whose two low bits tell text from JSON and whose others are the level.
///
/// Bytes that are no frame are searched for the next one, so that a broken record costs itself alone.
struct FrameReader: Sendable {
    struct Frame: Sendable, Equatable {
        var time: Timestamp
        var severity: UInt8
        var message: [UInt8]
    }

    /// Of one record; Lambda's own bound for a log event is 256 KiB. What is longer is cut.
    static let messageBytesMax = 256 << 10
    private static let headerBytes = 16
    private static let mark: [UInt8] = [0xA5, 0x5A, 0x00]

    private var buffer: [UInt8] = []
    /// Of a message whose end is cut off.
    private var skipped = 0
    /// Bytes that belonged to no frame.
    private(set) var strayBytes = 0

    mutating func append(_ bytes: ArraySlice<UInt8>, emit: (Frame) -> Void) {
        let dropped = min(skipped, bytes.count)
        skipped -= dropped
        buffer += bytes.dropFirst(dropped)
        var start = 0
        while buffer.count - start >= Self.headerBytes {
            guard buffer[start..<(start + 3)].elementsEqual(Self.mark) else {
                start += 1
                strayBytes &+= 1
                continue
            }
            let length = Int(Self.number(buffer[(start + 4)..<(start + 8)]))
            let kept = min(length, Self.messageBytesMax)
            let body = start + Self.headerBytes
            guard buffer.count - body >= kept else { break }
            let microseconds = Self.number(buffer[(start + 8)..<body])
            emit(
                Frame(
                    time: Timestamp(microseconds: Int64(clamping: microseconds)),
                    severity: Self.severity(buffer[start + 3]),
                    message: Array(buffer[body..<(body + kept)])))
            let excess = length - kept
            let present = min(excess, buffer.count - body - kept)
            skipped = excess - present
            start = body + kept + present
        }
        buffer.removeFirst(start)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Levels are counted from trace (1) to fatal (6), as OTLP's ranges of four are.
    private static func severity(_ type: UInt8) -> UInt8 {
        let level = type >> 2
        return (1...6).contains(level) ? level * 4 - 3 : 0
    }
}
