/// Why a message head or body cannot be accepted. The status is what a client is answered; a bad
/// response from an upstream is always a 502.
package enum HeadError: Error, Hashable, Sendable {
    case bareLineFeed
    case malformedRequestLine
    case malformedStatusLine
    case unsupportedVersion
    case requestLineTooLong
    case headTooLarge
    case tooManyFields
    case malformedFieldName
    case spaceBeforeColon
    case foldedField
    case malformedFieldValue
    case malformedContentLength
    case repeatedContentLength
    case contentLengthWithTransferEncoding
    case unsupportedTransferEncoding
    case repeatedTransferEncoding
    case transferEncodingInOldVersion
    case missingHost
    case repeatedHost
    case malformedHost
    case unsupportedMethod
    case malformedChunk

    package var status: UInt16 {
        switch self {
        case .unsupportedVersion: 505
        case .requestLineTooLong: 414
        case .headTooLarge, .tooManyFields: 431
        case .unsupportedTransferEncoding, .unsupportedMethod: 501
        default: 400
        }
    }

    /// For the reply's text and the access log's `response_code_details`.
    package var detail: StaticString {
        switch self {
        case .bareLineFeed: "http1.bare_line_feed"
        case .malformedRequestLine: "http1.malformed_request_line"
        case .malformedStatusLine: "http1.malformed_status_line"
        case .unsupportedVersion: "http1.unsupported_version"
        case .requestLineTooLong: "http1.request_line_too_long"
        case .headTooLarge: "http1.head_too_large"
        case .tooManyFields: "http1.too_many_headers"
        case .malformedFieldName: "http1.malformed_header_name"
        case .spaceBeforeColon: "http1.space_before_colon"
        case .foldedField: "http1.folded_header"
        case .malformedFieldValue: "http1.malformed_header_value"
        case .malformedContentLength: "http1.malformed_content_length"
        case .repeatedContentLength: "http1.repeated_content_length"
        case .contentLengthWithTransferEncoding: "http1.content_length_with_transfer_encoding"
        case .unsupportedTransferEncoding: "http1.unsupported_transfer_encoding"
        case .repeatedTransferEncoding: "http1.repeated_transfer_encoding"
        case .transferEncodingInOldVersion: "http1.transfer_encoding_in_http_1_0"
        case .missingHost: "http1.missing_host"
        case .repeatedHost: "http1.repeated_host"
        case .malformedHost: "http1.malformed_host"
        case .unsupportedMethod: "http1.unsupported_method"
        case .malformedChunk: "http1.malformed_chunk"
        }
    }
}

/// What the bytes seen so far amount to.
package enum HeadResult: Hashable, Sendable {
    case incomplete
    /// The head is the first `length` bytes, its last empty line included.
    case complete(length: Int)
    case invalid(HeadError)
}

/// Limits on heads, in bytes and fields.
package struct HeadLimits: Hashable, Sendable {
    /// Envoy's default is 60 KiB, its maximum 8 MiB; servers behind refuse more than 8 to 64 KiB anyway.
    package var headBytesMax = 65_536
    /// Envoy's and nginx's order of magnitude.
    package var fieldsMax = 100
    package var requestLineBytesMax = 16_384

    package init() {}
}
