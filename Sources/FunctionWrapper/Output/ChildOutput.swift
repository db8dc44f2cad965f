import CProcess
import Glibc
import Synchronization

/// Reads what a child writes and says which invocation it belongs to.
///
/// Everything that a child wrote before it answered is in the pipes when the answer arrives. So what is in
/// them then is read before the context changes, and no line goes to the wrong invocation.
final class ChildOutput: Sendable {
    private struct State: Sendable {
        var context: LogContext
        var lines: [OutputStream: LineSplitter] = [.out: LineSplitter(), .error: LineSplitter()]
        var frames = FrameReader()
        /// Descriptors that are not at their end.
        var open: [OutputStream: Int32]
        var isFinished = false
    }

    /// What is read at a time before others get their turn: a child that never stops writing must not
    /// hold up its own invocation.
    private static let drainBytesMax = 4 << 20

    private let state: Mutex<State>
    private let descriptors: [Int32]
    private let sink: LogSink
    /// Ends the wait of `run`; -1 if there was none left.
    private let wakeUp: [Int32]

    init(out: Int32, error: Int32, frames: Int32, sink: @escaping LogSink, context: LogContext) {
        descriptors = [out, error, frames]
        state = Mutex(
            State(context: context, open: [.out: out, .error: error, .frames: frames]))
        self.sink = sink
        var ends: [Int32] = [-1, -1]
        wakeUp = cprocess_pipe(&ends) == 0 ? ends : [-1, -1]
    }

    /// Reads until `finish`; blocks the thread it is called on.
    func run() {
        while !state.withLock({ $0.isFinished }) {
            let open = state.withLock { Array($0.open.values) }
            var waiting = (open + [wakeUp[0]]).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            // Without a wake-up pipe the end is noticed by looking again.
            _ = poll(&waiting, nfds_t(waiting.count), wakeUp[0] < 0 ? 50 : -1)
            state.withLock { drain(&$0) }
        }
        discard()
    }

    /// Reads what has been written so far as the old context's, and goes on with the new one.
    func setContext(_ context: LogContext) {
        state.withLock { state in
            drain(&state)
            flushLines(&state)
            state.context = context
        }
    }

    /// Reads what is left and ends `run`.
    func finish() {
        state.withLock { state in
            guard !state.isFinished else { return }
            drain(&state)
            flushLines(&state)
            state.isFinished = true
        }
        var byte: UInt8 = 1
        if wakeUp[1] >= 0 { _ = write(wakeUp[1], &byte, 1) }
    }

    /// Closes the pipes of a child that never was, or when `run` has ended.
    func discard() {
        for descriptor in descriptors + wakeUp where descriptor >= 0 { close(descriptor) }
    }

    private func drain(_ state: inout State) {
        guard !state.isFinished else { return }
        var records: [CapturedRecord] = []
        for stream in [OutputStream.frames, .out, .error] {
            read(stream, &state, into: &records)
        }
        if !records.isEmpty { sink(records) }
    }

    private func read(
        _ stream: OutputStream, _ state: inout State, into records: inout [CapturedRecord]
    ) {
        guard let descriptor = state.open[stream] else { return }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var total = 0
        while total < Self.drainBytesMax {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { state.open[stream] = nil }
            guard count > 0 else { return }
            total += count
            take(buffer[..<count], stream, &state, into: &records)
        }
    }

    private func take(
        _ bytes: ArraySlice<UInt8>, _ stream: OutputStream, _ state: inout State,
        into records: inout [CapturedRecord]
    ) {
        let context = state.context
        if stream == .frames {
            state.frames.append(bytes) { frame in
                var text = frame.message
                while text.last == UInt8(ascii: "\n") { text.removeLast() }
                records.append(
                    CapturedRecord(
                        stream: stream, time: frame.time, severity: frame.severity, text: text,
                        context: context))
            }
        } else {
            state.lines[stream]?.append(bytes) {
                records.append(CapturedRecord(stream: stream, text: $0, context: context))
            }
        }
    }

    private func flushLines(_ state: inout State) {
        var records: [CapturedRecord] = []
        for stream in [OutputStream.out, .error] {
            let context = state.context
            state.lines[stream]?.flush {
                records.append(CapturedRecord(stream: stream, text: $0, context: context))
            }
        }
        if !records.isEmpty { sink(records) }
    }
}
