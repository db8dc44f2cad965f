import HTTPServer
import Platform
import Receivers

/// The routes of the main port.
enum ServeRoutes {
    static func register(_ parts: ServeParts, on router: inout Router) {
        let ingest = parts.ingest
        OTLPHTTPReceiver(ingest).register(on: &router)
        RemoteWriteReceiver(ingest).register(on: &router)
        RemoteWriteReceiver(ingest).register(on: &router, prefix: "/prometheus")
        LogLinesReceiver(ingest).register(on: &router)
        registerHealth(parts, on: &router)
    }

    private static func registerHealth(_ parts: ServeParts, on router: inout Router) {
        var open = RouteOptions()
        open.needsToken = false
        router.on(.get, "/healthz", options: open) { _ in .text("ok\n") }
        router.on(.get, "/readyz", options: open) { _ in .text("ready\n") }
        let events = parts.events
        router.on(.get, "/metrics") { _ in
            HTTPResponse(
                status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
                body: Array(Exposition.text(events.readings()).utf8))
        }
    }
}

/// The program's own counters and gauges in Prometheus's text format.
enum Exposition {
    static func text(_ readings: [EventLog.Reading]) -> String {
        var text = ""
        var previous = ""
        for reading in readings {
            if reading.name != previous {
                text += "# HELP \(reading.name) \(reading.help)\n"
                text += "# TYPE \(reading.name) \(reading.type)\n"
                previous = reading.name
            }
            let labels = reading.labels.map { "\($0.name)=\"\(escaped($0.value))\"" }
            let value =
                reading.value == reading.value.rounded() && abs(reading.value) < 1e15
                ? String(Int64(reading.value)) : "\(reading.value)"
            text += reading.name
            if !labels.isEmpty { text += "{\(labels.joined(separator: ","))}" }
            text += " \(value)\n"
        }
        return text
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
        return text
    }
}
