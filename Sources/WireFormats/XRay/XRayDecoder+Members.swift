import Telemetry

extension XRayDecoder {
    /// Adds what a segment says as attributes and events; gives the message of its first exception.
    mutating func appendMembers(
        of segment: XRaySegment, end: Timestamp
    ) throws(DecodeError) -> StringID {
        append(text: segment.user, under: "enduser.id")
        append(text: segment.namespace, under: "aws.xray.namespace")
        append(flag: segment.isInProgress, under: "aws.xray.in_progress")
        append(flag: segment.isFault, under: "aws.xray.fault")
        append(flag: segment.isError, under: "aws.xray.error")
        append(flag: segment.isThrottled, under: "aws.xray.throttle")
        if let http = segment.http { try appendHTTP(http) }
        if let aws = segment.aws {
            try appendMembers(of: aws) { key in
                switch key {
                case "operation": "rpc.method"
                case "region": "cloud.region"
                case "account_id": "cloud.account.id"
                default: "aws." + key
                }
            }
        }
        if let sql = segment.sql {
            try appendMembers(of: sql) { key in
                switch key {
                case "sanitized_query": "db.query.text"
                case "database_type": "db.system.name"
                case "url": "db.connection_string"
                default: "db." + key
                }
            }
        }
        if let annotations = segment.annotations {
            try appendMembers(of: annotations) { $0 }
        }
        if let metadata = segment.metadata {
            try appendMembers(of: metadata) { "aws.xray.metadata." + $0 }
        }
        guard let cause = segment.cause else { return 0 }
        return try appendExceptions(of: cause, at: end)
    }

    // MARK: Members

    private mutating func appendHTTP(_ slice: JSONSlice) throws(DecodeError) {
        var reader = JSONReader(slice)
        try reader.beginObject()
        while let part = try reader.nextField() {
            switch part {
            case "request":
                try appendMembers(of: try reader.slice()) { key in
                    switch key {
                    case "method": "http.request.method"
                    case "url": "url.full"
                    case "user_agent": "user_agent.original"
                    case "client_ip": "client.address"
                    default: "aws.xray.request." + key
                    }
                }
            case "response":
                try appendMembers(of: try reader.slice()) { key in
                    switch key {
                    case "status": "http.response.status_code"
                    case "content_length": "http.response.body.size"
                    default: "aws.xray.response." + key
                    }
                }
            default: try reader.skipValue()
            }
        }
    }

    /// Adds each member of an object as an attribute under the name that `name` gives it.
    private mutating func appendMembers(
        of slice: JSONSlice, under name: (String) -> String
    ) throws(DecodeError) {
        var reader = JSONReader(slice)
        // Some senders write an empty string or list for nothing.
        guard try reader.peek() == .object else { return }
        try reader.beginObject()
        while let field = try reader.nextField() {
            let key = batch.strings.intern(name(String(decoding: field.bytes, as: UTF8.self)))
            try appendValue(&reader, under: key)
        }
    }

    private mutating func appendValue(
        _ reader: inout JSONReader, under key: StringID
    ) throws(DecodeError) {
        switch try reader.peek() {
        case .string:
            let text = batch.strings.intern(try reader.string())
            batch.attributes.append(key: key, type: .string, payload: UInt64(text))
        case .bool:
            batch.attributes.append(key: key, type: .bool, payload: try reader.bool() ? 1 : 0)
        case .null: try reader.null()
        case .number:
            let number = try reader.number()
            if number.isInteger, let whole = number.int64 {
                batch.attributes.append(
                    key: key, type: .int, payload: UInt64(bitPattern: whole))
            } else {
                batch.attributes.append(
                    key: key, type: .double, payload: number.double.bitPattern)
            }
        case .array: appendComposite(try reader.slice(), .array, under: key)
        case .object: appendComposite(try reader.slice(), .map, under: key)
        }
    }

    /// What nests deeper than attributes may is kept as the text that it is.
    private mutating func appendComposite(
        _ slice: JSONSlice, _ type: AttributeType, under key: StringID
    ) {
        values.removeAll()
        var reader = JSONReader(slice)
        do throws(DecodeError) {
            try values.json(&reader)
            let id = batch.strings.intern(bytes: values.bytes)
            batch.attributes.append(key: key, type: type, payload: UInt64(id))
        } catch {
            let text = batch.strings.intern(slice.bytes)
            batch.attributes.append(key: key, type: .string, payload: UInt64(text))
        }
    }

    private mutating func append(text: StringID, under key: String) {
        guard text != 0 else { return }
        batch.attributes.append(
            key: batch.strings.intern(key), type: .string, payload: UInt64(text))
    }

    private mutating func append(flag: Bool, under key: String) {
        guard flag else { return }
        batch.attributes.append(key: batch.strings.intern(key), type: .bool, payload: 1)
    }

    // MARK: Exceptions

    private mutating func appendExceptions(
        of slice: JSONSlice, at time: Timestamp
    ) throws(DecodeError) -> StringID {
        var reader = JSONReader(slice)
        // A string refers to an exception of another segment.
        guard try reader.peek() == .object else { return 0 }
        var first: StringID = 0
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "exceptions":
                try reader.beginArray()
                while try reader.nextItem() {
                    let message = try appendException(&reader, at: time)
                    if first == 0 { first = message }
                }
            default: try reader.skipValue()
            }
        }
        return first
    }

    private mutating func appendException(
        _ reader: inout JSONReader, at time: Timestamp
    ) throws(DecodeError) -> StringID {
        var message: StringID = 0
        var type: StringID = 0
        var stack: [UInt8] = []
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "message": message = batch.strings.intern(try reader.tagText())
            case "type": type = batch.strings.intern(try reader.tagText())
            case "stack":
                try reader.beginArray()
                while try reader.nextItem() { try Self.frame(&reader, to: &stack) }
            default: try reader.skipValue()
            }
        }
        batch.events.times.append(time)
        batch.events.names.append(batch.strings.intern("exception"))
        batch.events.droppedAttributeCounts.append(0)
        appendEvent("exception.type", type)
        appendEvent("exception.message", message)
        let trace = stack.withUnsafeBytes { batch.strings.intern($0) }
        appendEvent("exception.stacktrace", trace)
        batch.events.attributeEnds.append(
            UInt32(truncatingIfNeeded: batch.events.attributes.count))
        return message
    }

    private mutating func appendEvent(_ key: String, _ text: StringID) {
        guard text != 0 else { return }
        batch.events.attributes.append(
            key: batch.strings.intern(key), type: .string, payload: UInt64(text))
    }

    /// Adds a line `at LABEL (PATH:LINE)`.
    private static func frame(
        _ reader: inout JSONReader, to stack: inout [UInt8]
    ) throws(DecodeError) {
        var label: [UInt8] = []
        var path: [UInt8] = []
        var line: [UInt8] = []
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "label": label = Array(try reader.tagText())
            case "path": path = Array(try reader.tagText())
            case "line": line = Array(try reader.tagText())
            default: try reader.skipValue()
            }
        }
        stack += Array("at ".utf8) + label + Array(" (".utf8) + path + Array(":".utf8) + line
        stack += Array(")\n".utf8)
    }
}
