import HTTPServer
import Testing

@Suite struct MediaTypeTests {
    @Test("media types are read without regard to case and with their parameters")
    func parameters() throws {
        let type = try #require(
            MediaType("Application/X-Protobuf ; proto=\"io.prometheus.write.v2.Request\";q=1"))
        #expect(type.essence == "application/x-protobuf")
        #expect(type.parameters["proto"] == "io.prometheus.write.v2.Request")
        #expect(type.parameters["q"] == "1")
    }

    @Test(
        "what has no type or no subtype is none", arguments: ["", "json", "/", "a/", "/b", "a/b/c"])
    func malformed(text: String) {
        #expect(MediaType(text) == nil)
    }
}
