import HTTPServer

/// What senders set up in Elasticsearch before they send.
///
/// Templates, life cycles and data streams say how fields are indexed and how long indices are kept. Here fields have
/// the types of their values and `--retention-logs` says how long: such a wish is acknowledged, and not
/// kept, so that a sender that starts again finds nothing there and wishes again. A pipeline would change the
/// documents: it is refused, and so are documents for one.
enum ElasticsearchSetUp {
    private static let wishes = [
        "_index_template", "_component_template", "_template", "_data_stream", "_ilm/policy",
    ]

    static func register(on router: inout Router, prefix: String, _ options: RouteOptions) {
        func on(
            _ methods: [HTTPMethod], _ path: String, _ answer: @escaping HTTPHandler
        ) {
            for method in methods {
                router.on(method, "\(prefix)/\(path)/{name}", options: options, answer)
            }
        }
        for wish in wishes {
            on([.put, .post], wish) { _ in
                ElasticsearchReceiver.answer("{\"acknowledged\":true}\n")
            }
            on([.get, .head], wish) { _ in absent }
        }
        on([.get, .head], "_ingest/pipeline") { _ in absent }
        on([.put, .post], "_ingest/pipeline") { request in
            try refusePipeline(request.pathParameters["name"] ?? "")
            return absent
        }
    }

    private static var absent: HTTPResponse {
        var response = ElasticsearchReceiver.answer("{}\n")
        response.status = 404
        return response
    }

    /// - Parameter name: `nil` or `_none`: documents are taken as they are.
    static func refusePipeline(_ name: String?) throws(HTTPError) {
        guard let name, name != "_none" else { return }
        throw .badRequest(
            "ingest pipelines are not run here (\(name)): turn their set-up off in the sender")
    }
}
