import Telemetry

/// Fields of log records that follow from others, for records that have not got them: they are not kept,
/// so that a line without them stays the line that came.
package enum DerivedLogField {
    package static let flagWords = "response_flags_long"
    package static let flags = "response_flags"

    /// The field that the field `name` follows from.
    package static func source(of name: String) -> String? { name == flagWords ? flags : nil }

    /// Of some names those of such fields, by their place.
    package static func sources(of names: [String]) -> [(field: Int, source: String)] {
        names.enumerated().compactMap { field, name in
            source(of: name).map { (field: field, source: $0) }
        }
    }

    /// Appends what follows from a value, if anything does: words for Envoy's response flags.
    package static func append(_ value: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        guard !value.isEmpty, !value.elementsEqual([UInt8(ascii: "-")]) else { return }
        ResponseFlag.appendLong(value, to: &output)
    }
}
