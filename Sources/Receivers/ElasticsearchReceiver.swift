import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// Elasticsearch's `_bulk`, as far as senders of logs use it (Filebeat, Vector, Fluent Bit): `POST` or
/// `PUT` to `/_bulk` and `/{index}/_bulk`, also below `/elasticsearch`. There too is what they ask before
/// they send: the version, the cluster's health and the licence; and what they set up
/// (`ElasticsearchSetUp`).
package struct ElasticsearchReceiver: Sendable {
    /// The version that senders are told, by which they choose how to write.
    static let version = "8.15.0"

    private let ingest: Ingest

    package init(_ ingest: Ingest) { self.ingest = ingest }

    package func register(on router: inout Router) {
        let events = ingest.events
        let options = RouteOptions(errors: { error, _ in
            events.emit(RequestRefused(way: .elasticsearch, reason: error.reason.rawValue))
            return ElasticsearchErrors.render(error)
        })
        for prefix in ["", "/elasticsearch"] {
            for method in [HTTPMethod.post, .put] {
                router.on(method, prefix + "/_bulk", options: options) { try await bulk($0) }
                router.on(method, prefix + "/{index}/_bulk", options: options) {
                    try await bulk($0)
                }
            }
        }
        let prefix = "/elasticsearch"
        router.on(.get, prefix, options: options) { _ in Self.answer(Self.greeting) }
        router.on(.get, prefix + "/_cluster/health", options: options) { _ in
            Self.answer(
                "{\"cluster_name\":\"sidelight\",\"status\":\"green\",\"timed_out\":false}\n")
        }
        router.on(.get, prefix + "/_license", options: options) { _ in
            Self.answer("{\"license\":{\"status\":\"active\",\"type\":\"basic\",\"uid\":\"0\"}}\n")
        }
        ElasticsearchSetUp.register(on: &router, prefix: prefix, options)
    }

    private static let greeting = """
        {"name":"sidelight","cluster_name":"sidelight","version":{"number":"\(version)",\
        "build_flavor":"default","lucene_version":"9.11.1",\
        "minimum_wire_compatibility_version":"7.17.0",\
        "minimum_index_compatibility_version":"7.0.0"},"tagline":"You Know, for Search"}

        """

    static func answer(_ json: String) -> HTTPResponse { answer(Array(json.utf8)) }

    /// Clients of Elasticsearch check the header.
    static func answer(_ json: [UInt8], status: Int = 200) -> HTTPResponse {
        var response = HTTPResponse.json(json, status: status)
        response.headers["x-elastic-product"] = "Elasticsearch"
        return response
    }

    private func bulk(_ request: HTTPRequest) async throws -> HTTPResponse {
        let started = ingest.clock.monotonicNanoseconds
        let now = ingest.now
        let index = request.pathParameters["index"] ?? ""
        try ElasticsearchSetUp.refusePipeline(request.parameters["pipeline"])
        var items: [ElasticsearchBulk.Item] = []
        let decoded = try decode {
            let (decoded, decodedItems) = try ElasticsearchBulk.decode(
                request.body, index: index, options: ingest.lineOptions, receivedAt: now)
            items = decodedItems
            return decoded
        }
        let digest = decoded.retryDigest(request.retryIdentity, receivedAt: now)
        let receipt = try await storing { () throws(StoreError) in
            try await ingest.store(decoded, digest: digest, by: .elasticsearch)
        }
        Self.refuse(receipt.refusedRows, of: &items)
        let milliseconds = (ingest.clock.monotonicNanoseconds &- started) / 1_000_000
        return Self.answer(Self.result(items, milliseconds: milliseconds))
    }

    /// Puts the reasons for which documents were refused to their actions. The rows of the batch are the
    /// documents that were taken, in their order.
    private static func refuse(_ rows: [Int: String], of items: inout [ElasticsearchBulk.Item]) {
        guard !rows.isEmpty else { return }
        var row = 0
        for index in items.indices where items[index].error == nil {
            items[index].error = rows[row]
            row += 1
        }
    }

    /// The answer that tells of each action (Elasticsearch reference, "Bulk API", "Response body").
    private static func result(
        _ items: [ElasticsearchBulk.Item], milliseconds: Int64
    ) -> [UInt8] {
        var json: [UInt8] = []
        json.reserveCapacity(items.count * 80 + 64)
        json.append(contentsOf: "{\"took\":\(milliseconds),\"errors\":".utf8)
        JSONText.append(items.contains { $0.error != nil }, to: &json)
        json.append(contentsOf: ",\"items\":[".utf8)
        for (number, item) in items.enumerated() {
            if number > 0 { json.append(UInt8(ascii: ",")) }
            json.append(UInt8(ascii: "{"))
            append(item.action, to: &json)
            json.append(contentsOf: ":{\"_index\":".utf8)
            append(item.index, to: &json)
            if let error = item.error {
                json.append(
                    contentsOf:
                        ",\"status\":400,\"error\":{\"type\":\"document_parsing_exception\",\"reason\":"
                        .utf8
                )
                append(error, to: &json)
                json.append(contentsOf: "}}}".utf8)
            } else {
                json.append(contentsOf: ",\"result\":\"created\",\"status\":201}}".utf8)
            }
        }
        json.append(contentsOf: "]}\n".utf8)
        return json
    }

    private static func append(_ text: String, to json: inout [UInt8]) {
        var text = text
        text.withUTF8 { JSONText.append(string: UnsafeRawBufferPointer($0), to: &json) }
    }
}
