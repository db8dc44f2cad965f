import HTTPTypes
import HummingbirdCore
import NIOCore
import Platform

/// Takes one request from the wire to its handler and the answer back.
struct Responder: Sendable {
    let table: RouteTable
    let limits: HTTPLimits
    let tokens: TokenSet?
    let events: EventLog
    let budget: BodyBudget
    let exchanges: OpenExchanges
    let date: HTTPDate

    func respond(
        to wire: Request, _ writer: consuming ResponseWriter, on channel: any Channel
    ) async throws {
        exchanges.begin(channel)
        defer { exchanges.end(channel) }
        let target = HTTPRequest.split(target: wire.head.path ?? "/")
        let method = HTTPMethod(rawValue: wire.method.rawValue)
        let match = table.match(method, path: target.path)
        var request = HTTPRequest(
            method: method ?? .get, path: target.path, rawQuery: target.query,
            headers: Headers(fields: wire.headers),
            remoteAddress: channel.remoteAddress?.ipAddress ?? "")
        var reader = BodyReader(wire)
        var lease = BodyLease(budget)
        var isBodyHeldBack =
            reader.hasBody && wire.headers[.expect]?.lowercased() == "100-continue"
        if case .route(_, let parameters) = match { request.pathParameters = parameters }
        var response: HTTPResponse
        do {
            let route = try resolve(match, request)
            if route.options.isQuick, !reader.hasBody {
                response = try await handle(route, request, channel)
            } else {
                response = try await offLoop {
                    if reader.hasBody {
                        if isBodyHeldBack, (reader.declaredCount ?? 0) <= limits.bodyBytesMax {
                            try await writer.writeInformationalHead(.init(status: .continue))
                            isBodyHeldBack = false
                        }
                        try await readBody(&reader, &lease, route.options, &request, channel)
                    }
                    return try await handle(route, request, channel)
                }
            }
        } catch {
            response = try answer(to: error, match, request)
        }
        if table.isOpenToOtherOrigins(target.path) { CrossOrigin.allow(request, &response) }
        if response.headers["date"] == nil { response.headers["date"] = date.now }
        events.emit(RequestAnswered(route: match.pattern, status: response.status))
        let isHead = method == .head
        // A body that was announced and not asked for may come or not (RFC 9110 §10.1.1): what follows
        // could be taken for the wrong one of the two, so nothing may follow.
        let mustClose =
            isBodyHeldBack || reader.isLate || (reader.declaredCount ?? 0) > limits.drainedBytesMax
            || wire.headers[.connection] == "close"
        if mustClose { response.headers["connection"] = "close" }
        try await write(response, to: request, isHead: isHead, writer, channel)
        try await drain(&reader, channel)
    }

    private func handle(
        _ route: Router.Route, _ request: HTTPRequest, _ channel: any Channel
    ) async throws -> HTTPResponse {
        let handler = route.handler
        guard route.options.endsWithClient else { return try await handler(request) }
        let executor: (any TaskExecutor)? =
            route.options.isQuick ? LoopExecutor(channel.eventLoop) : nil
        return try await exchanges.run(on: channel, executor) { try await handler(request) }
    }

    /// The route to take, or why there is none.
    func resolve(
        _ match: RouteTable.Match, _ request: HTTPRequest
    ) throws(HTTPError) -> Router.Route {
        if let tokens, match.needsToken,
            !tokens.accepts(authorization: request.headers["authorization"])
        {
            throw HTTPError(
                .unauthorized,
                message: "this server wants a bearer token (Authorization: Bearer …)",
                headers: ["www-authenticate": "Bearer realm=\"sidelight\""])
        }
        switch match {
        case .route(let route, _): return route
        case .wrongMethod(let allowed, _):
            let list = allowed.map(\.rawValue).joined(separator: ", ")
            throw HTTPError(
                .methodNotAllowed, message: "\(request.path) answers \(list) only",
                headers: ["allow": list])
        case .none:
            throw HTTPError(.notFound, message: "\(request.path) is not served here")
        }
    }

    private func readBody(
        _ reader: inout BodyReader, _ lease: inout BodyLease, _ options: RouteOptions,
        _ request: inout HTTPRequest, _ channel: any Channel
    ) async throws {
        let hardStop = abort(
            channel, after: limits.bodyTimeout + limits.lateAnswerGrace, .bodyTimeout)
        defer { hardStop.cancel() }
        let deadline = NIODeadline.now() + TimeAmount(limits.bodyTimeout)
        let wakening = channel.eventLoop.scheduleTask(deadline: deadline) {
            channel.pipeline.fireUserInboundEventTriggered(SilentBodyWatch.TimeIsOver())
        }
        defer { wakening.cancel() }
        let sent = try await reader.collect(
            limit: limits.bodyBytesMax, until: deadline, lease: &lease)
        if reader.isLate {
            events.emit(BodyNotEnded())
            let encoding = request.headers["content-encoding"] ?? "identity"
            // Half of a compressed body is none.
            guard options.takesLateBodies, encoding == "identity" else {
                throw HTTPError(
                    .timeout, status: 408,
                    message: "the body did not end within \(limits.bodyTimeout); nothing of it"
                        + " was stored")
            }
            request.isTruncated = true
        }
        let body = try ContentCoding.decode(
            sent, encoding: request.headers["content-encoding"], raw: options.rawEncodings,
            limit: limits.expandedBytesMax)
        if body.count > sent.count { try lease.extend(by: body.count - sent.count) }
        request.setBody(body)
    }

    /// - Throws: errors that mean the connection is gone or not HTTP.
    private func answer(
        to error: any Error, _ match: RouteTable.Match, _ request: HTTPRequest
    ) throws -> HTTPResponse {
        let shaped: HTTPError
        switch error {
        case let error as HTTPError: shaped = error
        case let error as WireError: throw error.cause
        case is CancellationError:
            shaped = HTTPError(.unavailable, message: "the server is shutting down")
        default:
            events.emit(HandlerFailed(route: match.pattern, error: "\(error)"))
            shaped = HTTPError(.failed, message: "internal error; the server's log has the reason")
        }
        var response = match.errors(shaped, request)
        for field in shaped.headers.fields { response.headers.fields[field.name] = field.value }
        return response
    }

    /// Leaves the connection ready for the next request, or closes it.
    private func drain(_ reader: inout BodyReader, _ channel: any Channel) async throws {
        guard !reader.isAtEnd else { return }
        let time = reader.isLate ? limits.lateBodyGrace : limits.bodyTimeout
        let deadline = abort(channel, after: time, .bodyTimeout)
        defer { deadline.cancel() }
        guard try await reader.drain(limit: limits.drainedBytesMax) else {
            events.emit(ConnectionAborted(reason: .bodyNotDrained))
            throw UndrainedBody()
        }
    }

    /// Closes the connection unless cancelled in time.
    func abort(
        _ channel: any Channel, after timeout: Duration, _ reason: ConnectionAborted.Reason
    ) -> Scheduled<Void> {
        channel.eventLoop.scheduleTask(in: TimeAmount(timeout)) { [events] in
            events.emit(ConnectionAborted(reason: reason))
            channel.close(promise: nil)
        }
    }
}

/// Ends a connection whose client goes on sending a body that was refused.
struct UndrainedBody: Error {}
