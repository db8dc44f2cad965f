import Telemetry
import Testing

@Test("a trace id reads back") func id() throws { #expect(try TraceID(hex: "ff").hex.count == 32) }
