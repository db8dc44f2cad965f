import Glibc
import NIOPosix
import Synchronization

/// Writes access-log lines to a file on a thread of its own. The loops hand over whole buffers and
/// never wait: when the disk cannot keep up, lines are dropped and counted.
package final class AccessLogWriter: Sendable {
    private struct State {
        var pending: [(bytes: [UInt8], lines: Int)] = []
        var pendingBytes = 0
        var isWriting = false
        var dropped: UInt64 = 0
        var written: UInt64 = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// Ten seconds of lines at 3,000 requests a second.
    private static let pendingBytesMax = 24 << 20

    private let descriptor: Int32
    private let ownsDescriptor: Bool
    private let thread: NIOThreadPool
    private let state = Mutex(State())

    /// - Throws: `ConfigurationError` if the file cannot be opened.
    package init?(_ destination: ProxyConfiguration.AccessLog) throws(ConfigurationError) {
        switch destination {
        case .off: return nil
        case .standardOutput:
            descriptor = STDOUT_FILENO
            ownsDescriptor = false
        case .file(let path):
            descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw ConfigurationError(
                    "cannot open the access log \(path): \(String(cString: strerror(errno)))")
            }
            ownsDescriptor = true
        }
        thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
    }

    package var droppedLines: UInt64 { state.withLock { $0.dropped } }
    package var writtenLines: UInt64 { state.withLock { $0.written } }

    package func append(_ bytes: [UInt8], lines: Int) {
        let mustStart = state.withLock { state in
            guard state.pendingBytes + bytes.count <= Self.pendingBytesMax else {
                state.dropped += UInt64(lines)
                return false
            }
            state.pending.append((bytes, lines))
            state.pendingBytes += bytes.count
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { thread.submit { _ in self.drain() } }
    }

    /// Waits until all lines handed over are written, then closes the file.
    package func close() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                guard state.isWriting else { return true }
                state.waiting.append(continuation)
                return false
            }
            if isIdle { continuation.resume() }
        }
        await withCheckedContinuation { continuation in
            thread.shutdownGracefully { _ in continuation.resume() }
        }
        if ownsDescriptor { Glibc.close(descriptor) }
    }

    private func drain() {
        while true {
            let batch = state.withLock { state in
                let batch = state.pending
                state.pending = []
                if batch.isEmpty { state.isWriting = false }
                return batch
            }
            guard !batch.isEmpty else { break }
            for (bytes, lines) in batch {
                let succeeded = write(bytes)
                state.withLock { state in
                    state.pendingBytes -= bytes.count
                    if succeeded {
                        state.written += UInt64(lines)
                    } else {
                        state.dropped += UInt64(lines)
                    }
                }
            }
        }
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func write(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { raw in
            var offset = 0
            while offset < raw.count, let base = raw.baseAddress {
                let count = Glibc.write(descriptor, base + offset, raw.count - offset)
                if count >= 0 {
                    offset += count
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }
}
