import Telemetry

extension RemoteRead {
    /// Writes the frames of a streamed answer: length as varint, CRC-32C big-endian, one
    /// `ChunkedReadResponse` with chunks of one series (storage/remote/chunked.go).
    package struct FrameWriter: Sendable {
        /// A frame with more chunks than this takes another; Prometheus's clients refuse 50 MiB.
        private static let frameBytesMax = 1 << 20

        package private(set) var bytes: [UInt8] = []

        package init() {}

        package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

        /// Writes the samples of a series, which ascend in time.
        package mutating func append(
            _ labels: Labels, query: Int, _ times: [Int64], _ values: [Double]
        ) {
            var chunks: [[UInt8]] = []
            var size = 0
            var start = 0
            while start < times.count {
                let end = min(start + XORChunk.samplesMax, times.count)
                chunks.append(Self.chunk(times[start..<end], values[start..<end]))
                size += chunks.last?.count ?? 0
                start = end
                if size >= Self.frameBytesMax {
                    appendFrame(labels, query, chunks)
                    (chunks, size) = ([], 0)
                }
            }
            if !chunks.isEmpty { appendFrame(labels, query, chunks) }
        }

        /// A `Chunk`.
        private static func chunk(
            _ times: ArraySlice<Int64>, _ values: ArraySlice<Double>
        ) -> [UInt8] {
            var writer = ProtobufWriter()
            writer.varint(1, UInt64(bitPattern: times.first ?? 0))
            writer.varint(2, UInt64(bitPattern: times.last ?? 0))
            writer.varint(3, 1)
            XORChunk.encode(times, values).withUnsafeBytes { writer.presentBytes(4, $0) }
            return writer.bytes
        }

        private mutating func appendFrame(_ labels: Labels, _ query: Int, _ chunks: [[UInt8]]) {
            var message = ProtobufWriter()
            message.message(1) { series in
                series.labels(labels)
                for chunk in chunks { chunk.withUnsafeBytes { series.presentBytes(2, $0) } }
            }
            message.varint(2, UInt64(query))
            Varint.append(UInt64(message.bytes.count), to: &bytes)
            let sum = message.bytes.withUnsafeBytes { CRC32C.checksum($0) }
            for shift in [24, 16, 8, 0] as [UInt32] {
                bytes.append(UInt8(truncatingIfNeeded: sum >> shift))
            }
            bytes += message.bytes
        }
    }
}

/// The cyclic redundancy check with Castagnoli's polynomial (RFC 3720 §12.1), a byte at a time.
package enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { byte in
        var value = UInt32(byte)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
        return value
    }

    package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var sum = UInt32.max
        table.withUnsafeBufferPointer { table in
            for byte in bytes {
                sum = sum >> 8 ^ table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)]
            }
        }
        return ~sum
    }
}
