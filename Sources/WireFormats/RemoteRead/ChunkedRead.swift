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

        /// Writes the numbers and histograms of a series, which ascend in time.
        package mutating func append(
            _ labels: Labels, query: Int, _ times: [Int64], _ values: [Double],
            _ histograms: [HistogramSample] = []
        ) {
            var open = OpenFrame()
            var number = 0
            var histogram = 0
            // Runs of numbers and of histograms in turn: chunks must not overlap.
            while number < times.count || histogram < histograms.count {
                let nextHistogram = histogram < histograms.count ? histograms[histogram].time : .max
                let numberStart = number
                while number < times.count, times[number] <= nextHistogram { number += 1 }
                for start in stride(from: numberStart, to: number, by: XORChunk.samplesMax) {
                    let run = start..<min(start + XORChunk.samplesMax, number)
                    append(Self.chunk(times[run], values[run]), to: &open, labels, query)
                }
                let nextNumber = number < times.count ? times[number] : .max
                let histogramStart = histogram
                while histogram < histograms.count, histograms[histogram].time <= nextNumber {
                    histogram += 1
                }
                for chunk in HistogramChunk.chunks(histograms[histogramStart..<histogram]) {
                    append(Self.chunk(chunk), to: &open, labels, query)
                }
            }
            if !open.chunks.isEmpty { appendFrame(labels, query, open.chunks) }
        }

        /// Chunks that become a frame.
        private struct OpenFrame {
            var chunks: [[UInt8]] = []
            var size = 0
        }

        private mutating func append(
            _ chunk: [UInt8], to open: inout OpenFrame, _ labels: Labels, _ query: Int
        ) {
            open.chunks.append(chunk)
            open.size += chunk.count
            guard open.size >= Self.frameBytesMax else { return }
            appendFrame(labels, query, open.chunks)
            open = OpenFrame()
        }

        private static func chunk(_ chunk: HistogramChunk) -> [UInt8] {
            var writer = ProtobufWriter()
            writer.varint(1, UInt64(bitPattern: chunk.times.lowerBound))
            writer.varint(2, UInt64(bitPattern: chunk.times.upperBound))
            writer.varint(3, 3)
            chunk.bytes.withUnsafeBytes { writer.presentBytes(4, $0) }
            return writer.bytes
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
