import HTTPServer
import LogQL
import Platform
import QueryCore
import Store
import Telemetry
import WireFormats

/// One tail: first the newest lines of the past, then every line once as it arrives.
struct TailSession: Sendable {
    let query: LogQuery
    /// How long lines wait for others that are older.
    let delayNanoseconds: Int64
    /// Lines of the past.
    let limit: Int
    let start: Timestamp
    let isCategorized: Bool
    let store: any LogStore
    let runner: QueryRunner

    /// Lines of one message: browsers take it whole.
    private static let messageLinesMax = 1_000
    /// What arrives so soon after the past was read may be in it: a batch can be read before its way in
    /// shows it to tails.
    private static let overlapNanoseconds: Int64 = 2_000_000_000

    func run(_ socket: WebSocket, _ tails: LogTails) async {
        // Before the past is read, so that no line falls between the two.
        guard let (id, queue) = tails.add() else {
            return socket.close(.tryAgainLater, reason: "too many tails")
        }
        defer { tails.remove(id) }
        do {
            let past = try await past()
            try await send(past, [], to: socket)
            var seen = SeenLines(past)
            var overlapEnd: Int64? =
                runner.clock.monotonicNanoseconds &+ Self.overlapNanoseconds
            while !Task.isCancelled {
                let (items, dropped) = await due(queue)
                let batches = items.map(\.batch)
                var streams = try await evaluate(batches)
                if let end = overlapEnd {
                    if items.contains(where: { $0.arrival <= end }) { seen.remove(from: &streams) }
                    if items.contains(where: { $0.arrival > end }) { overlapEnd = nil }
                }
                try await send(streams, missed(dropped), to: socket)
            }
        } catch let error as HTTPError {
            socket.close(
                error.reason == .overloaded ? .tryAgainLater : .unexpected, reason: error.message)
        } catch {
            // The client has gone.
            return
        }
    }

    private func past() async throws -> [LogStreamResult] {
        let end = Timestamp(nanoseconds: runner.clock.wallNanoseconds)
        guard start < end else { return [] }
        var streams = try await runner.run { context in
            try LogQLEngine(store: store).streams(
                query, start: start, end: end, limit: limit, context: context)
        }
        // Those of one time stay as they are.
        for index in streams.indices {
            streams[index].entries = streams[index].entries.enumerated().sorted { a, b in
                let (first, second) = (a.element.time, b.element.time)
                return first == second ? a.offset < b.offset : first < second
            }.map(\.element)
        }
        return streams
    }

    /// What has arrived when the first of it has waited long enough; none when the task is cancelled.
    private func due(_ queue: TailQueue) async -> (items: [TailQueue.Item], dropped: [LogBatch]) {
        await queue.waitUntilFilled()
        let now = runner.clock.monotonicNanoseconds
        if delayNanoseconds > 0, let first = queue.firstArrival {
            let wait = first &+ delayNanoseconds &- now
            if wait > 0 {
                do { try await Task.sleep(nanoseconds: UInt64(wait)) } catch { return ([], []) }
            }
        }
        return queue.take(until: .max)
    }

    /// The lines of several batches, in order of time.
    private func evaluate(_ batches: [LogBatch]) async throws -> [LogStreamResult] {
        guard !batches.isEmpty else { return [] }
        return try await runner.run { context in
            guard batches.count > 1 else {
                return try LogQLEngine.streams(query, of: batches[0], context: context)
            }
            var merger = LogBatchMerger()
            for batch in batches {
                let source = merger.add(batch)
                for row in 0..<batch.count { merger.append(row: row, of: source) }
            }
            return try LogQLEngine.streams(query, of: merger.take(), context: context)
        }
    }

    private func missed(_ dropped: [LogBatch]) throws -> [(labels: Labels, time: Timestamp)] {
        var missed: [(labels: Labels, time: Timestamp)] = []
        for batch in dropped where missed.count < DroppedLines.countMax {
            missed += try LogQLEngine.selected(
                query, of: batch, limit: DroppedLines.countMax - missed.count)
        }
        return missed
    }

    private func send(
        _ streams: [LogStreamResult], _ missed: [(labels: Labels, time: Timestamp)],
        to socket: WebSocket
    ) async throws {
        let writer = LokiResult(
            bytesMax: runner.answerLimits.bytesMax, isCategorized: isCategorized)
        var part: [LogStreamResult] = []
        var room = Self.messageLinesMax
        for stream in streams {
            var entries = stream.entries[...]
            while !entries.isEmpty {
                let taken = entries.prefix(room)
                part.append(LogStreamResult(labels: stream.labels, entries: Array(taken)))
                entries = entries.dropFirst(taken.count)
                room -= taken.count
                if room == 0 {
                    try await socket.send(text: writer.tailed(part, missed: []))
                    part = []
                    room = Self.messageLinesMax
                }
            }
        }
        guard !part.isEmpty || !missed.isEmpty else { return }
        try await socket.send(text: writer.tailed(part, missed: missed))
    }
}

/// Lines of the past that may come once more.
private struct SeenLines {
    private struct Line: Hashable {
        var labels: Labels
        var entry: LogEntry
    }

    private var counts: [Line: Int] = [:]

    init(_ streams: [LogStreamResult]) {
        for stream in streams {
            for entry in stream.entries {
                counts[Line(labels: stream.labels, entry: entry), default: 0] += 1
            }
        }
    }

    /// Takes each line out once for each time that it was seen.
    mutating func remove(from streams: inout [LogStreamResult]) {
        for index in streams.indices {
            let labels = streams[index].labels
            streams[index].entries.removeAll { entry in
                let line = Line(labels: labels, entry: entry)
                guard let count = counts[line] else { return false }
                counts[line] = count > 1 ? count - 1 : nil
                return true
            }
        }
        streams.removeAll { $0.entries.isEmpty }
    }
}
