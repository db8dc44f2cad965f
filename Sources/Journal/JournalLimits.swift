/// What an acknowledgement promises.
package enum Durability: String, Sendable, Hashable, CaseIterable {
    /// The bytes are with the kernel: they survive the death of the process, not of the machine.
    case process
    /// The bytes are on the disk (`fdatasync`): they survive a loss of power.
    case power
}

/// The bounds of the journal, in bytes of payload unless said otherwise.
package struct JournalLimits: Sendable, Hashable {
    /// A segment is followed by the next one when it holds this much. Small enough that one is read
    /// into memory at start-up and that sealing frees space early; large enough that creating files
    /// costs nothing.
    package var segmentBytesMax = 32 << 20
    /// The largest request body that receivers accept, with room for the columnar form.
    package var recordBytesMax = 64 << 20
    /// What may wait for the writer, including what it is writing. Beyond it submissions are refused.
    package var queuedBytesMax = 64 << 20
    /// What is written and synced as one unit: bounds how long an acknowledgement waits for others.
    package var batchBytesMax = 8 << 20
    /// The hint given with a refusal: the queue above drains in less time on any disk worth the name.
    package var retryAfterMilliseconds = 250

    package init() {}
}
