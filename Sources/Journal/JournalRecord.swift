import Telemetry

/// What a record's payload is, as one byte on disk. Never renumbered.
package struct RecordKind: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let spans = RecordKind(rawValue: 1)
    package static let logs = RecordKind(rawValue: 2)
    package static let metrics = RecordKind(rawValue: 3)
    /// The first of the values that users of the journal may give a meaning of their own.
    package static let custom = RecordKind(rawValue: 128)
}

/// A record to be written.
package struct JournalEntry: Sendable {
    package var kind: RecordKind
    /// When the batch arrived: decides the day that traces and logs are filed under.
    package var arrival: Timestamp
    /// Identifies a retry of the same request; `nil` if retries cannot be told.
    package var digest: ContentHash?
    /// The payload is these parts, one after the other.
    package var parts: [[UInt8]]

    package init(
        kind: RecordKind, arrival: Timestamp, digest: ContentHash? = nil, parts: [[UInt8]]
    ) {
        self.kind = kind
        self.arrival = arrival
        self.digest = digest
        self.parts = parts
    }

    package var payloadBytes: Int { parts.reduce(0) { $0 + $1.count } }
}

/// A record read back. `payload` is valid only during the call that delivers it.
package struct JournalRecord {
    package var sequence: UInt64
    package var kind: RecordKind
    package var arrival: Timestamp
    package var digest: ContentHash?
    package var payload: UnsafeRawBufferPointer
}
