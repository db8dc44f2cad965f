import CZstd
import Synchronization

/// Compression and decompression contexts kept for the next block: making one costs as much as
/// compressing a small block.
///
/// Each operation takes a context out, so none is ever used by two threads.
final class ZstdContextPool: Sendable {
    /// As many as threads compress at a time on a usual machine; more are made and thrown away.
    static let idleMax = 8
    /// A context that grew beyond this (high levels, long windows) is not kept.
    static let idleBytesMax = 8 << 20

    enum Kind { case compression, decompression }

    /// A context in nobody's hands.
    // Proof of Sendable: reachable only through the pool's lock, which hands it to exactly one taker.
    private struct Idle: @unchecked Sendable {
        let context: OpaquePointer
    }

    private let kind: Kind
    private let idle = Mutex<[Idle]>([])

    init(_ kind: Kind) { self.kind = kind }

    /// Runs `body` with a context that nobody else has, and with default parameters.
    func withContext<Result>(
        _ body: (OpaquePointer) throws(CompressionError) -> Result
    ) throws(CompressionError) -> Result {
        guard let context = idle.withLock({ $0.popLast() })?.context ?? make() else {
            throw .failed(format: "zstd", reason: "out of memory")
        }
        defer { giveBack(context) }
        return try body(context)
    }

    private func make() -> OpaquePointer? {
        switch kind {
        case .compression: ZSTD_createCCtx()
        case .decompression: ZSTD_createDCtx()
        }
    }

    private func giveBack(_ context: OpaquePointer) {
        let size: Int
        switch kind {
        case .compression:
            ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)
            size = ZSTD_sizeof_CCtx(context)
        case .decompression:
            ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters)
            size = ZSTD_sizeof_DCtx(context)
        }
        let item = Idle(context: context)
        let isKept =
            size <= Self.idleBytesMax
            && idle.withLock { idle in
                guard idle.count < Self.idleMax else { return false }
                idle.append(item)
                return true
            }
        if !isKept { free(context) }
    }

    private func free(_ context: OpaquePointer) {
        switch kind {
        case .compression: ZSTD_freeCCtx(context)
        case .decompression: ZSTD_freeDCtx(context)
        }
    }

    deinit {
        for item in idle.withLock({ $0 }) { free(item.context) }
    }
}
