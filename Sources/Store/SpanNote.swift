/// Attributes that are added to spans and resources where they are not stored as they were sent.
package enum SpanNote {
    /// Which texts were cut because they are too long, and from how many bytes: an array of strings.
    package static let truncated = "sidelight.truncated"
}
