/// The routes below `/api/v1` with what they take: what `openapi.yaml` says, and the list that an unknown path
/// is answered with.
package enum PrometheusContract {
    package struct Route: Sendable {
        package var methods: [String]
        package var path: String
        var summary: String
        var parameters: [Parameter] = []
        /// The media type of a body, if the route takes one of its own.
        var body: String?
        var answer = "application/json"
    }

    struct Parameter: Sendable {
        var name: String
        var about: String
        var isRequired = false
        var isList = false
        var place = "query"
    }

    static let served = routes.map(\.path).joined(separator: ", ") + " under /api/v1"

    package static let routes: [Route] =
        queries + series + searches + targets + rules + status + writing

    private static let both = ["get", "post"]
    private static let time = "Unix seconds with a fraction, or RFC 3339"
    private static let expression = Parameter(name: "query", about: "PromQL", isRequired: true)
    private static let limit = Parameter(name: "limit", about: "entries shown; 0 shows all")
    private static let start = Parameter(name: "start", about: time)
    private static let end = Parameter(name: "end", about: time)
    private static let match = Parameter(
        name: "match[]", about: "a selector of series; may be repeated", isList: true)
    private static let evaluation = [
        Parameter(name: "timeout", about: "a duration; never more than the server's"),
        limit,
        Parameter(name: "lookback_delta", about: "a duration"),
        Parameter(name: "stats", about: "true, or all for those of every step too"),
    ]

    private static let queries = [
        Route(
            methods: both, path: "/query", summary: "Evaluate an expression at an instant",
            parameters: [expression, Parameter(name: "time", about: time)] + evaluation),
        Route(
            methods: both, path: "/query_range", summary: "Evaluate an expression over a range",
            parameters: [
                expression, Parameter(name: "start", about: time, isRequired: true),
                Parameter(name: "end", about: time, isRequired: true),
                Parameter(name: "step", about: "a duration or seconds", isRequired: true),
            ] + evaluation),
        Route(
            methods: both, path: "/query_exemplars",
            summary: "Exemplars of the series that an expression selects",
            parameters: [expression, start, end]),
        Route(
            methods: both, path: "/format_query", summary: "An expression in its normal form",
            parameters: [expression]),
        Route(
            methods: both, path: "/parse_query", summary: "An expression as a tree",
            parameters: [expression]),
    ]

    private static let series = [
        Route(
            methods: both, path: "/labels", summary: "Names of labels",
            parameters: [start, end, match, limit]),
        Route(
            methods: both, path: "/series", summary: "Label sets of series",
            parameters: [start, end, match, limit]),
        Route(
            methods: ["get"], path: "/label/{name}/values", summary: "Values of a label",
            parameters: [
                Parameter(
                    name: "name", about: "U__ begins an escaped name", isRequired: true,
                    place: "path"), start, end, match, limit,
            ]),
        Route(
            methods: ["get"], path: "/metadata", summary: "Type, help and unit of metrics",
            parameters: [
                limit, Parameter(name: "limit_per_metric", about: "entries of each metric"),
                Parameter(name: "metric", about: "the only metric of interest"),
            ]),
    ]

    private static let searching = [
        Parameter(name: "search[]", about: "what a name looks like; any of several", isList: true),
        match, start, end,
        Parameter(name: "fuzz_alg", about: "subsequence or jarowinkler"),
        Parameter(name: "fuzz_threshold", about: "likeness from 0 to 100"),
        Parameter(name: "case_sensitive", about: "true unless it is said"),
        Parameter(name: "sort_by", about: "alpha or score"),
        Parameter(name: "sort_dir", about: "asc or dsc"),
        Parameter(name: "include_score", about: "whether results have their likeness"),
        Parameter(name: "limit", about: "results; 100 unless it is said"),
        Parameter(name: "batch_size", about: "results a line"),
    ]

    private static let searches = [
        Route(
            methods: both, path: "/search/metric_names", summary: "Names of metrics like a text",
            parameters: searching + [
                Parameter(name: "include_metadata", about: "whether results have type and help")
            ], answer: "application/x-ndjson"),
        Route(
            methods: both, path: "/search/label_names", summary: "Names of labels like a text",
            parameters: searching, answer: "application/x-ndjson"),
        Route(
            methods: both, path: "/search/label_values", summary: "Values of a label like a text",
            parameters: [Parameter(name: "label", about: "the label", isRequired: true)]
                + searching, answer: "application/x-ndjson"),
    ]

    private static let targets = [
        Route(
            methods: ["get"], path: "/targets", summary: "What is scraped, and how it is",
            parameters: [
                Parameter(name: "state", about: "active, dropped or any"),
                Parameter(name: "scrapePool", about: "the only job of interest"),
            ]),
        Route(
            methods: ["get"], path: "/targets/metadata", summary: "Metadata by target",
            parameters: [
                Parameter(name: "match_target", about: "a selector of targets"),
                Parameter(name: "metric", about: "the only metric of interest"), limit,
            ]),
        Route(
            methods: ["get"], path: "/targets/relabel_steps",
            summary: "What each relabelling rule of a job makes of labels",
            parameters: [
                Parameter(name: "scrapePool", about: "the job", isRequired: true),
                Parameter(name: "labels", about: "labels as a JSON object", isRequired: true),
            ]),
        Route(methods: ["get"], path: "/scrape_pools", summary: "Names of the scrape jobs"),
    ]

    private static let rules = [
        Route(
            methods: ["get"], path: "/rules", summary: "Rules and how they are",
            parameters: [
                Parameter(name: "type", about: "alert or record"),
                Parameter(name: "rule_name[]", about: "may be repeated", isList: true),
                Parameter(name: "rule_group[]", about: "may be repeated", isList: true),
                Parameter(name: "file[]", about: "may be repeated", isList: true),
                Parameter(name: "exclude_alerts", about: "true or false"), match,
                Parameter(name: "group_limit", about: "groups shown"),
                Parameter(name: "group_next_token", about: "of the answer before"),
            ]),
        Route(methods: ["get"], path: "/alerts", summary: "Pending and firing alerts"),
        Route(methods: ["get"], path: "/alertmanagers", summary: "Always none"),
    ]

    private static let status: [Route] =
        [
            ("config", "Settings as YAML"), ("flags", "Settings by name"),
            ("buildinfo", "The version"), ("runtimeinfo", "Start, place and retention"),
            ("walreplay", "Over before anything is answered"),
        ].map { Route(methods: ["get"], path: "/status/\($0.0)", summary: $0.1) } + [
            Route(
                methods: ["get"], path: "/status/tsdb", summary: "Where series come from",
                parameters: [limit]),
            Route(
                methods: ["get"], path: "/status/tsdb/blocks",
                summary: "The files of samples, a day each, and of summaries"),
            Route(
                methods: ["get"], path: "/status/self_metrics",
                summary: "This program's own metrics",
                parameters: [Parameter(name: "metric_name_pattern", about: "RE2")]),
            Route(methods: ["get"], path: "/features", summary: "What is there"),
            Route(methods: ["get"], path: "/notifications", summary: "Always none"),
            Route(
                methods: ["get"], path: "/openapi.yaml", summary: "This page",
                answer: "application/yaml"),
        ]

    private static let writing = [
        Route(
            methods: ["post"], path: "/read", summary: "Prometheus remote read",
            body: "application/x-protobuf", answer: "application/x-protobuf"),
        Route(
            methods: ["post"], path: "/write", summary: "Prometheus remote write 1.0 and 2.0",
            body: "application/x-protobuf", answer: "text/plain"),
        Route(
            methods: ["post"], path: "/otlp/v1/metrics", summary: "OTLP metrics",
            body: "application/x-protobuf", answer: "application/x-protobuf"),
        Route(
            methods: ["post"], path: "/import/prometheus", summary: "Metrics in text form",
            body: "text/plain", answer: "text/plain"),
    ]
}

extension PrometheusContract {
    /// The contract as OpenAPI 3.1.
    static func openAPI(version: String) -> String {
        var lines = [
            "openapi: 3.1.0", "info:", "  title: Sidelight, the API of Prometheus",
            "  version: \(quoted(version))", "servers:", "  - url: /api/v1",
            "  - url: /prometheus/api/v1", "paths:",
        ]
        for route in routes {
            lines.append("  \(route.path):")
            for method in route.methods { append(route, method, to: &lines) }
        }
        lines += [
            "components:", "  schemas:", "    Answer:", "      type: object",
            "      required: [status]", "      properties:",
            "        status: {type: string, enum: [success, error]}", "        data: {}",
            "        errorType: {type: string}", "        error: {type: string}",
            "        warnings: {type: array, items: {type: string}}",
            "        infos: {type: array, items: {type: string}}",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func append(_ route: Route, _ method: String, to lines: inout [String]) {
        lines += ["    \(method):", "      summary: \(quoted(route.summary))"]
        if !route.parameters.isEmpty { lines.append("      parameters:") }
        for parameter in route.parameters {
            let schema =
                parameter.isList ? "{type: array, items: {type: string}}" : "{type: string}"
            lines += [
                "        - name: \(quoted(parameter.name))", "          in: \(parameter.place)",
                "          required: \(parameter.isRequired)",
                "          description: \(quoted(parameter.about))",
                "          schema: \(schema)",
            ]
        }
        if let body = route.body {
            lines += [
                "      requestBody:", "        required: true", "        content:",
                "          \(quoted(body)): {}",
            ]
        }
        let content =
            route.answer == "application/json"
            ? "{schema: {$ref: '#/components/schemas/Answer'}}" : "{}"
        lines += [
            "      responses:", "        '200':", "          description: Done",
            "          content:", "            \(quoted(route.answer)): \(content)",
            "        default:", "          description: Refused, with the reason",
        ]
    }

    private static func quoted(_ text: String) -> String { "\"\(text)\"" }
}
