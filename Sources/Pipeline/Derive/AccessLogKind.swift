/// What a row of an access log is about, by the value that Istio gives `request_protocol`.
enum AccessLogKind: String, Sendable, Hashable {
    case http, grpc
    /// A connection, without requests that the proxy knows of.
    case tcp
}

/// gRPC statuses, which proxies write as numbers or in one of two spellings (Envoy documentation,
/// `%GRPC_STATUS(…)%`: `CAMEL_STRING`, `SNAKE_STRING`, `NUMBER`).
enum GRPCStatusName {
    /// By number; without underscores and in lower case.
    private static let names = [
        "ok", "canceled", "unknown", "invalidargument", "deadlineexceeded", "notfound",
        "alreadyexists", "permissiondenied", "resourceexhausted", "failedprecondition", "aborted",
        "outofrange", "unimplemented", "internal", "unavailable", "dataloss", "unauthenticated",
    ]

    /// The number of a status as text; a text that names none stays.
    static func number(of text: String) -> String {
        let plain = text.lowercased().filter { $0 != "_" }
        let name = plain == "cancelled" ? "canceled" : plain
        return names.firstIndex(of: name).map { String($0) } ?? text
    }
}
