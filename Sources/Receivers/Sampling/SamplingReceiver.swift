import HTTPServer

/// What Jaeger's clients ask for how much to trace (jaegertracing.io/docs, "Remote Sampling"):
/// `GET /sampling?service=`, and `/api/sampling` as collectors have it.
package struct SamplingReceiver: Sendable {
    private let advice: SamplingAdvice

    package init(_ advice: SamplingAdvice) { self.advice = advice }

    package func register(on router: inout Router, prefix: String = "") {
        for path in ["/sampling", "/api/sampling"] {
            router.on(.get, prefix + path) { request in
                let services = request.parameters.all("service")
                guard let service = services.first, services.count == 1 else {
                    throw HTTPError.badRequest("'service' parameter must be provided once")
                }
                return .json(advice.json(of: service))
            }
        }
    }
}
