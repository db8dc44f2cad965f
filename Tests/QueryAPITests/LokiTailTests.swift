import Foundation
import HTTPServer
import Platform
import QueryAPI
import Store
import Synchronization
import Telemetry
import Testing

@Suite("Loki's tail")
struct LokiTailTests {
    private static let web = "/loki/api/v1/tail?query=%7Bservice_name%3D%22web%22%7D"

    /// What a message holds.
    private struct Message: Decodable {
        struct Stream: Decodable {
            var stream: [String: String]
            var values: [[String]]
        }
        struct Dropped: Decodable {
            var labels: [String: String]
            var timestamp: String
        }
        var streams: [Stream]
        var dropped: [Dropped]?
        enum CodingKeys: String, CodingKey {
            case streams
            case dropped = "dropped_entries"
        }
        var lines: [String] { streams.flatMap { $0.values.map { $0[1] } } }
    }

    private func batch(
        _ service: String, _ lines: [String], at seconds: Int64 = APIServer.now
    ) -> LogBatch {
        var batch = LogBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute("service.name", .string(service))]))
        let scope = batch.append(Scope())
        for (index, line) in lines.enumerated() {
            let time = Timestamp(nanoseconds: seconds * 1_000_000_000 + Int64(index))
            batch.append(
                LogRecord(time: time, observedTime: time, body: .string(line)),
                resource: resource, scope: scope)
        }
        return batch
    }

    /// Reads messages until `take` has enough.
    private func tail(
        _ server: APIServer, _ path: String, _ take: @escaping (Message) throws -> Bool
    ) async throws {
        let client = WebSocketClient(host: "127.0.0.1", port: server.listener.address.port)
        try await client.read(path) { bytes in
            try take(JSONDecoder().decode(Message.self, from: Data(bytes)))
        }
    }

    @Test("the past comes first, in order of time, then what is stored, as it arrives")
    func follows() async throws {
        try await APIServer.run(filledBy: { $0.fillLogs() }) { server in
            var lines: [String] = []
            try await tail(server, Self.web + "&limit=2") { message in
                if lines.isEmpty {
                    server.tails.publish(batch("cart", ["another service"]))
                    server.tails.publish(batch("web", ["new one", "new two"]))
                }
                lines += message.lines
                return lines.count < 4
            }
            #expect(lines == ["traced two", "last", "new one", "new two"])
        }
    }

    @Test("a line that was read as the past does not come again")
    func noneTwice() async throws {
        try await APIServer.run { server in
            let stored = batch("web", ["both", "ways"], at: APIServer.now - 1)
            server.store.append(logs: stored, digest: nil) { _ in }
            var lines: [String] = []
            try await tail(server, Self.web) { message in
                if lines.isEmpty {
                    server.tails.publish(stored)
                    server.tails.publish(batch("web", ["next"]))
                }
                lines += message.lines
                return lines.last != "next"
            }
            #expect(lines == ["both", "ways", "next"])
        }
    }

    @Test("stages run on what arrives, ids and severity are labels as in other answers")
    func stages() async throws {
        try await APIServer.run { server in
            let query =
                "/loki/api/v1/tail?query=%7Bservice_name%3D%22web%22%7D"
                + "%7C%3D%22keep%22%7Clogfmt%7Cline_format%22%7B%7B.n%7D%7D%22"
            server.store.append(
                logs: batch("web", ["keep n=0"], at: APIServer.now - 1), digest: nil
            ) {
                _ in
            }
            var found: [Message] = []
            try await tail(server, query) { message in
                if found.isEmpty {
                    server.tails.publish(batch("web", ["drop n=1", "keep n=2"]))
                }
                found.append(message)
                return found.count < 2
            }
            #expect(found.map(\.lines) == [["0"], ["2"]])
            #expect(found.last?.streams.first?.stream["n"] == "2")
        }
    }

    @Test("what finds no room is dropped, and the client is told which lines")
    func overflow() async throws {
        try await APIServer.run(filledBy: { $0.fillLogs() }) { server in
            let batches = (1...6).map {
                batch("web", [String](repeating: "y", count: 60_000), at: Int64($0))
            }
            var count = 0
            var dropped: [Message.Dropped] = []
            try await tail(server, Self.web + "&limit=1") { message in
                count += message.lines.count
                dropped += message.dropped ?? []
                // Faster than anything can be looked at: two do not fit. If they do for once, because whoever
                // publishes was held up, there are more.
                if dropped.isEmpty { for batch in batches { server.tails.publish(batch) } }
                return dropped.isEmpty
            }
            #expect(count >= 1)
            #expect(dropped.allSatisfy { $0.labels["service_name"] == "web" })
            #expect(dropped.count <= 100)
            #expect(
                server.events.readings().contains {
                    $0.name == "sidelight_tail_dropped_records_total" && $0.value > 0
                        && Int($0.value) % 60_000 == 0
                })
        }
    }

    @Test(
        "wrong parameters are answered in HTTP",
        arguments: [
            ("query=%7B", "parse error"), ("query=rate(%7Ba%3D%22b%22%7D%5B1m%5D)", "log lines"),
            ("query=%7Ba%3D%22b%22%7D&delay_for=6", "delay_for can't be greater than 5"),
            ("query=%7Ba%3D%22b%22%7D&delay_for=x", "delay_for"),
            ("query=%7Ba%3D%22b%22%7D&limit=0", "limit"),
            ("query=%7Ba%3D%22b%22%7D&start=then", "timestamp"),
        ])
    func refusals(query: String, message: String) async throws {
        try await APIServer.run { server in
            let answer = try await server.get("/loki/api/v1/tail?\(query)")
            #expect(answer.status == 400)
            #expect(answer.text.contains(message), "\(answer.text)")
            do {
                try await tail(server, "/loki/api/v1/tail?\(query)") { _ in true }
                Issue.record("granted")
            } catch WebSocketClient.Failure.refused(let status, let body) {
                #expect(status == 400 && body.contains(message))
            }
        }
    }
}
