import Telemetry

/// The labels of a stream as text, `{app="shop", env='x'}`, and as a resource.
enum LokiLabels {
    /// Labels by which Loki names the service of a stream that has no `service_name`
    /// (`discover_service_name`, its default).
    private static let serviceNames = [
        "service", "app", "application", "app_name", "name", "app_kubernetes_io_name",
        "container", "container_name", "k8s_container_name", "component", "workload", "job",
        "k8s_job_name",
    ]

    static func attributes(_ labels: [(name: String, value: String)]) -> [Attribute] {
        var attributes: [Attribute] = []
        var service: String?
        for (name, value) in labels where name == "service_name" { service = value }
        for name in serviceNames where service == nil {
            service = labels.first { $0.name == name && !$0.value.isEmpty }?.value
        }
        if let service { attributes.append(Attribute(SemanticKey.serviceName, .string(service))) }
        for (name, value) in labels where name != "service_name" && !value.isEmpty {
            attributes.append(Attribute(name, .string(value)))
        }
        return attributes
    }

    /// `nil` if the text is not so. Values are quoted as in Go.
    static func parse(_ text: UnsafeRawBufferPointer) -> [(name: String, value: String)]? {
        var scanner = Scanner(text: text)
        guard scanner.take(UInt8(ascii: "{")) else { return nil }
        var labels: [(name: String, value: String)] = []
        while !scanner.take(UInt8(ascii: "}")) {
            if !labels.isEmpty, !scanner.take(UInt8(ascii: ",")) { return nil }
            if scanner.take(UInt8(ascii: "}")) { break }
            guard let name = scanner.name(), scanner.take(UInt8(ascii: "=")),
                let value = scanner.value()
            else { return nil }
            labels.append((name, value))
        }
        return scanner.isAtEnd ? labels : nil
    }

    private struct Scanner {
        let text: UnsafeRawBufferPointer
        var offset = 0

        init(text: UnsafeRawBufferPointer) { self.text = text }

        private mutating func skipSpace() {
            while offset < text.count, text[offset] <= 0x20 { offset += 1 }
        }

        var isAtEnd: Bool { text[offset...].allSatisfy { $0 <= 0x20 } }

        mutating func take(_ byte: UInt8) -> Bool {
            skipSpace()
            guard offset < text.count, text[offset] == byte else { return false }
            offset += 1
            return true
        }

        mutating func name() -> String? {
            skipSpace()
            let start = offset
            while offset < text.count, Self.isNameByte(text[offset]) { offset += 1 }
            return offset == start ? nil : String(decoding: text[start..<offset], as: UTF8.self)
        }

        private static func isNameByte(_ byte: UInt8) -> Bool {
            (byte | 0x20) &- UInt8(ascii: "a") <= 25 || byte &- UInt8(ascii: "0") <= 9
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ":")
        }

        mutating func value() -> String? {
            skipSpace()
            guard offset < text.count else { return nil }
            let quote = text[offset]
            guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "`") else { return nil }
            offset += 1
            var value: [UInt8] = []
            while offset < text.count, text[offset] != quote {
                if quote == UInt8(ascii: "\""), text[offset] == UInt8(ascii: "\\") {
                    guard escape(into: &value) else { return nil }
                } else {
                    value.append(text[offset])
                    offset += 1
                }
            }
            guard offset < text.count else { return nil }
            offset += 1
            return String(decoding: value, as: UTF8.self)
        }

        /// The escapes of Go's quoted strings that its `%q` writes.
        private mutating func escape(into value: inout [UInt8]) -> Bool {
            guard offset + 1 < text.count else { return false }
            let letter = text[offset + 1]
            offset += 2
            switch letter {
            case UInt8(ascii: "n"): value.append(0x0A)
            case UInt8(ascii: "r"): value.append(0x0D)
            case UInt8(ascii: "t"): value.append(0x09)
            case UInt8(ascii: "\\"), UInt8(ascii: "\""): value.append(letter)
            case UInt8(ascii: "x"):
                guard let number = hexadecimal(2) else { return false }
                value.append(UInt8(truncatingIfNeeded: number))
            case UInt8(ascii: "u"): return scalar(hexadecimal(4), into: &value)
            case UInt8(ascii: "U"): return scalar(hexadecimal(8), into: &value)
            default: return false
            }
            return true
        }

        private mutating func hexadecimal(_ count: Int) -> UInt32? {
            guard text.count - offset >= count else { return nil }
            var number: UInt32 = 0
            for _ in 0..<count {
                guard let nibble = HexDigits.nibble(text[offset]) else { return nil }
                number = number << 4 | UInt32(nibble)
                offset += 1
            }
            return number
        }

        private func scalar(_ number: UInt32?, into value: inout [UInt8]) -> Bool {
            guard let number, let scalar = Unicode.Scalar(number) else { return false }
            value.append(contentsOf: String(Character(scalar)).utf8)
            return true
        }
    }
}
