extension Answers {
    static let meshTraceID = "00000000000000000000000000000b22"

    /// A call through two sidecars, as Jaeger's API shows it; the callee's clock is 50 ms ahead.
    static var meshTrace: String {
        let envoy = #",{"key":"component","type":"string","value":"proxy"}"#
        let spans = [
            ("01", "", "GET /", "server", 0, 200_000, "web", ""),
            ("02", "01", "call cart", "client", 1_000, 100_000, "web", ""),
            ("03", "02", "cart:80", "client", 3_000, 96_000, "web", envoy),
            ("04", "03", "cart:80", "server", 60_000, 80_000, "cart", envoy),
            ("05", "04", "add item", "server", 62_000, 75_000, "cart", ""),
            ("06", "05", "SELECT items", "client", 70_000, 20_000, "cart", ""),
        ].map { id, parent, name, kind, start, duration, process, tags in
            let reference =
                parent.isEmpty
                ? ""
                : #"{"refType":"CHILD_OF","traceID":"\#(meshTraceID)","spanID":"\#(parent)"}"#
            return """
                {"traceID":"\(meshTraceID)","spanID":"\(id)","operationName":"\(name)",
                "references":[\(reference)],"startTime":\(1_763_700_000_000_000 + start),
                "duration":\(duration),"tags":[{"key":"span.kind","type":"string",
                "value":"\(kind)"}\(tags)],"logs":[],"processID":"\(process)","warnings":null}
                """
        }
        return """
            {"traceID":"\(meshTraceID)","spans":[\(spans.joined(separator: ","))],"processes":{
            "web":{"serviceName":"web","tags":[]},"cart":{"serviceName":"cart","tags":[]}},
            "warnings":null}
            """
    }
}
