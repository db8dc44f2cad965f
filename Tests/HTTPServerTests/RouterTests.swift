import HTTPServer
import Platform
import Testing

@Suite struct RouterTests {
    private func routes(_ router: inout Router) {
        router.on(.get, "/") { _ in .text("root") }
        router.on(.get, "/api/traces/{id}") { .text("trace \($0.pathParameters["id"] ?? "-")") }
        router.on(.get, "/api/traces/latest") { _ in .text("latest") }
        router.on(.post, "/api/traces/latest") { _ in .text("posted") }
        router.on(.get, "/api/v1/label/{name}/values") {
            .text("values of \($0.pathParameters["name"] ?? "-")")
        }
        router.on(.get, "/files/{path...}") { .text("file \($0.pathParameters["path"] ?? "-")") }
        router.group("/jaeger", options: RouteOptions(errors: ErrorRenderers.json)) {
            $0.on([.get, .post], "/api/services") { .text("services by \($0.method.rawValue)") }
        }
    }

    @Test(
        "the most specific pattern answers",
        arguments: [
            ("/", "root"), ("/api/traces/abc", "trace abc"), ("/api/traces/abc/", "trace abc"),
            ("/api/traces/latest", "latest"), ("/api/traces/a%2Fb%20c", "trace a/b c"),
            ("/api/v1/label/a+b/values?x=1", "values of a+b"),
            ("/files/css/site.css", "file css/site.css"),
            ("/jaeger/api/services", "services by GET"),
        ])
    func matches(path: String, expected: String) async throws {
        try await withServer(routes: routes) { server in
            let answer = try await server.request("GET", path)
            #expect(answer.status == 200)
            #expect(answer.text == expected)
        }
    }

    @Test("a path that is not served is 404 in the shape of its mount")
    func notFound() async throws {
        try await withServer(routes: routes) { server in
            let plain = try await server.request("GET", "/api/nothing")
            #expect(plain.status == 404)
            #expect(plain["content-type"] == "text/plain; charset=utf-8")
            #expect(plain.text == "/api/nothing is not served here\n")
            let shaped = try await server.request("GET", "/jaeger/nothing%22x")
            #expect(shaped.status == 404)
            #expect(shaped["content-type"] == "application/json")
            #expect(shaped.text == "{\"error\":\"/jaeger/nothing%22x is not served here\"}\n")
        }
    }

    @Test("a wrong method is 405 with the methods that are served")
    func wrongMethod() async throws {
        try await withServer(routes: routes) { server in
            let answer = try await server.request("DELETE", "/api/traces/latest")
            #expect(answer.status == 405)
            #expect(answer["allow"] == "GET, HEAD, POST")
            let unknown = try await server.request("PROPFIND", "/jaeger/api/services")
            #expect(unknown.status == 405)
            #expect(unknown["content-type"] == "application/json")
        }
    }

    @Test("HEAD answers like GET, without the body")
    func head() async throws {
        try await withServer {
            routes(&$0)
            $0.on(.get, "/stream") { _ in
                .stream(contentType: "text/plain") { writer in
                    try await writer.write(Array("12345".utf8))
                }
            }
        } _: { server in
            let client = try RawClient(port: server.address.port)
            await client.send(
                "HEAD /api/traces/abc HTTP/1.1\r\nhost: a\r\n\r\n"
                    + "HEAD /stream HTTP/1.1\r\nhost: a\r\n\r\n"
                    + "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            let answers = await client.read().lowercased().split(separator: "\r\n\r\n")
            #expect(answers.count == 4)
            #expect(answers.first?.contains("content-length: 9") == true)
            #expect(answers.dropFirst().first?.contains("content-length: 5") == true)
            #expect(answers.last == "root")
        }
    }

    @Test("OPTIONS is not answered for all")
    func noCrossOrigin() async throws {
        try await withServer(routes: routes) { server in
            let answer = try await server.request(
                "OPTIONS", "/", headers: ["origin": "http://evil.example"])
            #expect(answer.status == 405)
            #expect(answer["access-control-allow-origin"] == nil)
        }
    }

    @Test("query parameters are decoded, repeated names kept in order, form values first")
    func parameters() async throws {
        try await withServer {
            $0.on(.post, "/q") { request in
                .text(
                    request.parameters.entries.map { "\($0.name)=\($0.value)" }
                        .joined(separator: ";"))
            }
        } _: { server in
            let client = try RawClient(port: server.address.port)
            await client.send(
                "POST /q?match[]=a%7Bb%3D%22c%22%7D&match[]=d+e&flag&bad=%zz HTTP/1.1\r\n"
                    + "host: a\r\nconnection: close\r\ncontent-length: 20\r\n"
                    + "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n\r\n"
                    + "query=up%2B1&query=2")
            let answer = await client.read()
            #expect(
                answer.hasSuffix(
                    "\r\n\r\nquery=up+1;query=2;match[]=a{b=\"c\"};match[]=d e;flag=;bad=%zz"))
        }
    }

    @Test(
        "handlers that throw answer in the shape of their route, and unexpected errors stay inside")
    func handlerErrors() async throws {
        struct Surprise: Error {}
        let events = EventLog.forTests
        try await withServer(events: events) {
            $0.group("/x", options: RouteOptions(errors: ErrorRenderers.json)) { group in
                group.on(.get, "/known") { _ in
                    throw HTTPError(
                        .overloaded, message: "later", headers: ["retry-after": "7"])
                }
                group.on(.get, "/unknown/{id}") { _ in throw Surprise() }
            }
        } _: { server in
            let known = try await server.request("GET", "/x/known")
            #expect(known.status == 429)
            #expect(known["retry-after"] == "7")
            #expect(known.text == "{\"error\":\"later\"}\n")
            let unknown = try await server.request("GET", "/x/unknown/5")
            #expect(unknown.status == 500)
            #expect(!unknown.text.contains("Surprise"))
        }
        #expect(
            events.count("sidelight_http_handler_failures_total", labels: ["/x/unknown/{id}"]) == 1)
        #expect(
            events.count("sidelight_http_requests_total", labels: ["/x/unknown/{id}", "500"]) == 1)
    }

    @Test("requests are counted by pattern and never by path")
    func counters() async throws {
        let events = EventLog.forTests
        try await withServer(events: events, routes: routes) { server in
            for id in 0..<3 { _ = try await server.request("GET", "/api/traces/\(id)") }
            _ = try await server.request("GET", "/secret/path")
        }
        let name = "sidelight_http_requests_total"
        #expect(events.count(name, labels: ["/api/traces/{id}", "200"]) == 3)
        #expect(events.count(name, labels: ["unmatched", "404"]) == 1)
    }
}
