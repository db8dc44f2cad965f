import Dispatch
import Glibc
import Synchronization

/// Signals as an asynchronous sequence of numbers.
final class Signals: Sendable {
    let received: AsyncStream<Int32>
    private let sources: Mutex<[any DispatchSourceSignal]>

    /// Takes over `numbers` from their default action.
    init(_ numbers: [Int32]) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Int32.self, bufferingPolicy: .bufferingNewest(16))
        received = stream
        let sources = numbers.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source as any DispatchSourceSignal
        }
        self.sources = Mutex(sources)
    }
}
