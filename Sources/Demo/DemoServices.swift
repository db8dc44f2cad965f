import Foundation
import HTTPServer
import Platform
import Synchronization

/// The code of the shop's services: small handlers that call each other through their proxies.
package final class DemoServices: Sendable {
    /// One service with its ports, as `ID:APP:OUTBOUND` on the command line.
    package struct Place: Sendable {
        package var id: String
        package var app: Int
        /// 0: it calls nobody.
        package var outbound: Int

        package init?(_ text: String) {
            let parts = text.split(separator: ":")
            guard parts.count == 3, let app = Int(parts[1]), let outbound = Int(parts[2]) else {
                return nil
            }
            (id, self.app, self.outbound) = (String(parts[0]), app, outbound)
        }
    }

    private struct State {
        var counts: [String: Int] = [:]
        var isCanaryFailing = true
        var isPaused = false
    }

    private let client = DemoClient()
    private let random: any RandomSource
    private let state = Mutex(State())
    /// How many of a hundred answers of the inventory are 503; the callers' proxies try again.
    private static let inventoryFailuresPercent: UInt64 = 10

    package init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// The routes of a service.
    package func routes(_ place: Place) -> Router {
        var router = Router()
        func on(
            _ pattern: String,
            _ handler: @escaping @Sendable (DemoServices, Caller) async throws -> HTTPResponse
        ) {
            router.on(.get, pattern) { [self] request in
                state.withLock { $0.counts[place.id, default: 0] += 1 }
                return try await handler(
                    self, Caller(client: client, outbound: place.outbound, request: request))
            }
        }
        switch place.id {
        case "storefront":
            on("/") { try await $0.home($1) }
            on("/checkout") { _, caller in try await caller.pass("checkout", "/order") }
        case "catalog": on("/items") { services, _ in await services.work(2...6) }
        case "recommendations": on("/for-you") { try await $0.recommend($1) }
        case "checkout": on("/order") { try await $0.order($1) }
        case "pricing": on("/price") { try await $0.price($1) }
        case "payments-v1": on("/charge") { services, _ in await services.work(3...10) }
        case DemoTopology.canary: on("/charge") { services, _ in await services.canaryCharge() }
        case "inventory": on("/reserve") { services, _ in await services.reserve() }
        case "worker": on("/stocktake") { try await $0.stocktake($1) }
        default: break
        }
        return router
    }

    private func home(_ caller: Caller) async throws -> HTTPResponse {
        let items = try await caller.get("catalog", "/items")
        let hints = try await caller.get("recommendations", "/for-you")
        return .text("items \(items) recommendations \(hints)\n")
    }

    /// The slow dependency: most answers take tens of milliseconds, one in ten takes most of a second.
    private func recommend(_ caller: Caller) async throws -> HTTPResponse {
        let isSlow = random.next(below: 10) == 0
        _ = await work(isSlow ? 500...900 : 20...60)
        return try await caller.pass("catalog", "/items")
    }

    private func order(_ caller: Caller) async throws -> HTTPResponse {
        _ = try await caller.get("inventory", "/reserve")
        guard try await caller.get("pricing", "/price") == 200 else {
            return .text("no price\n", status: 502)
        }
        let payment = try await caller.get("payments", "/charge")
        guard payment == 200 else { return .text("payment refused\n", status: 502) }
        return try await caller.pass("receipt", "/")
    }

    private func price(_ caller: Caller) async throws -> HTTPResponse {
        _ = await work(1...4)
        return try await caller.pass("discount", "/")
    }

    private func canaryCharge() async -> HTTPResponse {
        let isFailing = state.withLock { $0.isCanaryFailing }
        let answer = await work(3...10)
        return isFailing ? .text("version v2 cannot charge\n", status: 500) : answer
    }

    private func reserve() async -> HTTPResponse {
        guard random.next(below: 100) >= DemoServices.inventoryFailuresPercent else {
            return .text("busy\n", status: 503)
        }
        return await work(1...5)
    }

    /// A long trace: many calls, one after the other.
    private func stocktake(_ caller: Caller) async throws -> HTTPResponse {
        for _ in 0..<40 {
            _ = try await caller.get("catalog", "/items")
            _ = try await caller.get("inventory", "/reserve")
        }
        return .text("counted\n")
    }

    private func work(_ milliseconds: ClosedRange<UInt64>) async -> HTTPResponse {
        let spread = milliseconds.upperBound - milliseconds.lowerBound + 1
        let pause = milliseconds.lowerBound + random.next(below: spread)
        do { try await Task.sleep(for: .milliseconds(Int64(pause))) } catch {
            return .text("stopping\n", status: 503)
        }
        return .text("ok\n")
    }

    /// The background job of the worker: a reservation every second, a stocktake every eighth.
    package func runBackgroundJob(outbound: Int) async throws {
        var round = 0
        let caller = Caller(client: client, outbound: outbound, request: nil)
        while true {
            try await Task.sleep(for: .seconds(1))
            guard !state.withLock({ $0.isPaused }) else { continue }
            round += 1
            do {
                _ = try await caller.get("inventory", "/reserve")
                if round % 8 == 1 { _ = try await caller.get("worker", "/stocktake") }
            } catch {
                FileHandle.standardError.write(Data("background job: \(error)\n".utf8))
            }
        }
    }

    /// What the demo asks of the services, apart from their work.
    package func controlRoutes() -> Router {
        var router = Router()
        router.on(.get, "/counts") { [self] _ in
            let counts = state.withLock { $0.counts }
            return .json(Array(try JSONEncoder().encode(counts)))
        }
        router.on(.post, "/rollback") { [self] _ in
            state.withLock { $0.isCanaryFailing = false }
            return .empty()
        }
        router.on(.post, "/release") { [self] _ in
            state.withLock { $0.isCanaryFailing = true }
            return .empty()
        }
        router.on(.post, "/pause") { [self] _ in
            state.withLock { $0.isPaused = true }
            return .empty()
        }
        router.on(.post, "/resume") { [self] _ in
            state.withLock { $0.isPaused = false }
            return .empty()
        }
        return router
    }

    package func shutdown() async { await client.shutdown() }
}

/// The calls that one request causes: they go through the service's proxy and carry its trace context.
struct Caller: Sendable {
    private let client: DemoClient
    private let outbound: Int
    private let context: [(String, String)]

    init(client: DemoClient, outbound: Int, request: HTTPRequest?) {
        self.client = client
        self.outbound = outbound
        context = ["traceparent", "tracestate", "x-request-id"].compactMap { name in
            request?.headers[name].map { (name, $0) }
        }
    }

    /// - Returns: the status.
    func get(_ host: String, _ path: String) async throws -> Int {
        try await client.send(
            "http://127.0.0.1:\(outbound)\(path)", host: host, headers: context
        ).status
    }

    /// The same answer as that of `host`.
    func pass(_ host: String, _ path: String) async throws -> HTTPResponse {
        let status = try await get(host, path)
        return .text("\(host) answered \(status)\n", status: status)
    }
}
