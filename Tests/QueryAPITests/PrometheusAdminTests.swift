import HTTPServer
import QueryAPI
import Store
import Synchronization
import Telemetry
import Testing

@Suite("Deleting and copying over HTTP")
struct PrometheusAdminTests {
    private final class Recorder: MetricAdministration {
        let calls = Mutex<[String]>([])

        func deleteSeries(
            matchingAny sets: [[LabelMatcher]], in range: ClosedRange<Int64>
        ) throws(StoreError) {
            let text = sets.map { "\($0)" }.joined(separator: " or ")
            calls.withLock { $0.append("delete \(text) \(range)") }
            if text.contains("old") { throw .unsupported(reason: "only summaries are left") }
        }

        func snapshotMetrics(includesHead: Bool) throws(StoreError) -> String {
            calls.withLock { $0.append("snapshot \(includesHead)") }
            return "/data/snapshots/20261122T001122Z"
        }
    }

    @Test("is done where the operator allows it, and says what is wrong with a request")
    func allowed() async throws {
        let recorder = Recorder()
        var setup = APIServer.Setup()
        setup.admin = recorder
        try await APIServer.run(setup) { server in
            func send(_ method: String, _ path: String) async throws -> (Int, String) {
                let answer = try await server.send(method, "/api/v1/admin/tsdb/" + path)
                return (answer.status, answer.text)
            }
            #expect(
                try await send(
                    "POST",
                    "delete_series?match%5B%5D=up&match%5B%5D=m%7Ba%3D%22b%22%7D&start=1&end=2")
                    == (204, ""))
            let call = recorder.calls.withLock { $0.first } ?? ""
            #expect(call.hasPrefix(#"delete [__name__="up"] or ["#), "\(call)")
            #expect(call.contains(#"a="b""#) && call.hasSuffix(" 1000...2000"), "\(call)")
            let missing = try await send("PUT", "delete_series")
            #expect(missing.0 == 400 && missing.1.contains("no match[] parameter provided"))
            #expect(try await send("POST", "delete_series?match%5B%5D=old").0 == 422)
            #expect(try await send("POST", "clean_tombstones") == (204, ""))
            #expect(
                try await send("POST", "snapshot?skip_head=true")
                    == (200, #"{"status":"success","data":{"name":"20261122T001122Z"}}"#))
            #expect(recorder.calls.withLock { $0.last } == "snapshot false")
            #expect(try await send("POST", "snapshot?skip_head=perhaps").0 == 400)
            #expect(try await server.get("/api/v1/features").text.contains(#""admin":true"#))
        }
    }
}
