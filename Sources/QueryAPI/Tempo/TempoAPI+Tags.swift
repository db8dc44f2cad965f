import HTTPServer
import QueryCore
import Telemetry
import TraceQL
import WireFormats

extension TempoAPI {
    /// The scopes of `/api/v2/search/tags`, in Tempo's order.
    private static let scopes: [Field.Scope] = [.resource, .span, .event, .link, .instrumentation]

    /// `/api/search/tags`: names without scopes.
    func tagNames(_ request: HTTPRequest) async throws -> HTTPResponse {
        let names = try await unscopedNames(request.parameters)
        var writer = JSONWriter()
        writer.object { $0.field("tagNames", strings: names) }
        return .json(writer.bytes)
    }

    func unscopedNames(_ parameters: Parameters) async throws -> [String] {
        let found = try await names(parameters)
        // Only who asks for the intrinsics gets them in this list.
        let wantsIntrinsics = parameters["scope"] == "intrinsic"
        let all = found.filter { $0.scope != "intrinsic" || wantsIntrinsics }.flatMap(\.names)
        return Set(all).sorted()
    }

    /// `/api/v2/search/tags`: names by scope.
    func scopedTagNames(_ request: HTTPRequest) async throws -> HTTPResponse {
        let found = try await names(request.parameters)
        var writer = JSONWriter()
        writer.object {
            $0.arrayField("scopes") { array in
                for scope in found where !scope.names.isEmpty {
                    array.object {
                        $0.field("name", scope.scope)
                        $0.field("tags", strings: scope.names)
                    }
                }
            }
        }
        return .json(writer.bytes)
    }

    private static let intrinsics =
        Intrinsic.allCases.filter { $0 != .parent && !$0.word.hasPrefix("nestedSet") }
        .map(\.word).sorted()

    func names(_ parameters: Parameters) async throws -> [(scope: String, names: [String])] {
        let range = try TempoParameters(parameters, now: now).range()
        let filter = parameters["q"] ?? ""
        let wanted = parameters["scope"] ?? ""
        var scopes = Self.scopes
        switch wanted {
        case "", "none": break
        case "intrinsic": return [("intrinsic", Self.intrinsics)]
        default:
            guard let scope = Field.Scope(rawValue: wanted) else {
                throw HTTPError.badRequest("invalid scope: \(wanted)")
            }
            scopes = [scope]
        }
        let asked = scopes
        let found = try await runner.run { [engine] context in
            try engine.attributeNames(asked, matching: filter, in: range, context: context)
        }
        let limit = try TempoParameters(parameters, now: now).valuesLimit(.max)
        var names = scopes.map {
            (scope: $0.rawValue, names: Array((found[$0] ?? []).prefix(limit)))
        }
        if wanted.isEmpty || wanted == "none" { names.append(("intrinsic", Self.intrinsics)) }
        return names
    }

    /// `/api/search/tag/{tag}/values`: texts. A name without a scope is looked for in all.
    func tagValues(_ request: HTTPRequest) async throws -> HTTPResponse {
        let field = Self.anyField(request.pathParameters["tag"] ?? "")
        let values = try await values(of: field, request.parameters)
        var writer = JSONWriter()
        writer.object { $0.field("tagValues", strings: Set(values.map(\.value.text)).sorted()) }
        return .json(writer.bytes)
    }

    static func anyField(_ name: String) -> Field {
        do throws(QueryError) { return try TraceQLEngine.field(name) } catch {
            return Field(.any, name)
        }
    }

    static func field(_ name: String) throws(HTTPError) -> Field {
        do throws(QueryError) { return try TraceQLEngine.field(name) } catch {
            throw HTTPError.badRequest(
                "tag name is not valid intrinsic or scoped attribute: \(name)")
        }
    }

    /// `/api/v2/search/tag/{tag}/values`: values with their types.
    func typedTagValues(_ request: HTTPRequest) async throws -> HTTPResponse {
        let field = try Self.field(request.pathParameters["tag"] ?? "")
        let values = try await values(of: field, request.parameters)
        if TempoModelForm.isAccepted(by: request) {
            return TempoModelForm.response(TempoModelForm.bytes(values: values))
        }
        var writer = JSONWriter()
        writer.object {
            $0.arrayField("tagValues") { array in
                for value in values {
                    array.object {
                        $0.field("type", value.type)
                        $0.field("value", value.value.text)
                    }
                }
            }
        }
        return .json(writer.bytes)
    }

    func values(
        of field: Field, _ parameters: Parameters
    ) async throws -> [(type: String, value: AttributeValue)] {
        if field.kind == .intrinsic(.status) { return Self.keywords(SpanStatus.self) }
        if field.kind == .intrinsic(.kind) { return Self.keywords(SpanKind.self) }
        let range = try TempoParameters(parameters, now: now).range()
        let filter = parameters["q"] ?? ""
        let limit = try TempoParameters(parameters, now: now)
            .valuesLimit(runner.answerLimits.valuesMax)
        let found = try await runner.run { [engine] context in
            try engine.values(
                of: field, matching: filter, in: range, limit: limit, context: context)
        }
        let isDuration =
            [Intrinsic.duration, .traceDuration, .eventTimeSinceStart].contains {
                field.kind == .intrinsic($0)
            }
        return found.map { (isDuration ? "duration" : Self.typeName($0), $0) }
    }

    private static func keywords<Keyword: CaseIterable>(
        _ type: Keyword.Type
    ) -> [(type: String, value: AttributeValue)] {
        type.allCases.map { ("keyword", .string("\($0)")) }
    }

    private static func typeName(_ value: AttributeValue) -> String {
        switch value {
        case .int: "int"
        case .double: "float"
        case .bool: "bool"
        case .empty, .string, .bytes, .array, .map: "string"
        }
    }
}
