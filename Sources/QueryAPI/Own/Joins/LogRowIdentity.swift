import Store
import Telemetry

/// What a row of an access log says of the request or connection that it is about, as far as a span can be
/// found by it.
struct LogRowIdentity: Hashable, Sendable {
    /// When the request or connection began.
    var time: Timestamp
    var traceID: TraceID = .invalid
    var spanID: SpanID = .invalid
    /// `x-request-id`; "" without one.
    var requestID = ""
    /// The label that it is the value of.
    var requestIDName = ""
    /// Whether it is a row of an access log at all, and not a line of a program.
    var isOfAccessLog = false
    /// The client's address and port; "" if unknown.
    var downstream = ""
    /// The proxy's own address and port on its way upstream; "" if unknown.
    var upstream = ""

    /// Labels that name a request id.
    static let requestIDNames = [
        "request_id", "x_request_id", "http_request_header_x_request_id", "X_Request_Id",
        "X_Request_ID", "requestId", "RequestId", "requestID",
    ]

    /// How long the request or connection took, nanoseconds; 0 if unknown.
    var duration: Int64 = 0

    init(time: Timestamp) { self.time = time }

    init(_ batch: LogBatch, row: Int) {
        time = batch.times[row]
        traceID = batch.traceIDs[row]
        spanID = batch.spanIDs[row]
        for cell in batch.attributeRange(row) {
            let key = batch.strings[batch.attributes.keys[cell]]
            if key == "duration" {
                duration = Self.nanoseconds(
                    batch.attributes.value(at: cell, strings: batch.strings))
            }
            guard batch.attributes.types[cell] == .string else { continue }
            let text = {
                let text = batch.strings[
                    StringID(truncatingIfNeeded: batch.attributes.payloads[cell])]
                // What a proxy logs for what there is not.
                return text == "-" ? "" : text
            }
            switch key {
            case _ where Self.isRequestID(key):
                let found = text()
                guard requestID.isEmpty, !found.isEmpty else { continue }
                requestID = found
                requestIDName = LogStream.fieldName(key)
            case "downstream_remote_address": downstream = Endpoint.canonical(text())
            case "upstream_local_address": upstream = Endpoint.canonical(text())
            case "method": isOfAccessLog = true
            default: break
            }
        }
        isOfAccessLog = isOfAccessLog || !(requestID + downstream + upstream).isEmpty
    }

    /// Of milliseconds, as access logs have them.
    private static func nanoseconds(_ value: AttributeValue) -> Int64 {
        guard let milliseconds = Double(value.text), milliseconds > 0, milliseconds < 1e12 else {
            return 0
        }
        return Int64(milliseconds * 1e6)
    }

    /// `request_id`, `x-request-id`, `X-Request-Id`, `requestId` and the like.
    private static func isRequestID(_ name: String) -> Bool {
        guard (9...32).contains(name.utf8.count), let last = name.utf8.last,
            last | 0x20 == UInt8(ascii: "d")
        else { return false }
        let plain = name.lowercased().filter { $0 != "-" && $0 != "_" && $0 != "." }
        return ["requestid", "xrequestid", "httprequestheaderxrequestid"].contains(plain)
    }
}

/// A span that a row is about.
struct JoinedSpan: Hashable, Sendable {
    /// What both have in common, the surest first.
    enum Way: String, Sendable, CaseIterable {
        case spanID = "span_id"
        /// The row has the id of the span's parent: what the client sent, as in Envoy's local replies.
        case parentID = "parent_id"
        /// Nothing but the trace; the span that began nearest to the row.
        case traceID = "trace_id"
        case requestID = "request_id"
        /// Another row has the same connection, on the other side of a hop.
        case connection
    }

    var traceID: TraceID
    var spanID: SpanID
    var way: Way
}
