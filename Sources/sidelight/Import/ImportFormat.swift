/// What a file's content is, after it was unpacked.
enum ImportFormat: Hashable, Sendable {
    enum Signal: String, Sendable, CaseIterable {
        case traces, metrics, logs
    }

    /// One `Export…ServiceRequest`.
    case otlpProtobuf(Signal)
    /// Requests in OTLP's JSON encoding: one, or one a line as the Collector's file exporter writes
    /// them. Each tells its signal.
    case otlpJSON(isLines: Bool)
    /// An array of spans in Zipkin's second JSON version, or one a line.
    case zipkin(isLines: Bool)
    /// A snappy block with a `prometheus.WriteRequest`.
    case remoteWrite
    /// Log lines, JSON or text.
    case logLines

    /// How reports name it.
    var name: String {
        switch self {
        case .otlpProtobuf(let signal): "OTLP \(signal.rawValue), protobuf"
        case .otlpJSON(let isLines): isLines ? "OTLP JSON, one request a line" : "OTLP JSON"
        case .zipkin(let isLines): isLines ? "Zipkin v2 JSON, one array a line" : "Zipkin v2 JSON"
        case .remoteWrite: "remote write"
        case .logLines: "log lines"
        }
    }

    /// Whether a file of this format can be read line by line, however long it is.
    var isLines: Bool {
        switch self {
        case .otlpJSON(let isLines), .zipkin(let isLines): isLines
        case .logLines: true
        case .otlpProtobuf, .remoteWrite: false
        }
    }
}

/// What `--format` says: how to read files instead of telling by their content.
enum ImportFormatChoice: String, CaseIterable, Sendable {
    case auto
    case otlpTraces = "otlp-traces"
    case otlpMetrics = "otlp-metrics"
    case otlpLogs = "otlp-logs"
    case otlpJSON = "otlp-json"
    case zipkin = "zipkin-v2"
    case remoteWrite = "remote-write"
    case logLines = "log-lines"

    static let names = allCases.map(\.rawValue).joined(separator: ", ")

    /// The format of content that begins with `head`; `nil` if it is to be told and cannot be.
    func format(of head: UnsafeRawBufferPointer, name: String) -> ImportFormat? {
        switch self {
        case .auto: FormatDetection.format(of: head, name: name)
        case .otlpTraces: protobuf(.traces, head)
        case .otlpMetrics: protobuf(.metrics, head)
        case .otlpLogs: protobuf(.logs, head)
        case .otlpJSON: .otlpJSON(isLines: FormatDetection.isLines(head))
        case .zipkin: .zipkin(isLines: FormatDetection.isLines(head))
        case .remoteWrite: .remoteWrite
        case .logLines: .logLines
        }
    }

    /// Protobuf requests begin with the key of field 1, which is no brace.
    private func protobuf(
        _ signal: ImportFormat.Signal, _ head: UnsafeRawBufferPointer
    ) -> ImportFormat {
        FormatDetection.firstByte(head) == UInt8(ascii: "{")
            ? .otlpJSON(isLines: FormatDetection.isLines(head)) : .otlpProtobuf(signal)
    }
}
