import HTTPTypes

/// Header fields of a request or response: names without regard to case, order and repetitions kept.
package struct Headers: Sendable, Hashable {
    var fields: HTTPFields

    init(fields: HTTPFields) { self.fields = fields }

    package init() { fields = HTTPFields() }

    package init(_ pairs: KeyValuePairs<String, String>) {
        self.init()
        for (name, value) in pairs { add(name, value) }
    }

    /// The value under `name`; several fields of one name are joined by ", " (RFC 9110 §5.2). Setting
    /// replaces all of them, `nil` removes them; a name that is no token is ignored.
    package subscript(name: String) -> String? {
        get { HTTPField.Name(name).flatMap { fields[$0] } }
        set {
            guard let name = HTTPField.Name(name) else { return }
            fields[name] = newValue
        }
    }

    /// The values of all fields named `name`, in order.
    package func values(_ name: String) -> [String] {
        HTTPField.Name(name).map { fields[values: $0] } ?? []
    }

    /// Adds a field. Bytes that may not stand in a field value become spaces; a name that is no token is
    /// ignored.
    package mutating func add(_ name: String, _ value: String) {
        guard let name = HTTPField.Name(name) else { return }
        fields.append(HTTPField(name: name, value: value))
    }
}
