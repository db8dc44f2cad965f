import Telemetry
import WireFormats

extension JSONWriter {
    /// A label set as an object.
    mutating func value(_ labels: Labels) {
        beginObject()
        labels.bytes.withUnsafeBytes { all in
            var cursor = LabelCursor(all)
            while let pair = cursor.next() {
                key(utf8: pair.name)
                value(utf8: pair.value)
            }
        }
        endObject()
    }

    mutating func field(_ name: StaticString, _ labels: Labels) {
        key(name)
        value(labels)
    }
}
