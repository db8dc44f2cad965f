import Telemetry

/// The attributes of one body as they last stood there, by key, each with the key that came next: a guess at
/// every attribute that costs one comparison of bytes, where reading it costs two look-ups of strings.
struct KnownAttributes {
    /// A `KeyValue` message and what it became. A body has less than 4 GiB.
    struct Attribute {
        /// Where the message lies in the body.
        fileprivate var start: UInt32
        fileprivate var count: UInt32
        /// How many bytes the key's field takes, if the message begins with it and has no other; else 0.
        fileprivate var keyCount: UInt32 = 0
        var key: StringID = 0
        var cell = OTLPAttributeDecoder.Cell()
        /// The number of the one that followed it.
        fileprivate var next: UInt32 = 0

        init(_ message: ProtobufReader) {
            start = UInt32(truncatingIfNeeded: message.offset)
            count = UInt32(truncatingIfNeeded: message.remaining)
        }

        /// None: equal to no message.
        fileprivate init() {
            start = 0
            count = .max
        }

        mutating func setKeyEnd(_ end: Int) {
            keyCount = UInt32(truncatingIfNeeded: end &- Int(start))
        }

        mutating func forgetKeyEnd() { keyCount = 0 }
    }

    /// The first stands for the beginning of the body.
    private var attributes = [Attribute()]
    /// Numbers of attributes by key; 0 is none.
    private var numbers: [UInt32] = []
    private var last = 0

    /// The attribute whose message is the same as `message`, if it is the one that is expected.
    @inline(__always)
    mutating func match(
        _ message: ProtobufReader
    ) -> (key: StringID, cell: OTLPAttributeDecoder.Cell)? {
        let number = Int(attributes[last].next)
        let count = Int(attributes[number].count)
        guard count == message.remaining,
            message.isNext(count, at: Int(attributes[number].start))
        else { return nil }
        last = number
        return (attributes[number].key, attributes[number].cell)
    }

    /// Moves behind the key if it is that of the attribute that is expected.
    @inline(__always)
    mutating func matchKey(_ message: inout ProtobufReader, of attribute: inout Attribute) -> Bool {
        let number = Int(attributes[last].next)
        let count = Int(attributes[number].keyCount)
        guard count > 0, message.isNext(count, at: Int(attributes[number].start)) else {
            return false
        }
        attribute.key = attributes[number].key
        attribute.keyCount = UInt32(truncatingIfNeeded: count)
        message.advance(to: message.offset &+ count)
        return true
    }

    /// Takes an attribute that has been read and has the expected key.
    @inline(__always)
    mutating func rememberExpected(_ attribute: Attribute) {
        let number = Int(attributes[last].next)
        attributes[number].start = attribute.start
        attributes[number].count = attribute.count
        attributes[number].cell = attribute.cell
        last = number
    }

    /// Takes an attribute that has been read.
    @inline(never)
    mutating func remember(_ attribute: Attribute) {
        let key = Int(attribute.key)
        while numbers.count <= key { numbers.append(0) }
        var number = Int(numbers[key])
        if number == 0 {
            number = attributes.count
            numbers[key] = UInt32(truncatingIfNeeded: number)
            attributes.append(attribute)
        } else {
            let next = attributes[number].next
            attributes[number] = attribute
            attributes[number].next = next
        }
        attributes[last].next = UInt32(truncatingIfNeeded: number)
        last = number
    }

    /// The next attribute follows none that is known.
    mutating func forget() { last = 0 }
}
