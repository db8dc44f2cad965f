import Compression
import Telemetry

/// The outer form of an encoded batch.
///
/// ```
/// container = magic u32 │ version u8 │ kind u8 │ rows varint │ columns varint
///           │ directory entry × columns │ body × columns │ checksum u64
/// entry     = id varint │ (stored length << 1 │ is zstd) varint │ [raw length varint, if zstd]
/// checksum  = low word of `ContentHash` over all bytes before it
/// ```
///
/// A column that is absent reads as zeros.
package enum ColumnContainer {
    static let magic: UInt32 = 0x4243_4C53  // "SLCB"
    /// 2 knows strings by form and columns that follow from others; what 1 wrote is read as well.
    static let version: UInt8 = 2
    static let versionMin: UInt8 = 1
    static let checksumBytes = 8

    /// What a container holds; raw values are on disk.
    package enum Kind: UInt8, Sendable {
        case spans = 1
        case logs = 2
        case metrics = 3
        /// Samples of a metric partition in chunks. 4 was a layout without chunks.
        case series = 5
    }
}

/// Collects encoded columns and puts the container together.
struct ColumnContainerWriter {
    private let kind: ColumnContainer.Kind
    private let effort: EncodingEffort
    private let rows: Int
    private var directory = ByteWriter(capacity: 512)
    private var columns = 0
    private var bodies: ByteWriter
    private var packed = ByteWriter()
    private var planes = ByteWriter()

    init(kind: ColumnContainer.Kind, effort: EncodingEffort, rows: Int, bytesExpected: Int) {
        precondition(rows <= ColumnLimits.rowsMax, "BUG: a batch of \(rows) rows")
        self.kind = kind
        self.effort = effort
        self.rows = rows
        bodies = ByteWriter(capacity: bytesExpected)
    }

    /// Whether size counts more than time.
    var isCompressing: Bool { effort.zstdLevel != nil }

    /// Adds a column that `write` encodes in the layout it is told; it may be asked once for each.
    @inline(__always)
    mutating func add(_ id: UInt32, _ write: (inout ByteWriter, IntegerLayout) -> Void) {
        guard let level = effort.zstdLevel else {
            let start = bodies.count
            write(&bodies, .packed)
            enter(id, stored: bodies.count - start, raw: nil)
            return
        }
        planes.removeAll()
        var fromPlanes: [UInt8]?
        if effort == .sealed {
            // Packing is not even tried where it would clearly be larger.
            write(&planes, .planes)
            let packedCount = planes.count - planes.savedByPacking
            if packedCount >= 2 * Self.compressedBytesMin {
                fromPlanes = compress(planes, level)
                if let fromPlanes, fromPlanes.count < packedCount - packedCount / 10 {
                    enter(id, stored: fromPlanes.count, raw: planes.count)
                    return bodies.append(contentsOf: fromPlanes)
                }
            }
        }
        packed.removeAll()
        write(&packed, .packed)
        guard packed.count >= Self.compressedBytesMin else {
            enter(id, stored: packed.count, raw: nil)
            bodies.append(contentsOf: packed.bytes)
            return
        }
        if planes.count == 0 { write(&planes, .planes) }
        addSmallest(id, level: level, fromPlanes ?? compress(planes, level))
    }

    /// Adds a column whose integers gain nothing from byte planes.
    @inline(__always)
    mutating func addPacked(_ id: UInt32, _ write: (inout ByteWriter) -> Void) {
        guard let level = effort.zstdLevel else {
            let start = bodies.count
            write(&bodies)
            enter(id, stored: bodies.count - start, raw: nil)
            return
        }
        packed.removeAll()
        write(&packed)
        planes.removeAll()
        addSmallest(id, level: level, nil)
    }

    /// Adds bytes as they are, so that parts of them can be read by themselves.
    mutating func addStored(_ id: UInt32, _ bytes: ByteWriter) {
        enter(id, stored: bytes.count, raw: nil)
        bodies.append(contentsOf: bytes.bytes)
    }

    /// Below this, zstd's frame header eats what it saves.
    private static let compressedBytesMin = 64

    /// - Parameter fromPlanes: the planes, compressed; `nil` if there are none or they do not compress.
    private mutating func addSmallest(_ id: UInt32, level: Int32, _ fromPlanes: [UInt8]?) {
        // What planes make smaller they make smaller than packing does; trying both is for blocks that
        // stay.
        let isPackedTried = planes.count == 0 || effort == .compacted
        let fromPacked = isPackedTried ? compress(packed, level) : nil
        // Compression must save a twentieth to be worth expanding on each read.
        var best = (bytes: packed.bytes, raw: Int?.none, limit: packed.count - packed.count / 20)
        if let fromPacked, fromPacked.count <= best.limit {
            best = (fromPacked, packed.count, fromPacked.count - 1)
        }
        if let fromPlanes, fromPlanes.count <= best.limit {
            best = (fromPlanes, planes.count, 0)
        }
        enter(id, stored: best.bytes.count, raw: best.raw)
        bodies.append(contentsOf: best.bytes)
    }

    private func compress(_ column: ByteWriter, _ level: Int32) -> [UInt8]? {
        guard column.count >= Self.compressedBytesMin, !Self.isRandom(column.bytes) else {
            return nil
        }
        return Zstd.compress(column.bytes, level: level)
    }

    /// Whether bytes look like those of ids and keys, which do not compress: a sample has all values about
    /// equally often.
    private static func isRandom(_ bytes: [UInt8]) -> Bool {
        let sampleCount = 4_096
        guard bytes.count >= 2 * sampleCount else { return false }
        return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { counts in
            counts.initialize(repeating: 0)
            // Runs of neighbours, spread over the column.
            let stride = bytes.count / (sampleCount / 64)
            for run in 0..<(sampleCount / 64) {
                for offset in 0..<64 { counts[Int(bytes[run &* stride &+ offset])] &+= 1 }
            }
            // Sixteen of each are expected: the squares of random counts add up to 256 × (16² + 16).
            var squares: UInt32 = 0
            for count in counts { squares &+= count &* count }
            return squares < 256 * (16 * 16 + 16) * 21 / 20
        }
    }

    private mutating func enter(_ id: UInt32, stored: Int, raw: Int?) {
        columns += 1
        directory.appendVarint(UInt64(id))
        directory.appendVarint(stored << 1 | (raw == nil ? 0 : 1))
        if let raw { directory.appendVarint(raw) }
    }

    consuming func finish() -> [UInt8] {
        var out = ByteWriter(capacity: directory.count + bodies.count + 40)
        out.append(ColumnContainer.magic)
        out.append(ColumnContainer.version)
        out.append(kind.rawValue)
        out.appendVarint(rows)
        out.appendVarint(columns)
        out.append(contentsOf: directory.bytes)
        out.append(contentsOf: bodies.bytes)
        out.append(ContentHash(out.bytes).low)
        return out.bytes
    }
}
