import Compression
import Logging
import Platform
import Synchronization
import Telemetry
import WireFormats

/// Sends spans, log records and metrics to an OTLP receiver: in batches, with retries, and honest about
/// what did not get there. Every item that is submitted is, sooner or later, counted as sent or as
/// dropped for a reason.
///
/// Each signal has a bounded queue and a task of its own, so that trouble with one does not delay the
/// others. A request that is repeated has the same bytes, so that a receiver can tell it is a repetition.
package final class OTLPExporter: Sendable {
    package enum Signal: String, Sendable, CaseIterable {
        case traces
        case logs
        case metrics
    }

    package enum DropReason: String, Sendable, CaseIterable, Comparable {
        /// The receiver was slow or away for longer than the queue is deep.
        case queueFull = "queue_full"
        /// The receiver will not have it (a 4xx).
        case refused
        /// Tried for `RetryPolicy.giveUpAfter`.
        case retriesExhausted = "retries_exhausted"
        /// Still waiting when the exporter was shut down.
        case shutdown

        package static func < (a: DropReason, b: DropReason) -> Bool { a.rawValue < b.rawValue }
    }

    /// Items since the start, and items that wait.
    package struct Counters: Sendable, Equatable {
        package var sent: UInt64 = 0
        package var dropped: [DropReason: UInt64] = [:]
        package var queued = 0

        package init(sent: UInt64 = 0, dropped: [DropReason: UInt64] = [:], queued: Int = 0) {
            self.sent = sent
            self.dropped = dropped
            self.queued = queued
        }

        package var droppedTotal: UInt64 { dropped.values.reduce(0, +) }
    }

    private struct State {
        var lanes: [Signal: ExportLane] = Dictionary(
            uniqueKeysWithValues: Signal.allCases.map { ($0, ExportLane()) })
        /// Senders do not wait for a batch to fill.
        var isFlushing = false
        var isClosed = false
        var isClosing = false
        var tasks: [Task<Void, Never>] = []
    }

    private let configuration: Configuration
    private let transport: any ExportTransport
    private let random: any RandomSource
    private let logger: Logger
    private let state = Mutex(State())
    private let wakeUps: [Signal: WakeUp]

    package convenience init(
        _ configuration: Configuration, random: any RandomSource = SystemRandom(),
        logger: Logger = Logger(label: "export")
    ) {
        let transport = HTTPExportTransport(
            headers: configuration.headers, timeout: configuration.requestTimeout,
            isGzip: configuration.compressesWithGzip)
        self.init(configuration, transport: transport, random: random, logger: logger)
    }

    package init(
        _ configuration: Configuration, transport: any ExportTransport,
        random: any RandomSource = SystemRandom(), logger: Logger = Logger(label: "export")
    ) {
        self.configuration = configuration
        self.transport = transport
        self.random = random
        self.logger = logger
        wakeUps = Dictionary(uniqueKeysWithValues: Signal.allCases.map { ($0, WakeUp()) })
        let tasks = Signal.allCases.map { signal in
            Task.detached { await self.run(signal) }
        }
        state.withLock { $0.tasks = tasks }
    }

    // MARK: Submitting

    /// Takes a batch; never waits. What does not fit is dropped and counted.
    package func submit(_ batch: SpanBatch) { submit(.spans(batch), .traces) }

    package func submit(_ batch: LogBatch) { submit(.logs(batch), .logs) }

    /// An item is a data point.
    package func submit(_ metrics: ExportMetrics) { submit(.metrics(metrics), .metrics) }

    private func submit(_ item: ExportLane.Item, _ signal: Signal) {
        guard item.count > 0 else { return }
        let wakes = state.withLock { state in
            guard !state.isClosed else {
                state.lanes[signal]?.dropped[.shutdown, default: 0] += UInt64(item.count)
                return false
            }
            let wasEmpty = state.lanes[signal]?.items.isEmpty ?? true
            let taken = state.lanes[signal]?.append(
                item, itemsMax: configuration.queueItemsMax, bytesMax: configuration.queueBytesMax)
            return taken == true && (wasEmpty || isFull(state.lanes[signal]))
        }
        if wakes { wakeUps[signal]?.signal() }
    }

    private func isFull(_ lane: ExportLane?) -> Bool {
        guard let lane else { return false }
        return lane.itemCount >= configuration.batchItemsMax
            || lane.byteCount >= configuration.batchBytesMax
    }

    package func counters(_ signal: Signal) -> Counters {
        state.withLock { state in
            guard let lane = state.lanes[signal] else { return Counters() }
            return Counters(sent: lane.sent, dropped: lane.dropped, queued: lane.queued)
        }
    }

    // MARK: Flush and shutdown

    /// Sends what waits without waiting for more of it.
    /// - Returns: whether everything that had been submitted was sent or dropped within `deadline`.
    package func flush(within deadline: Duration) async -> Bool {
        let end = ContinuousClock.now.advanced(by: deadline)
        state.withLock { $0.isFlushing = true }
        for wakeUp in wakeUps.values { wakeUp.signal() }
        defer { state.withLock { $0.isFlushing = false } }
        while true {
            if state.withLock({ $0.lanes.values.allSatisfy(\.isDone) }) { return true }
            guard ContinuousClock.now < end else { return false }
            do {
                try await Task.sleep(for: .milliseconds(5))
            } catch {
                return false
            }
        }
    }

    /// Flushes, then ends. What has not been accepted by the deadline is counted as dropped.
    package func shutdown(within deadline: Duration) async {
        let isFirst = state.withLock { state in
            defer { state.isClosing = true }
            return !state.isClosing
        }
        guard isFirst else { return }
        _ = await flush(within: deadline)
        let tasks = state.withLock { state in
            state.isClosed = true
            for signal in Signal.allCases { state.lanes[signal]?.dropAll(.shutdown) }
            return state.tasks
        }
        for task in tasks { task.cancel() }
        for wakeUp in wakeUps.values { wakeUp.signal() }
        for task in tasks { await task.value }
        await transport.close()
    }

    // MARK: Sending

    private func run(_ signal: Signal) async {
        guard let wakeUp = wakeUps[signal] else { return }
        while !state.withLock({ $0.isClosed }) {
            await wakeUp.wait()
            await fill(signal, wakeUp)
            while let batch = next(signal) { await send(batch, signal) }
        }
    }

    /// Waits until a batch is full or its first item old enough.
    private func fill(_ signal: Signal, _ wakeUp: WakeUp) async {
        let mayWait = state.withLock { state in
            !state.isFlushing && !state.isClosed && !isFull(state.lanes[signal])
                && state.lanes[signal]?.items.isEmpty == false
        }
        if mayWait { await wakeUp.wait(atMost: configuration.interval) }
    }

    private func next(_ signal: Signal) -> [ExportLane.Item]? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            let batch = state.lanes[signal]?.takeBatch(
                itemsMax: configuration.batchItemsMax, bytesMax: configuration.batchBytesMax)
            return batch?.isEmpty == false ? batch : nil
        }
    }

    private func send(_ batch: [ExportLane.Item], _ signal: Signal) async {
        let count = batch.reduce(0) { $0 + $1.count }
        let outcome = await outcome(of: body(batch), signal)
        state.withLock { state in
            state.lanes[signal]?.inFlight -= count
            if let reason = outcome {
                state.lanes[signal]?.dropped[reason, default: 0] += UInt64(count)
            } else {
                state.lanes[signal]?.sent += UInt64(count)
            }
        }
    }

    /// Concatenated messages are one message whose repeated fields are concatenated (protobuf encoding
    /// guide, "Last One Wins"), so several batches make one request.
    private func body(_ batch: [ExportLane.Item]) -> [UInt8] {
        var body: [UInt8] = []
        for item in batch {
            if body.isEmpty { body = item.encoded() } else { body += item.encoded() }
        }
        guard configuration.compressesWithGzip else { return body }
        do {
            return try Zlib.compress(body, format: .gzip, level: 1)
        } catch {
            preconditionFailure("BUG: zlib cannot compress \(body.count) bytes: \(error)")
        }
    }

    /// - Returns: why the request was dropped, or `nil` if it was accepted.
    private func outcome(of body: [UInt8], _ signal: Signal) async -> DropReason? {
        let end = ContinuousClock.now.advanced(by: configuration.retry.giveUpAfter)
        var failures = 0
        while true {
            do {
                try await transport.send(body, to: configuration.url(signal))
                return nil
            } catch {
                failures += 1
                switch error {
                case .permanent(let reason):
                    logger.warning("receiver refused \(signal.rawValue): \(reason)")
                    return .refused
                case .transient(let reason, let asked):
                    if failures == 1 {
                        logger.notice("cannot send \(signal.rawValue), trying on: \(reason)")
                    }
                    let wait = configuration.retry.wait(
                        afterFailures: failures, asked: asked, random: random)
                    guard ContinuousClock.now.advanced(by: wait) < end else {
                        return .retriesExhausted
                    }
                    do {
                        try await Task.sleep(for: wait)
                    } catch {
                        return .shutdown
                    }
                }
            }
        }
    }
}
