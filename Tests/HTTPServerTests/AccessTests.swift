import Glibc
import HTTPServer
import Testing

@Suite struct AccessTests {
    @Test("with tokens, only who shows one is served; probes stay open")
    func tokens() async throws {
        var open = RouteOptions()
        open.needsToken = false
        try await withServer(tokens: TokenSet(["s3cret", "other"])) {
            $0.on(.get, "/data") { _ in .text("data") }
            $0.on(.get, "/healthz", options: open) { _ in .text("ok") }
        } _: { server in
            let refused: [KeyValuePairs<String, String>] = [
                [:], ["authorization": "Bearer wrong"], ["authorization": "Bearer s3cre"],
                ["authorization": "Bearer s3cret2"], ["authorization": "Basic s3cret"],
                ["authorization": "Bearer "],
            ]
            for headers in refused {
                let answer = try await server.request("GET", "/data", headers: headers)
                #expect(answer.status == 401)
                #expect(answer["www-authenticate"] == "Bearer realm=\"sidelight\"")
            }
            for value in ["Bearer s3cret", "bearer other"] {
                let answer = try await server.request(
                    "GET", "/data", headers: ["authorization": value])
                #expect(answer.text == "data")
            }
            #expect(try await server.request("GET", "/nothing").status == 401)
            #expect(try await server.request("GET", "/healthz").text == "ok")
        }
    }

    @Test("a token file has one token a line; comments and blank lines do not count")
    func tokenFile() throws {
        let path = "/tmp/sidelight-tokens-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(path) }
        try write("# ours\n\n  first \r\nsecond", to: path)
        let tokens = try TokenSet.load(path: path)
        #expect(tokens.accepts(authorization: "Bearer first"))
        #expect(tokens.accepts(authorization: "Bearer second"))
        #expect(!tokens.accepts(authorization: "Bearer # ours"))
        try write("# nothing\n", to: path)
        #expect(throws: TokenSet.LoadError.empty(path: path)) { try TokenSet.load(path: path) }
        #expect(throws: TokenSet.LoadError.self) { try TokenSet.load(path: path + "-missing") }
        #expect(throws: TokenSet.LoadError.self) { try TokenSet.load(path: "/tmp") }
    }

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path, "wb"))
        fputs(text, file)
        fclose(file)
    }

    @Test(
        "only loopback may be bound without tokens or an explicit word",
        arguments: [
            ("127.0.0.1:7070", true), ("127.8.9.1:1", true), ("localhost:0", true),
            ("[::1]:4317", true), ("0.0.0.0:7070", false), ("[::]:7070", false),
            ("10.0.0.1:7070", false), ("127.evil.example:80", false), ("127.0.0.1.x:80", false),
        ])
    func exposure(text: String, isLoopback: Bool) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.description == text)
        #expect(address.isLoopback == isLoopback)
        try address.checkExposure(flag: "--listen", hasTokens: true, isInsecureAllowed: false)
        try address.checkExposure(flag: "--listen", hasTokens: false, isInsecureAllowed: true)
        if isLoopback {
            try address.checkExposure(flag: "--listen", hasTokens: false, isInsecureAllowed: false)
        } else {
            #expect(throws: ListenError.exposed(address, flag: "--listen")) {
                try address.checkExposure(
                    flag: "--listen", hasTokens: false, isInsecureAllowed: false)
            }
        }
    }

    @Test(
        "what is no HOST:PORT is no address",
        arguments: ["", "7070", ":7070", "a:b", "a:70000", "::1:80", "a:-1", "a:"])
    func noAddress(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
