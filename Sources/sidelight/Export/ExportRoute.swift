import Dispatch
import HTTPServer
import Platform
import Store
import Synchronization
import Telemetry

/// `GET /api/sidelight/export?from=&to=&signal=`: all items of a time range as lines, for
/// `sidelight export`. The last line tells how many items there were:
/// `{"sidelightExport":{"spans":0,"logs":0,"samples":0}}`, or why it is not whole:
/// `{"sidelightExport":{"error":"…"}}`.
struct ExportRoute: Sendable {
    let source: ExportSource
    let clock: any Clock
    let pool: BlockingPool

    /// Each keeps a thread busy for minutes.
    static let threads = 2
    /// Exports that wait for a thread; beyond it the answer says that it is not whole.
    static let waitingMax = 8
    /// Chunks between the thread that reads and the client that takes.
    private static let chunksMax = 4
    private static let chunkBytes = 256 << 10

    func register(on router: inout Router) {
        router.on(
            .get, "/api/sidelight/export", options: RouteOptions(errors: ErrorRenderers.json)
        ) { try answer($0) }
    }

    private func answer(_ request: HTTPRequest) throws -> HTTPResponse {
        let wanted: ExportRequest
        do throws(ConfigurationError) {
            let now = Timestamp(nanoseconds: clock.wallNanoseconds)
            wanted = ExportRequest(
                range: TimeRange(
                    start: try TimeArgument.parse(
                        request.parameters["from"] ?? "", flag: "from", now: now),
                    end: try TimeArgument.parse(
                        request.parameters["to"] ?? "now", flag: "to", now: now)),
                signals: try ExportRequest.signals(request.parameters.all("signal")),
                leavesOutDerived: request.parameters["derived"] == "false")
        } catch {
            throw HTTPError.badRequest(error.description)
        }
        return .stream(contentType: "application/x-ndjson") { [source, pool] writer in
            let chunks = ChunkQueue(capacity: Self.chunksMax)
            async let reading: Void = Self.read(wanted, source, pool, into: chunks)
            do {
                for await chunk in chunks.received {
                    chunks.release()
                    try await writer.write(chunk)
                }
            } catch {
                chunks.cancel()
                throw error
            }
            await reading
        }
    }

    /// Reads on a thread of the pool; returns when the last chunk is put.
    private static func read(
        _ request: ExportRequest, _ source: ExportSource, _ pool: BlockingPool,
        into chunks: ChunkQueue
    ) async {
        do {
            try await pool.run { try read(request, source, into: chunks) }
        } catch {
            chunks.putLast(ExportTrailer.line(error: "\(error)"))
        }
        chunks.finish()
    }

    private static func read(
        _ request: ExportRequest, _ source: ExportSource, into chunks: ChunkQueue
    ) throws {
        var counts = ExportCounts()
        var buffer: [UInt8] = []
        let isWhole = try source.read(request) { lines, added in
            counts += added
            buffer += lines
            guard buffer.count >= chunkBytes else { return true }
            defer { buffer = [] }
            return chunks.put(buffer)
        }
        if isWhole { _ = chunks.put(buffer + ExportTrailer.line(counts)) }
    }
}

/// Chunks on their way from a thread that blocks to a task that does not; the thread waits while
/// `capacity` of them lie there.
private final class ChunkQueue: Sendable {
    let received: AsyncStream<[UInt8]>
    private let sending: AsyncStream<[UInt8]>.Continuation
    private let room: DispatchSemaphore
    private let isCancelled = Atomic(false)

    init(capacity: Int) {
        // Never drops: as many are put as there is room for.
        (received, sending) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(capacity + 1))
        room = DispatchSemaphore(value: capacity)
    }

    /// Blocks until there is room; false once nobody takes them any more.
    func put(_ chunk: [UInt8]) -> Bool {
        room.wait()
        guard !isCancelled.load(ordering: .acquiring) else { return false }
        sending.yield(chunk)
        return true
    }

    /// Needs no room: there is some left for it.
    func putLast(_ chunk: [UInt8]) { sending.yield(chunk) }

    /// A chunk was taken.
    func release() { room.signal() }

    func finish() { sending.finish() }

    /// Nobody takes any more: whoever waits goes on and learns of it.
    func cancel() {
        isCancelled.store(true, ordering: .releasing)
        room.signal()
    }
}
