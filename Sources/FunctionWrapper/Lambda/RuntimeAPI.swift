import NIOCore
import WireFormats

/// The Lambda Runtime API, version 2018-06-01, as the child sees it.
struct RuntimeAPI: Sendable {
    private static let prefix = "/2018-06-01/runtime/"

    let function: LambdaFunction
    let functionARN: String
    let payloadBytesMax: Int

    func respond(_ request: FunctionRequest) async -> FunctionResponse {
        guard request.path.hasPrefix(Self.prefix) else {
            return Self.error(404, "NotFound", "no such path: \(request.path)")
        }
        let parts = request.path.dropFirst(Self.prefix.count).split(separator: "/").map(String.init)
        switch (request.method, parts.count, parts.first, parts.last) {
        case ("GET", 2, "invocation", "next"): return await next()
        case ("POST", 3, "invocation", "response"): return await response(parts[1], request)
        case ("POST", 3, "invocation", "error"):
            return await outcome { () async throws(LambdaFunction.Refusal) in
                try await function.fail(
                    parts[1], type: Self.errorType(request), Self.bytes(request))
            }
        case ("POST", 2, "init", "error"):
            return await outcome { () async throws(LambdaFunction.Refusal) in
                try await function.failInit(type: Self.errorType(request), Self.bytes(request))
            }
        default: return Self.error(404, "NotFound", "no such path: \(request.path)")
        }
    }

    private func next() async -> FunctionResponse {
        do throws(LambdaFunction.Refusal) {
            let assignment = try await function.next()
            let invocation = assignment.invocation
            var headers: [(name: String, value: String)] = [
                ("Lambda-Runtime-Aws-Request-Id", invocation.id),
                ("Lambda-Runtime-Trace-Id", invocation.trace.xRayHeader),
                ("Lambda-Runtime-Invoked-Function-Arn", functionARN),
                ("Lambda-Runtime-Deadline-Ms", String(assignment.deadline)),
            ]
            if let context = invocation.clientContext {
                headers.append(("Lambda-Runtime-Client-Context", context))
            }
            return .json(200, invocation.payload, headers: headers)
        } catch {
            return Self.refusal(error)
        }
    }

    private func response(_ id: String, _ request: FunctionRequest) async -> FunctionResponse {
        if let mode = request.header("lambda-runtime-function-response-mode") {
            let text =
                mode == "streaming"
                ? "response streaming is not supported yet: answer in one piece"
                : "unknown response mode \(mode)"
            return Self.error(400, "InvalidResponseMode", text)
        }
        guard !request.isTooLarge else { return await tooLarge(id) }
        return await outcome { () async throws(LambdaFunction.Refusal) in
            try await function.respond(id, Self.bytes(request))
        }
    }

    /// The invocation fails, and the runtime is told why.
    private func tooLarge(_ id: String) async -> FunctionResponse {
        let text = "Exceeded maximum allowed payload size (\(payloadBytesMax) bytes)."
        let type = "Function.ResponseSizeTooLarge"
        let refused = await outcome { () async throws(LambdaFunction.Refusal) in
            try await function.fail(id, type: type, ErrorBody.make(type: type, message: text))
        }
        guard refused.status == 202 else { return refused }
        return Self.error(413, "RequestEntityTooLarge", text)
    }

    private func outcome(
        of call: () async throws(LambdaFunction.Refusal) -> Void
    ) async -> FunctionResponse {
        do throws(LambdaFunction.Refusal) {
            try await call()
            return .json(202, Array(#"{"status":"OK"}"#.utf8))
        } catch {
            return Self.refusal(error)
        }
    }

    private static func refusal(_ refusal: LambdaFunction.Refusal) -> FunctionResponse {
        switch refusal {
        case .wrongID: error(400, "InvalidRequestID", "Invalid request ID")
        case .wrongState:
            error(403, "InvalidStateTransition", "State transition is not allowed")
        case .ending: error(410, "Gone", "The function is being ended")
        }
    }

    private static func errorType(_ request: FunctionRequest) -> String {
        request.header("lambda-runtime-function-error-type") ?? FunctionErrorText.generalType
    }

    private static func bytes(_ request: FunctionRequest) -> [UInt8] {
        Array(request.body.readableBytesView)
    }

    static func error(_ status: Int, _ type: String, _ message: String) -> FunctionResponse {
        .json(status, ErrorBody.make(type: type, message: message))
    }
}

/// The JSON in which Lambda tells of errors.
enum ErrorBody {
    static func make(type: String, message: String, requestID: String? = nil) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("errorMessage", message)
            json.field("errorType", type)
            if let requestID { json.field("requestId", requestID) }
        }
        return json.bytes
    }
}
