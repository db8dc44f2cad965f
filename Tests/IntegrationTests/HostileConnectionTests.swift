import Foundation
import Glibc
import Testing

/// Connections that do not behave: none of them keeps others from being served.
@Suite(
    "Hostile connections",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct HostileConnectionTests {
    private static let head =
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"

    @Test("slow, half-closed and broken connections hold up nobody, and are over at the stop")
    func connections() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let port = try #require(UInt16(server.url.split(separator: ":").last ?? ""))
        var open: [RawConnection] = []
        for index in 0..<200 {
            let connection = try RawConnection(port: port)
            switch index % 5 {
            // A body that never comes whole.
            case 0: connection.send(Self.head + "Content-Length: 1000\r\n\r\nab")
            // A head that never ends.
            case 1: connection.send("POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            // A chunk that never comes.
            case 2: connection.send(Self.head + "Transfer-Encoding: chunked\r\n\r\nFF\r\n")
            // Nothing at all.
            case 3: break
            // Half a body, then no more from this side.
            default:
                connection.send(Self.head + "Content-Length: 1000\r\n\r\nab")
                connection.endSending()
            }
            open.append(connection)
        }
        try await Items.send("served", to: server.url)
        try await Items.expect("served", at: server.url)
        #expect(await server.stop() == 0, "\(server.standardError)")
        _ = open
    }

    @Test(
        "bytes that are no request are answered 400 or closed",
        arguments: [
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
            "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "POST /v1/traces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nX: " + String(repeating: "x", count: 100_000)
                + "\r\n\r\n",
        ])
    func noRequest(bytes: String) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let port = try #require(UInt16(server.url.split(separator: ":").last ?? ""))
        let connection = try RawConnection(port: port)
        connection.send(bytes)
        connection.endSending()
        let answer = await connection.readToEnd()
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(answer)")
        #expect(try await Wire.get(server.url + "/healthz").status == 200)
        #expect(await server.stop() == 0, "\(server.standardError)")
    }
}
