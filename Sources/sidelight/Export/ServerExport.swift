import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Telemetry

/// Takes an export from a running server, a signal and a day at a time: no answer lasts too long, and
/// progress can be shown.
struct ServerExport {
    let address: ServerAddress

    private static let day: Int64 = 86_400_000_000_000
    private static let timeout = TimeAmount.minutes(10)

    func run(
        _ request: ExportRequest, into file: ExportFile, progress: (Double, ExportCounts) -> Void
    ) async throws -> ExportCounts {
        let client = CommandHTTP.client()
        do {
            var counts = ExportCounts()
            let windows = Self.windows(request.range)
            for (place, signal) in request.signals.enumerated() {
                for (index, window) in windows.enumerated() {
                    let part = ExportRequest(
                        range: window, signals: [signal],
                        leavesOutDerived: request.leavesOutDerived)
                    counts += try await take(part, from: client, into: file)
                    let done = place * windows.count + index + 1
                    progress(Double(done) / Double(windows.count * request.signals.count), counts)
                }
            }
            try await client.shutdown()
            return counts
        } catch {
            try await client.shutdown()
            throw error
        }
    }

    private func take(
        _ request: ExportRequest, from client: HTTPClient, into file: ExportFile
    ) async throws -> ExportCounts {
        let query =
            "from=\(RFC3339.string(request.range.start))&to=\(RFC3339.string(request.range.end))"
            + request.signals.map { "&signal=\($0.rawValue)" }.joined()
            + (request.leavesOutDerived ? "&derived=false" : "")
        var message = HTTPClientRequest(url: "\(address.url)/api/sidelight/export?\(query)")
        if let token = address.token {
            message.headers.add(name: "authorization", value: "Bearer \(token)")
        }
        let response: HTTPClientResponse
        do {
            response = try await client.execute(message, timeout: Self.timeout)
        } catch {
            throw ImportTargetError.unreachable(
                "cannot reach \(address.url) (\(error)); start sidelight serve, name it with "
                    + "--server, or read the data directory of a stopped one with --data")
        }
        guard response.status == .ok else { throw try await failure(response) }
        var tail: [UInt8] = []
        do {
            for try await chunk in response.body {
                tail += Array(buffer: chunk)
                let surplus = tail.count - ExportTrailer.bytesMax
                if surplus > 0 {
                    try file.write(Array(tail[..<surplus]))
                    tail.removeSubrange(..<surplus)
                }
            }
        } catch let error as InputError {
            throw error
        } catch {
            throw ImportTargetError.unreachable("\(address.url) broke off: \(error)")
        }
        let lineStart = tail.dropLast().lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        guard let counts = try ExportTrailer.counts(in: Array(tail[lineStart...])) else {
            throw ImportTargetError.unreachable("\(address.url) broke off before the end")
        }
        try file.write(Array(tail[..<lineStart]))
        return counts
    }

    private func failure(_ response: HTTPClientResponse) async throws -> ImportTargetError {
        let body = try await response.body.collect(upTo: 1 << 20)
        switch response.status {
        case .unauthorized:
            return .unreachable("\(address.url) wants a token: give --token-file")
        case .notFound:
            return .unreachable(
                "\(address.url) has no /api/sidelight/export; is it a Sidelight server?")
        default:
            return .unreachable(
                "\(address.url) answers \(response.status): \(String(buffer: body))")
        }
    }

    /// The UTC days of the last 400 days, and all before them at once.
    private static func windows(_ range: TimeRange) -> [TimeRange] {
        var windows: [TimeRange] = []
        var start = range.start
        let recent = range.end.advanced(byNanoseconds: -400 * day)
        if start < recent {
            windows.append(TimeRange(start: start, end: recent))
            start = recent
        }
        while start < range.end {
            let ofDay = ((start.nanoseconds % day) + day) % day
            let next = min(start.advanced(byNanoseconds: day - ofDay), range.end)
            windows.append(TimeRange(start: start, end: next))
            start = next
        }
        return windows
    }
}
