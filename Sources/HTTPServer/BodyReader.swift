import HTTPTypes
import HummingbirdCore
import NIOCore
import Synchronization

/// Reads a request's body, once, within the limits; what is not wanted can be drained.
struct BodyReader {
    private var iterator: RequestBody.AsyncIterator
    private(set) var isAtEnd: Bool
    /// Whether the body had not ended in time.
    private(set) var isLate = false
    private var received = 0
    /// From `Content-Length`; `nil` for a chunked body.
    let declaredCount: Int?

    /// Whether the request has a body, by its header fields.
    var hasBody: Bool { !startedEmpty }
    private let startedEmpty: Bool

    init(_ request: Request) {
        declaredCount = request.headers[.contentLength].flatMap { Int($0) }
        let isChunked = request.headers[.transferEncoding] != nil
        startedEmpty = !isChunked && (declaredCount ?? 0) == 0
        isAtEnd = startedEmpty
        iterator = request.body.makeAsyncIterator()
    }

    /// The whole body, or what came of it until `deadline` if it goes on then: `isLate` tells.
    /// - Throws: `HTTPError` `bodyTooLarge` beyond `limit` bytes, `badRequest` if the peer stopped before
    ///   the end, `unavailable` beyond the budget; `WireError`.
    mutating func collect(
        limit: Int, until deadline: NIODeadline, lease: inout BodyLease
    ) async throws -> [UInt8] {
        if let declaredCount, declaredCount > limit { throw Self.tooLarge(limit) }
        var body: [UInt8] = []
        while let chunk = try await next() {
            guard received <= limit else { throw Self.tooLarge(limit) }
            try lease.extend(by: chunk.readableBytes)
            if body.isEmpty { body.reserveCapacity(max(chunk.readableBytes, reservation)) }
            body.append(contentsOf: chunk.readableBytesView)
            // Whether it came before or is only read afterwards cannot be told, so it counts.
            isLate = NIODeadline.now() >= deadline
            if isLate { return body }
        }
        if let declaredCount, received != declaredCount {
            throw HTTPError.badRequest(
                "the body ends after \(received) of \(declaredCount) bytes")
        }
        return body
    }

    /// Reads the rest and drops it.
    /// - Returns: false if the end was not reached within `limit` bytes.
    mutating func drain(limit: Int) async throws -> Bool {
        let end = received + limit
        while received <= end {
            guard try await next() != nil else { return true }
        }
        return false
    }

    private mutating func next() async throws -> ByteBuffer? {
        guard !isAtEnd else { return nil }
        let chunk: ByteBuffer?
        do { chunk = try await iterator.next() } catch { throw WireError(cause: error) }
        guard let chunk else {
            isAtEnd = true
            return nil
        }
        received += chunk.readableBytes
        return chunk
    }

    /// What a declared length may reserve before its bytes have come.
    private var reservation: Int { min(declaredCount ?? 0, 1 << 20) }

    private static func tooLarge(_ limit: Int) -> HTTPError {
        HTTPError(.bodyTooLarge, message: "the body is larger than the limit of \(limit) bytes")
    }
}

/// The connection ended or stopped being HTTP while a body was read.
struct WireError: Error {
    var cause: any Error
}

/// The memory that bodies of all requests share.
final class BodyBudget: Sendable {
    private let used = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    fileprivate func take(_ count: Int) -> Bool {
        if used.wrappingAdd(count, ordering: .relaxed).newValue <= limit { return true }
        release(count)
        return false
    }

    fileprivate func release(_ count: Int) { used.wrappingSubtract(count, ordering: .relaxed) }

    var inUse: Int { used.load(ordering: .relaxed) }
}

/// One request's share of the budget, given back when it goes.
struct BodyLease: ~Copyable {
    private let budget: BodyBudget
    private var held = 0

    init(_ budget: BodyBudget) { self.budget = budget }

    deinit { budget.release(held) }

    mutating func extend(by count: Int) throws(HTTPError) {
        guard budget.take(count) else {
            throw HTTPError(
                .unavailable, message: "too many request bodies at once; send again later",
                headers: ["retry-after": "1"])
        }
        held += count
    }
}
