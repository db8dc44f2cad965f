import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Platform
import Telemetry

/// Passes requests on to the command and its answers back, piece by piece.
struct HTTPForwarder: Sendable {
    /// Headers that belong to a connection, not to a message (RFC 9110 §7.6.1).
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
        "upgrade", "expect",
    ]

    let configuration: FunctionWrapperConfiguration
    let function: HTTPFunction
    let telemetry: FunctionTelemetry
    let random: any RandomSource
    let client: HTTPClient

    /// A client that hands answers on as they are: it follows no redirects and expands nothing. Whoever
    /// makes it shuts it down.
    static func makeClient(_ configuration: FunctionWrapperConfiguration) -> HTTPClient {
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .disallow, decompression: .disabled)
        settings.timeout.connect = .seconds(5)
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
            configuration.concurrencyMax
        // Servers close idle connections, Node's after 5 s; a request must not meet that moment.
        settings.connectionPool.idleTimeout = .seconds(3)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    func respond(_ request: FunctionRequest) async -> FunctionResponse {
        let call = Call(
            start: Moment(telemetry.clock),
            trace: InvocationTrace(headers: request.headers, random: random),
            id: RequestID.make(high: random.next(), low: random.next()))
        guard !request.isTooLarge else {
            let text = "the request exceeds \(configuration.payloadBytesMax) bytes"
            return RuntimeAPI.error(413, "RequestTooLarge", text)
        }
        guard request.target.hasPrefix("/") else {
            // Other forms could name another host than the command.
            return RuntimeAPI.error(400, "BadRequest", "the request's target is no path")
        }
        do throws(HTTPFunction.InvocationFailure) {
            let ready = try await function.enter(call.trace)
            return await forward(request, call, to: ready)
        } catch {
            return fail(request, call, InvocationReport(outcome: error.outcome))
        }
    }

    private struct Call: Sendable {
        var start: Moment
        var trace: InvocationTrace
        var id: String
    }

    private func forward(
        _ request: FunctionRequest, _ call: Call, to ready: HTTPFunction.Ready
    ) async -> FunctionResponse {
        let began = Moment(telemetry.clock)
        var report = InvocationReport(outcome: .success([]), isColdStart: ready.isColdStart)
        let before = await function.usage()?.cpuSeconds
        do {
            let answer = try await client.execute(
                upstreamRequest(request, call, ready.port), deadline: deadline)
            var headers = answer.headers.filter {
                let name = $0.name.lowercased()
                return name != "x-request-id" && !Self.hopByHop.contains(name)
            }.map { (name: $0.name, value: $0.value) }
            headers.append(("x-request-id", request.header("x-request-id") ?? call.id))
            let status = Int(answer.status.code)
            let opened = report
            return FunctionResponse(
                status: status, headers: headers,
                body: .stream { write in
                    var report = opened
                    do {
                        for try await piece in answer.body {
                            do {
                                try await write(piece)
                            } catch {
                                throw CallerGone()
                            }
                        }
                    } catch {
                        report.outcome = outcome(of: error)
                        await end(request, call, report, began, before, status)
                        throw error
                    }
                    await end(request, call, report, began, before, status)
                })
        } catch {
            report.outcome = outcome(of: error)
            let response = OutcomeAnswer.failure(report.outcome, id: call.id)
            await end(request, call, report, began, before, response.status)
            return response
        }
    }

    private var deadline: NIODeadline {
        let (seconds, attoseconds) = configuration.timeout.components
        return .now() + .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    private func upstreamRequest(
        _ request: FunctionRequest, _ call: Call, _ port: Int
    ) -> HTTPClientRequest {
        var upstream = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(request.target)")
        upstream.method = HTTPMethod(rawValue: request.method)
        let own = ["traceparent", "content-length", "x-forwarded-for"]
        for header in request.headers {
            let name = header.name.lowercased()
            guard !Self.hopByHop.contains(name), !own.contains(name) else { continue }
            upstream.headers.add(name: header.name, value: header.value)
        }
        upstream.headers.add(name: "traceparent", value: call.trace.handlerTraceParent)
        if request.header("x-request-id") == nil {
            upstream.headers.add(name: "x-request-id", value: call.id)
        }
        let before = request.header("x-forwarded-for").map { "\($0), " } ?? ""
        upstream.headers.add(name: "x-forwarded-for", value: before + request.peer)
        if request.body.readableBytes > 0 { upstream.body = .bytes(request.body) }
        return upstream
    }

    /// The answer could not be written.
    private struct CallerGone: Error {}

    private func outcome(of error: any Error) -> InvocationReport.Outcome {
        if error is CallerGone || error is CancellationError { return .abandoned }
        if let error = error as? HTTPClientError, error == .cancelled { return .abandoned }
        if let error = error as? HTTPClientError,
            error == .deadlineExceeded || error == .readTimeout
        {
            return .timedOut(after: configuration.timeout, phase: .handling)
        }
        return .crashed(reason: "no answer from the command: \(error)")
    }

    // MARK: Telemetry

    private func end(
        _ request: FunctionRequest, _ call: Call, _ report: InvocationReport, _ began: Moment,
        _ cpuBefore: Double?, _ status: Int
    ) async {
        let now = Moment(telemetry.clock)
        var report = report
        report.handlerSeconds = now.seconds(since: began)
        let usage = await function.usage()
        report.memoryBytesPeak = usage?.memoryBytesPeak
        if configuration.concurrencyMax == 1, let cpuBefore, let after = usage?.cpuSeconds {
            report.cpuSeconds = max(0, after - cpuBefore)
        }
        if call.trace.isSampled {
            var span = SpanRecord(
                traceID: call.trace.traceID, spanID: call.trace.handlerSpan, name: "handler",
                start: began.wall, duration: now.nanoseconds(since: began))
            span.kind = .internal
            span.parentID = call.trace.serverSpan
            span.flags = UInt32(call.trace.flags)
            InvocationSpan.setError(report.outcome, in: &span)
            telemetry.record([span])
        }
        record(request, call, report, status)
        await function.leave()
    }

    private func fail(
        _ request: FunctionRequest, _ call: Call, _ report: InvocationReport
    ) -> FunctionResponse {
        let response = OutcomeAnswer.failure(report.outcome, id: call.id)
        record(request, call, report, response.status)
        return response
    }

    private func record(
        _ request: FunctionRequest, _ call: Call, _ report: InvocationReport, _ status: Int
    ) {
        let own: [Attribute] = [
            Attribute("faas.trigger", .string("http")),
            Attribute("faas.name", .string(configuration.name)),
            Attribute("faas.invocation_id", .string(call.id)),
            Attribute("faas.coldstart", .bool(report.isColdStart)),
        ]
        var span = InvocationSpan.server(
            name: configuration.name, trace: call.trace, start: call.start,
            end: Moment(telemetry.clock),
            attributes: own + HTTPAttributes.make(request, status: status))
        InvocationSpan.setError(report.outcome, in: &span)
        if status >= 500, span.status == .unset {
            span.status = .error
            span.attributes.append(Attribute("error.type", .string(String(status))))
        }
        if call.trace.isSampled { telemetry.record([span]) }
        telemetry.measure { $0.add(report, report.outcome, trigger: "http") }
    }
}
