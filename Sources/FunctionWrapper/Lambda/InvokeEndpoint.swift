import NIOCore
import Platform
import Telemetry
import WireFormats

/// What callers reach: any HTTP request is an event for the function, and Lambda's Invoke API takes raw
/// payloads.
struct InvokeEndpoint: Sendable {
    private static let invokePrefix = "/2015-03-31/functions/"

    let configuration: FunctionWrapperConfiguration
    let function: LambdaFunction
    let telemetry: FunctionTelemetry
    let random: any RandomSource

    func respond(_ request: FunctionRequest) async -> FunctionResponse {
        let start = Moment(telemetry.clock)
        let trace = InvocationTrace(headers: request.headers, random: random)
        let id = RequestID.make(high: random.next(), low: random.next())
        guard !request.isTooLarge else {
            let text = "the request exceeds \(configuration.payloadBytesMax) bytes"
            return RuntimeAPI.error(413, "RequestTooLargeException", text)
        }
        if request.method == "POST", request.path.hasPrefix(Self.invokePrefix) {
            return await invoke(request, id: id, trace: trace, start: start)
        }
        let invocation = Invocation(
            id: id,
            payload: GatewayEvent.make(request, id: id, trace: trace, time: start.wall),
            trace: trace, trigger: "http")
        let report = await function.invoke(invocation)
        var (response, outcome) = answer(report.outcome, id: id)
        response.headers.append(("x-amzn-requestid", id))
        let attributes = HTTPAttributes.make(request, status: response.status)
        record(
            invocation, report, outcome, start: start, attributes: attributes,
            status: response.status)
        return response
    }

    /// - Returns: the answer and the outcome, which is a failure if the function returned nonsense.
    private func answer(
        _ outcome: InvocationReport.Outcome, id: String
    ) -> (FunctionResponse, InvocationReport.Outcome) {
        guard case .success(let result) = outcome else {
            return (OutcomeAnswer.failure(outcome, id: id), outcome)
        }
        if let response = GatewayResponse.make(result) { return (response, outcome) }
        let failure = InvocationReport.Outcome.functionError(type: "InvalidResponse", body: [])
        return (OutcomeAnswer.failure(failure, id: id), failure)
    }

    // MARK: Lambda's Invoke API

    private func invoke(
        _ request: FunctionRequest, id: String, trace: InvocationTrace, start: Moment
    ) async -> FunctionResponse {
        let parts = request.path.dropFirst(Self.invokePrefix.count).split(separator: "/")
        guard parts.count == 2, parts[1] == "invocations" else {
            return RuntimeAPI.error(404, "NotFound", "no such path: \(request.path)")
        }
        guard parts[0] == configuration.name || parts[0] == LambdaARN.make(configuration) else {
            return RuntimeAPI.error(
                404, "ResourceNotFoundException", "Function not found: \(parts[0])")
        }
        let type = request.header("x-amz-invocation-type") ?? "RequestResponse"
        guard type != "DryRun" else { return FunctionResponse(status: 204) }
        guard type == "RequestResponse" else {
            return RuntimeAPI.error(
                400, "InvalidParameterValueException",
                "invocation type \(type) is not supported: use RequestResponse")
        }
        var payload = Array(request.body.readableBytesView)
        if payload.isEmpty { payload = Array("{}".utf8) }
        let invocation = Invocation(
            id: id, payload: payload, trace: trace, trigger: "other",
            clientContext: Self.clientContext(request))
        let report = await function.invoke(invocation)
        let response = rawAnswer(report.outcome, id: id)
        record(invocation, report, report.outcome, start: start, attributes: [], status: nil)
        return response
    }

    /// As Lambda does: what went wrong in the function is a 200 that says so, so that callers do not
    /// repeat it as trouble of the service.
    private func rawAnswer(
        _ outcome: InvocationReport.Outcome, id: String
    ) -> FunctionResponse {
        var headers: [(name: String, value: String)] = [
            ("x-amzn-requestid", id), ("x-amz-executed-version", configuration.version),
        ]
        let body: [UInt8]
        switch outcome {
        case .success(let result): return .json(200, result, headers: headers)
        case .functionError(_, let error): body = error
        case .timedOut(let limit, _):
            let text = "\(id) Task timed out after \(limit)"
            body = ErrorBody.make(type: "Sandbox.Timedout", message: text)
        case .crashed(let reason):
            body = ErrorBody.make(type: "Runtime.ExitError", message: "RequestId: \(id) \(reason)")
        case .queueFull, .stopping, .abandoned: return OutcomeAnswer.failure(outcome, id: id)
        }
        headers.append(("x-amz-function-error", "Unhandled"))
        return .json(200, body, headers: headers)
    }

    /// The header's base64 as the JSON that it stands for; `nil` if it is none.
    private static func clientContext(_ request: FunctionRequest) -> String? {
        guard let text = request.header("x-amz-client-context") else { return nil }
        var bytes: [UInt8] = []
        let isBase64 = Array(text.utf8).withUnsafeBytes { Base64.decode($0, into: &bytes) }
        guard isBase64, bytes.allSatisfy({ $0 >= 0x20 }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    // MARK: Telemetry

    private func record(
        _ invocation: Invocation, _ report: InvocationReport,
        _ outcome: InvocationReport.Outcome, start: Moment, attributes: [Attribute], status: Int?
    ) {
        let own: [Attribute] = [
            Attribute("faas.trigger", .string(invocation.trigger)),
            Attribute("faas.name", .string(configuration.name)),
            Attribute("faas.invocation_id", .string(invocation.id)),
            Attribute("faas.coldstart", .bool(report.isColdStart)),
            Attribute("aws.lambda.invoked_arn", .string(LambdaARN.make(configuration))),
            Attribute("cloud.resource_id", .string(LambdaARN.make(configuration))),
        ]
        var span = InvocationSpan.server(
            name: configuration.name, trace: invocation.trace, start: start,
            end: Moment(telemetry.clock), attributes: own + attributes)
        InvocationSpan.setError(outcome, in: &span)
        if let status, status >= 500, span.status == .unset {
            span.status = .error
            span.attributes.append(Attribute("error.type", .string(String(status))))
        }
        if invocation.trace.isSampled { telemetry.record([span]) }
        telemetry.measure { $0.add(report, outcome, trigger: invocation.trigger) }
    }
}

extension FunctionMetrics {
    /// Counts one invocation. Those that never reached the function are no invocations.
    mutating func add(
        _ report: InvocationReport, _ outcome: InvocationReport.Outcome, trigger: String
    ) {
        switch outcome {
        case .success: count(.invocations, trigger: trigger)
        case .functionError, .crashed: count(.errors, trigger: trigger)
        case .timedOut: count(.timeouts, trigger: trigger)
        case .queueFull, .stopping, .abandoned: return
        }
        if report.isColdStart { count(.coldStarts, trigger: trigger) }
        if let seconds = report.handlerSeconds {
            record(seconds, .invokeDuration, trigger: trigger)
        }
        if let seconds = report.cpuSeconds { record(seconds, .cpuUsage, trigger: trigger) }
        if let bytes = report.memoryBytesPeak {
            record(Double(bytes), .memoryUsage, trigger: trigger)
        }
    }
}

/// The HTTP answers of invocations that did not succeed. They tell what happened, not the function's
/// innards.
enum OutcomeAnswer {
    static func failure(_ outcome: InvocationReport.Outcome, id: String) -> FunctionResponse {
        let status =
            switch outcome {
            case .success: 200
            case .functionError, .crashed: 502
            case .timedOut: 504
            case .queueFull: 429
            case .stopping, .abandoned: 503
            }
        let error = InvocationSpan.error(outcome) ?? (type: "none", message: "")
        var headers: [(name: String, value: String)] = []
        if status == 429 || status == 503 { headers.append(("retry-after", "1")) }
        return .json(
            status, ErrorBody.make(type: error.type, message: error.message, requestID: id),
            headers: headers)
    }
}

/// Attributes of HTTP servers (OpenTelemetry semantic conventions, "HTTP spans").
enum HTTPAttributes {
    static func make(_ request: FunctionRequest, status: Int) -> [Attribute] {
        var attributes: [Attribute] = [
            Attribute("http.request.method", .string(request.method)),
            Attribute("url.path", .string(request.path)),
            Attribute("url.scheme", .string("http")),
            Attribute("http.response.status_code", .int(Int64(status))),
            Attribute("client.address", .string(request.peer)),
        ]
        if !request.query.isEmpty {
            attributes.append(Attribute("url.query", .string(request.query)))
        }
        if let agent = request.header("user-agent") {
            attributes.append(Attribute("user_agent.original", .string(agent)))
        }
        return attributes
    }
}
