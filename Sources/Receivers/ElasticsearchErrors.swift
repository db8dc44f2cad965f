import HTTPServer

/// Refusals as clients of Elasticsearch read them (Elasticsearch reference, "REST APIs", "Error responses"):
/// `{"error":{"root_cause":[{"type","reason"}],"type","reason"},"status":N}`.
enum ElasticsearchErrors {
    static func render(_ error: HTTPError) -> HTTPResponse {
        let cause =
            Array("\"type\":\"\(kind(of: error.status))\",\"reason\":".utf8)
            + ErrorRenderers.jsonString(error.message)
        let json =
            Array("{\"error\":{\"root_cause\":[{".utf8) + cause + Array("}],".utf8) + cause
            + Array("},\"status\":\(error.status)}\n".utf8)
        return ElasticsearchReceiver.answer(json, status: error.status)
    }

    /// What senders tell apart what may be sent again by is the status; the type is for people.
    private static func kind(of status: Int) -> String {
        switch status {
        case 401, 403: "security_exception"
        case 413: "content_too_long_exception"
        case 429, 503: "es_rejected_execution_exception"
        case 400..<500: "illegal_argument_exception"
        default: "exception"
        }
    }
}
