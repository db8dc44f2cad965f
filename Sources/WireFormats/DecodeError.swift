import Telemetry

/// Why a body as a whole could not be read. Nothing of it is kept: the sender gets a 400 or
/// INVALID_ARGUMENT and must not retry. A single bad item inside a readable body is a `Rejection`.
package enum DecodeError: Error, Equatable {
    /// The body ends inside `field`, which starts at byte `offset`.
    case truncated(field: String, offset: Int, needed: Int, had: Int)
    /// The bytes at `offset` are not what the format allows there.
    case malformed(field: String, offset: Int, reason: String)
    /// Values nest deeper than `AttributeValue.nestingDepthMax`.
    case nestedTooDeep(field: String, offset: Int)
    /// A limit of `WireLimits`, named in plain words, is exceeded by `value`.
    case tooLarge(limit: String, value: Int)
}

extension DecodeError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .truncated(let field, let offset, let needed, let had):
            "\(field) at byte \(offset) is cut off: it needs \(needed) bytes and \(had) are left"
        case .malformed(let field, let offset, let reason):
            "\(field) at byte \(offset) is malformed: \(reason)"
        case .nestedTooDeep(let field, let offset):
            "\(field) at byte \(offset) nests deeper than \(AttributeValue.nestingDepthMax) levels"
        case .tooLarge(let limit, let value):
            "the body exceeds the limit of \(limit): \(value)"
        }
    }
}
