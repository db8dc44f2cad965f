import Telemetry

/// The attributes of one body as they last stood there, by key, each with the key that came next: a guess at
/// every attribute that costs one comparison of bytes, where reading it costs two look-ups of strings.
struct KnownAttributes {
    /// A `KeyValue` message and what it became.
    struct Attribute {
        /// Where the message lies in the body.
        fileprivate var start: Int
        fileprivate var count: Int
        /// Where the key's field ends, if the message begins with it and has no other; in the body.
        var keyEnd: Int?
        var key: StringID = 0
        var cell = OTLPAttributeDecoder.Cell()
        /// The number of the one that followed it.
        fileprivate var next = 0

        init(_ message: ProtobufReader) {
            start = message.offset
            count = message.remaining
        }

        /// None: equal to no message.
        fileprivate init() {
            start = 0
            count = -1
        }
    }

    /// The first stands for the beginning of the body.
    private var attributes = [Attribute()]
    /// Numbers of attributes by key; 0 is none.
    private var numbers: [UInt32] = []
    private var last = 0

    /// The attribute whose message is the same as `message`, if it is the one that is expected.
    @inline(__always)
    mutating func match(_ message: ProtobufReader) -> (
        key: StringID, cell: OTLPAttributeDecoder.Cell
    )? {
        let number = attributes[last].next
        let count = attributes[number].count
        guard count == message.remaining, message.isNext(count, at: attributes[number].start) else {
            return nil
        }
        last = number
        return (attributes[number].key, attributes[number].cell)
    }

    /// Moves behind the key if it is that of the attribute that is expected.
    mutating func matchKey(_ message: inout ProtobufReader, of attribute: inout Attribute) -> Bool {
        let expected = attributes[attributes[last].next]
        guard let keyEnd = expected.keyEnd,
            message.isNext(keyEnd &- expected.start, at: expected.start)
        else { return false }
        attribute.key = expected.key
        attribute.keyEnd = message.offset &+ (keyEnd &- expected.start)
        message.advance(to: message.offset &+ (keyEnd &- expected.start))
        return true
    }

    /// Takes an attribute that has been read.
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
        attributes[last].next = number
        last = number
    }

    /// The next attribute follows none that is known.
    mutating func forget() { last = 0 }
}
