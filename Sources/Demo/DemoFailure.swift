/// Why the demo cannot go on.
package struct DemoFailure: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
