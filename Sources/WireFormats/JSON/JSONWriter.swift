import Telemetry

/// Writes compact JSON (RFC 8259) to the end of a byte array. Commas and colons come by themselves.
///
///     writer.object {
///         $0.field("status", "success")
///         $0.key("data")
///         $0.array { array in
///             for name in names { array.value(name) }
///         }
///     }
///
/// Prefer the closures: they cannot be left open. `begin…` and `end…` are for what is written piece by
/// piece; ending the wrong kind, a value without a key in an object, or a key in an array stops the
/// program with a `BUG` message, so a mistake cannot reach a client as broken JSON.
package struct JSONWriter {
    /// What has been written.
    package private(set) var bytes: [UInt8]

    /// Open objects and arrays, the innermost in the lowest bit (1 is an object), below a marker bit
    /// that stands for the top level.
    private var nesting: UInt64 = 1
    /// Full words of outer levels, of which there are more than 63 only in deeply nested attributes.
    private var outerNesting: [UInt64] = []
    private var state = State.first

    private enum State {
        /// Nothing stands at this level yet.
        case first
        /// A value stands before: a comma is due.
        case next
        /// A key has been written: its value is due.
        case value
    }

    package init(capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Writes on after `bytes`.
    package init(appendingTo bytes: [UInt8]) { self.bytes = bytes }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Forgets what was written, keeping the memory.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        nesting = 1
        outerNesting = []
        state = .first
    }

    // MARK: Structure

    @inlinable
    package mutating func object<E>(
        _ body: (inout JSONWriter) throws(E) -> Void
    ) throws(E) {
        beginObject()
        try body(&self)
        endObject()
    }

    @inlinable
    package mutating func array<E>(
        _ body: (inout JSONWriter) throws(E) -> Void
    ) throws(E) {
        beginArray()
        try body(&self)
        endArray()
    }

    package mutating func beginObject() { open(UInt8(ascii: "{"), bit: 1) }
    package mutating func endObject() { close(UInt8(ascii: "}"), bit: 1) }
    package mutating func beginArray() { open(UInt8(ascii: "["), bit: 0) }
    package mutating func endArray() { close(UInt8(ascii: "]"), bit: 0) }

    /// Writes a key, whose value must come next.
    package mutating func key(_ key: StaticString) {
        self.key(
            utf8: UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
    }

    @_disfavoredOverload
    package mutating func key(_ key: String) {
        beginKey()
        JSONText.append(string: key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }

    package mutating func key(utf8 key: UnsafeRawBufferPointer) {
        beginKey()
        JSONText.append(string: key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }

    // MARK: Values

    package mutating func value(_ string: String) {
        beginValue()
        JSONText.append(string: string, to: &bytes)
    }

    /// Text given as UTF-8 that is known to be valid (an interned string).
    package mutating func value(utf8 text: UnsafeRawBufferPointer) {
        beginValue()
        JSONText.append(string: text, to: &bytes)
    }

    package mutating func value(_ flag: Bool) {
        beginValue()
        JSONText.append(flag, to: &bytes)
    }

    package mutating func value(_ number: Int64) {
        beginValue()
        JSONText.append(number, to: &bytes)
    }

    package mutating func value(_ number: UInt64) {
        beginValue()
        JSONText.append(number, to: &bytes)
    }

    package mutating func value(_ number: Int) { value(Int64(number)) }

    /// The shortest form that reads back the same; NaN and infinities as strings.
    package mutating func value(_ number: Double) {
        beginValue()
        JSONText.append(number, to: &bytes)
    }

    package mutating func null() {
        beginValue()
        JSONText.appendNull(to: &bytes)
    }

    package mutating func value(_ value: AttributeValue) {
        beginValue()
        JSONText.append(encoded: value.encoded, to: &bytes)
    }

    /// An id as a string of 32 hexadecimal digits.
    package mutating func value(_ id: TraceID) {
        quoted {
            JSONText.append(hex: id.high, to: &$0)
            JSONText.append(hex: id.low, to: &$0)
        }
    }

    /// An id as a string of 16 hexadecimal digits.
    package mutating func value(_ id: SpanID) {
        quoted { JSONText.append(hex: id.value, to: &$0) }
    }

    /// A 64-bit integer as a string of digits, as proto3's JSON mapping has it.
    package mutating func quotedValue(_ number: Int64) {
        quoted { JSONText.append(number, to: &$0) }
    }

    package mutating func quotedValue(_ number: UInt64) {
        quoted { JSONText.append(number, to: &$0) }
    }

    /// An RFC 3339 timestamp in UTC, as a string.
    package mutating func value(
        rfc3339 time: Timestamp, fraction: RFC3339.Fraction = .shortest
    ) {
        quoted { RFC3339.append(time, fraction: fraction, to: &$0) }
    }

    /// A value that is JSON already; the caller vouches for it.
    package mutating func rawValue(_ json: some Collection<UInt8>) {
        beginValue()
        bytes.append(contentsOf: json)
    }

    /// One value, written by `append` itself. It must append exactly one JSON value.
    @inline(__always)
    package mutating func rawValue(_ append: (inout [UInt8]) -> Void) {
        beginValue()
        append(&bytes)
    }

    /// A string whose content `append` writes; it must need no escaping.
    @inline(__always)
    package mutating func quoted(_ append: (inout [UInt8]) -> Void) {
        beginValue()
        bytes.append(UInt8(ascii: "\""))
        append(&bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Ends a line between values at the top level (JSON lines).
    package mutating func newline() {
        precondition(nesting == 1, "BUG: a line end inside of a value")
        bytes.append(UInt8(ascii: "\n"))
        state = .first
    }

    // MARK: State

    @inline(__always)
    private mutating func beginValue() {
        switch state {
        case .value: state = .next
        case .first:
            precondition(nesting & 1 == 0 || nesting == 1, "BUG: a value without a key")
            state = .next
        case .next:
            precondition(nesting & 1 == 0 && nesting != 1, "BUG: a value without a key or array")
            bytes.append(UInt8(ascii: ","))
        }
    }

    @inline(__always)
    private mutating func beginKey() {
        precondition(nesting & 1 == 1 && nesting != 1, "BUG: a key outside of an object")
        switch state {
        case .first: break
        case .next: bytes.append(UInt8(ascii: ","))
        case .value: preconditionFailure("BUG: a key without its value")
        }
        state = .value
    }

    @inline(__always)
    private mutating func open(_ bracket: UInt8, bit: UInt64) {
        beginValue()
        if nesting >> 63 != 0 {
            outerNesting.append(nesting)
            nesting = 1
        }
        nesting = nesting << 1 | bit
        bytes.append(bracket)
        state = .first
    }

    @inline(__always)
    private mutating func close(_ bracket: UInt8, bit: UInt64) {
        precondition(nesting & 1 == bit && nesting != 1, "BUG: ends what is not open")
        precondition(state != .value, "BUG: a key without its value")
        nesting >>= 1
        if nesting == 1, let outer = outerNesting.popLast() { nesting = outer }
        bytes.append(bracket)
        state = .next
    }
}

extension JSONWriter {
    package mutating func field(_ key: StaticString, _ string: String) {
        self.key(key)
        value(string)
    }

    package mutating func field(_ key: StaticString, _ number: Int64) {
        self.key(key)
        value(number)
    }

    package mutating func field(_ key: StaticString, _ number: UInt64) {
        self.key(key)
        value(number)
    }

    package mutating func field(_ key: StaticString, _ number: Int) {
        self.key(key)
        value(number)
    }

    package mutating func field(_ key: StaticString, _ number: Double) {
        self.key(key)
        value(number)
    }

    package mutating func field(_ key: StaticString, _ flag: Bool) {
        self.key(key)
        value(flag)
    }

    package mutating func field(_ key: StaticString, _ id: TraceID) {
        self.key(key)
        value(id)
    }

    package mutating func field(_ key: StaticString, _ id: SpanID) {
        self.key(key)
        value(id)
    }

    @inlinable
    package mutating func objectField<E>(
        _ key: StaticString, _ body: (inout JSONWriter) throws(E) -> Void
    ) throws(E) {
        self.key(key)
        try object(body)
    }

    @inlinable
    package mutating func arrayField<E>(
        _ key: StaticString, _ body: (inout JSONWriter) throws(E) -> Void
    ) throws(E) {
        self.key(key)
        try array(body)
    }

    package mutating func field(_ key: StaticString, strings: some Sequence<String>) {
        arrayField(key) { array in
            for string in strings { array.value(string) }
        }
    }
}
