import Telemetry

/// Keeps state that is derived from every stored log record. What `SpanDerivation` says of spans holds: each
/// stored batch is shown exactly once, in the order of the journal, also over restarts.
package protocol LogDerivation: Sendable {
    /// Takes from a batch what is derived from it, on the thread that appends it. The closure adds it to
    /// the state; it is called once the batch is durable, one after the other, or never.
    /// - Parameter arrival: of the closure: when the batch arrived, the same when it is shown again.
    func prepare(_ batch: LogBatch) -> @Sendable (_ arrival: Timestamp) -> Void

    /// The whole state as bytes. Nothing is added meanwhile.
    func checkpoint() -> [UInt8]

    /// Replaces the state by what `checkpoint` returned; false, and nothing is changed, if the bytes
    /// cannot be read. Called before the first batch.
    func restore(_ checkpoint: [UInt8]) -> Bool
}
