/// Takes the control sequences of terminals (ECMA-48: `ESC [ parameters final` and `ESC ] … BEL`) out of
/// a line.
enum Decolorizer {
    private static let escape: UInt8 = 0x1B

    static func isNeeded(_ line: UnsafeRawBufferPointer) -> Bool {
        line.contains(escape)
    }

    static func append(_ line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var offset = 0
        while offset < line.count {
            if line[offset] == escape, let end = sequenceEnd(line, offset) {
                offset = end
            } else {
                output.append(line[offset])
                offset += 1
            }
        }
    }

    /// Behind the sequence that begins at `start`; `nil` if it does not end.
    private static func sequenceEnd(_ line: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        var offset = start + 1
        guard offset < line.count else { return nil }
        switch line[offset] {
        case UInt8(ascii: "["):
            offset += 1
            while offset < line.count, (0x20...0x3F).contains(line[offset]) { offset += 1 }
            guard offset < line.count, (0x40...0x7E).contains(line[offset]) else { return nil }
            return offset + 1
        case UInt8(ascii: "]"):
            while offset < line.count, line[offset] != 0x07 { offset += 1 }
            return offset < line.count ? offset + 1 : nil
        case 0x40...0x5F: return offset + 1
        default: return nil
        }
    }
}
