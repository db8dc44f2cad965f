import Telemetry

/// Builds the spans of one event loop straight into columns. The batch is handed over whole.
struct SpanBuffer {
    /// Attribute names; a name's raw value is its id in every batch's string table.
    enum Key: StringID, CaseIterable {
        case method = 1
        case methodOriginal, path, query, scheme, urlFull, status, serverAddress, serverPort
        case clientAddress, peerAddress, peerPort, protocolVersion, userAgent, route, errorType
        case requestBodySize, responseBodySize, resendCount, flags, cluster, peerService

        var text: String {
            switch self {
            case .method: "http.request.method"
            case .methodOriginal: "http.request.method_original"
            case .path: "url.path"
            case .query: "url.query"
            case .scheme: "url.scheme"
            case .urlFull: "url.full"
            case .status: "http.response.status_code"
            case .serverAddress: "server.address"
            case .serverPort: "server.port"
            case .clientAddress: "client.address"
            case .peerAddress: "network.peer.address"
            case .peerPort: "network.peer.port"
            case .protocolVersion: "network.protocol.version"
            case .userAgent: "user_agent.original"
            case .route: "http.route"
            case .errorType: "error.type"
            case .requestBodySize: "http.request.body.size"
            case .responseBodySize: "http.response.body.size"
            case .resendCount: "http.request.resend_count"
            case .flags: "sidelight.response_flags"
            case .cluster: "sidelight.upstream_cluster"
            case .peerService: "peer.service"
            }
        }
    }

    private let template: SpanBatch
    private var batch: SpanBatch
    private let http: StringID

    init(resource: Resource, scope: Scope) {
        var template = SpanBatch()
        for key in Key.allCases {
            let id = template.strings.intern(key.text)
            precondition(id == key.rawValue, "BUG: attribute names are not in their order")
        }
        http = template.strings.intern("http")
        _ = template.append(resource)
        _ = template.append(scope)
        self.template = template
        batch = template
    }

    var count: Int { batch.count }

    /// The spans so far; the buffer is empty afterwards.
    mutating func take() -> SpanBatch {
        let full = batch
        batch = template
        return full
    }

    mutating func appendServer(_ exchange: Exchange, _ client: ClientConnection, end: Int64) {
        exchange.bytes.withUnsafeBytes { bytes in
            request(exchange, bytes)
            number(.status, Int64(exchange.status))
            // url.scheme is required, and this listener knows one.
            batch.attributes.append(
                key: Key.scheme.rawValue, type: .string, payload: UInt64(http))
            text(.path, bytes[exchange.head.path])
            if !exchange.head.query.isEmpty { text(.query, bytes[exchange.head.query]) }
            text(.serverAddress, exchange.host(bytes))
            if let port = exchange.port(bytes) { number(.serverPort, Int64(port)) }
            text(.clientAddress, client.remoteHost)
            text(.peerAddress, client.remoteHost)
            number(.peerPort, Int64(client.remotePort))
            if let agent = exchange.head.block.value(.userAgent) { text(.userAgent, bytes[agent]) }
            if let route = exchange.route, !route.pattern.isEmpty { text(.route, route.pattern) }
            number(.requestBodySize, Int64(clamping: exchange.requestBodyBytes))
            number(.responseBodySize, Int64(clamping: exchange.responseBodyBytes))
            outcome(exchange, isError: exchange.status >= 500 || exchange.status == 0)
        }
        finish(
            exchange, .server, span: exchange.serverSpan, parent: exchange.trace.parentID,
            start: exchange.startMonotonic, end: end,
            isError: exchange.status >= 500 || exchange.status == 0)
    }

    /// - Parameters:
    ///   - status: 0 when no response came.
    ///   - error: why the try failed, if not by its status.
    mutating func appendTry(
        _ exchange: Exchange, parent: SpanID, status: UInt16, error: StaticString?, end: Int64
    ) {
        let isError = error != nil || status >= 400 || status == 0
        exchange.bytes.withUnsafeBytes { bytes in
            request(exchange, bytes)
            if status > 0 { number(.status, Int64(status)) }
            urlFull(exchange, bytes)
            text(.serverAddress, exchange.host(bytes))
            number(.serverPort, Int64(exchange.port(bytes) ?? 80))
            if let endpoint = exchange.endpoint {
                text(.peerAddress, endpoint.hostText)
                number(.peerPort, Int64(endpoint.address.port))
            }
            if let cluster = exchange.cluster {
                text(.cluster, cluster.nameText)
                text(.peerService, cluster.serviceText)
            }
            if exchange.attempts > 1 { number(.resendCount, Int64(exchange.attempts - 1)) }
            number(.requestBodySize, Int64(clamping: exchange.requestBodyBytes))
            if status > 0 {
                number(.responseBodySize, Int64(clamping: exchange.responseBodyBytes))
            }
            if let error {
                batch.attributes.append(
                    key: Key.errorType.rawValue, type: .string, payload: UInt64(intern(error)))
                flags(exchange)
            } else {
                outcome(exchange, isError: isError, status: status)
            }
        }
        finish(
            exchange, .client, span: exchange.attemptSpan, parent: parent,
            start: exchange.attemptStartMonotonic, end: end, isError: isError)
    }

    // MARK: Parts

    private mutating func request(_ exchange: Exchange, _ bytes: UnsafeRawBufferPointer) {
        let method = exchange.head.method
        batch.attributes.append(
            key: Key.method.rawValue, type: .string, payload: UInt64(intern(method.text)))
        if method == .other, !exchange.head.methodName.isEmpty {
            text(.methodOriginal, bytes[exchange.head.methodName])
        }
        batch.attributes.append(
            key: Key.protocolVersion.rawValue, type: .string,
            payload: UInt64(intern(exchange.head.minorVersion == 0 ? "1.0" : "1.1")))
    }

    private mutating func urlFull(_ exchange: Exchange, _ bytes: UnsafeRawBufferPointer) {
        let head = exchange.head
        guard !head.target.isEmpty else { return }
        if head.isAbsoluteForm { return text(.urlFull, bytes[head.target]) }
        let length = 7 + head.authority.count + head.target.count
        withUnsafeTemporaryAllocation(byteCount: length, alignment: 1) { url in
            var writer = RawWriter(url)
            writer.append("http://")
            writer.append(bytes[head.authority])
            writer.append(bytes[head.target])
            text(.urlFull, UnsafeRawBufferPointer(url))
        }
    }

    private mutating func outcome(_ exchange: Exchange, isError: Bool, status: UInt16? = nil) {
        if isError {
            let status = status ?? exchange.status
            // Without a status, the flags say why (HTTP conventions: a low-cardinality identifier).
            let type = status > 0 ? String(status) : exchange.flags.text
            batch.attributes.append(
                key: Key.errorType.rawValue, type: .string,
                payload: UInt64(batch.strings.intern(type)))
        }
        flags(exchange)
    }

    private mutating func flags(_ exchange: Exchange) {
        guard !exchange.flags.isEmpty else { return }
        batch.attributes.append(
            key: Key.flags.rawValue, type: .string,
            payload: UInt64(batch.strings.intern(exchange.flags.text)))
    }

    private mutating func finish(
        _ exchange: Exchange, _ kind: SpanKind, span: SpanID, parent: SpanID, start: Int64,
        end: Int64, isError: Bool
    ) {
        batch.traceIDs.append(exchange.trace.traceID)
        batch.spanIDs.append(span)
        batch.parentIDs.append(parent)
        batch.starts.append(
            Timestamp(nanoseconds: exchange.startWall &+ (start &- exchange.startMonotonic)))
        batch.durations.append(max(0, end &- start))
        batch.names.append(name(exchange))
        batch.kinds.append(kind)
        batch.statuses.append(isError ? .error : .unset)
        batch.statusMessages.append(0)
        batch.traceStates.append(traceState(exchange))
        batch.flags.append(flagBits(exchange, parent))
        batch.resourceIndices.append(0)
        batch.scopeIndices.append(0)
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.eventEnds.append(0)
        batch.linkEnds.append(0)
        batch.droppedAttributeCounts.append(0)
        batch.droppedEventCounts.append(0)
        batch.droppedLinkCounts.append(0)
    }

    private mutating func name(_ exchange: Exchange) -> StringID {
        guard let route = exchange.route else {
            let method = exchange.head.method
            return intern(method == .other ? "HTTP" : method.text)
        }
        let names = route.spanNames[Int(exchange.head.method.rawValue)]
        return names.withUnsafeBytes { batch.strings.intern($0) }
    }

    private mutating func traceState(_ exchange: Exchange) -> StringID {
        guard !exchange.traceState.isEmpty else { return 0 }
        return exchange.bytes.withUnsafeBytes { batch.strings.intern($0[exchange.traceState]) }
    }

    /// OTLP `Span.flags`: W3C flags, and whether the parent is remote (bits 8 and 9).
    private func flagBits(_ exchange: Exchange, _ parent: SpanID) -> UInt32 {
        let isRemote = parent.isValid && parent == exchange.trace.parentID
        return UInt32(exchange.trace.flags) | 0x100 | (isRemote ? 0x200 : 0)
    }

    @inline(__always)
    private mutating func text(_ key: Key, _ value: UnsafeRawBufferPointer) {
        batch.attributes.append(
            key: key.rawValue, type: .string, payload: UInt64(batch.strings.intern(value)))
    }

    private mutating func text(_ key: Key, _ value: [UInt8]) {
        value.withUnsafeBytes { text(key, $0) }
    }

    @inline(__always)
    private mutating func number(_ key: Key, _ value: Int64) {
        batch.attributes.append(
            key: key.rawValue, type: .int, payload: UInt64(bitPattern: value))
    }

    private mutating func intern(_ text: StaticString) -> StringID {
        batch.strings.intern(
            UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
