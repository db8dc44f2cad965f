import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// HTTP clients by how they connect. Those whose certificates were renewed make room for new ones.
final class ScrapeClients: Sendable {
    /// What sets clients apart.
    private struct Way: Hashable {
        var followsRedirects: Bool
        var tls: ScrapeTLS?
        var proxy: ScrapeProxy?
        /// Who is asked under the name of `tls`; "" if that is who the URL names.
        var host = ""
    }

    private struct Entry {
        var material: ScrapeTLS.Material
        var client: HTTPClient
    }

    private struct State {
        var byWay: [Way: Entry] = [:]
        /// Replaced; requests may still be under way.
        var replaced: [HTTPClient] = []
        var isShutDown = false
    }

    private let state = Mutex(State())

    /// A client for a request, whose URL may change with it.
    func client(
        for request: inout HTTPClientRequest, _ access: ScrapeAccess, followsRedirects: Bool
    ) throws(ScrapeFailure) -> HTTPClient {
        var way = Way(
            followsRedirects: followsRedirects, tls: access.tls,
            proxy: Self.isDirect(request.url, access) ? nil : access.proxy)
        if let name = access.tls?.serverName, !name.isEmpty {
            way.host = try Self.rename(&request, to: name)
        }
        let material = try access.tls?.material() ?? ScrapeTLS.Material()
        if let known = state.withLock({ $0.byWay[way] }), known.material == material {
            return known.client
        }
        let made = try Self.client(way, material)
        let kept = state.withLock { state -> HTTPClient? in
            guard !state.isShutDown else {
                state.replaced.append(made)
                return nil
            }
            if let known = state.byWay[way] {
                // Another request was first.
                if known.material == material {
                    state.replaced.append(made)
                    return known.client
                }
                state.replaced.append(known.client)
            }
            state.byWay[way] = Entry(material: material, client: made)
            return made
        }
        guard let kept else { throw ScrapeFailure("the server is shutting down") }
        return kept
    }

    private static func isDirect(_ url: String, _ access: ScrapeAccess) -> Bool {
        guard access.proxy != nil, let parts = URLComponents(string: url), let host = parts.host
        else { return false }
        return access.directHosts.holds(
            host: host, port: parts.port ?? (parts.scheme == "https" ? 443 : 80))
    }

    /// Puts the name that the certificate must have into the URL, the target's own into `Host`.
    /// - Returns: the target's host.
    private static func rename(
        _ request: inout HTTPClientRequest, to name: String
    ) throws(ScrapeFailure) -> String {
        guard var parts = URLComponents(string: request.url), let host = parts.host else {
            throw ScrapeFailure("\(request.url) is no URL")
        }
        let isDefault = parts.port == nil || parts.port == 443
        request.headers.replaceOrAdd(
            name: "host", value: isDefault ? host : "\(host):\(parts.port ?? 443)")
        parts.host = name
        request.url = parts.string ?? request.url
        return host
    }

    private static func client(
        _ way: Way, _ material: ScrapeTLS.Material
    ) throws(ScrapeFailure) -> HTTPClient {
        var settings = HTTPClient.Configuration(
            redirectConfiguration: way.followsRedirects
                ? .follow(max: 10, allowCycles: false) : .disallow)
        settings.timeout.connect = .seconds(10)
        settings.connectionPool.retryConnectionEstablishment = false
        if let tls = way.tls {
            settings.tlsConfiguration = try tls.configuration(material)
            if !way.host.isEmpty { settings.dnsOverride = [tls.serverName: way.host] }
        }
        if let proxy = way.proxy {
            settings.proxy = .server(
                host: proxy.host, port: proxy.port,
                authorization: proxy.user.isEmpty
                    ? nil : .basic(username: proxy.user, password: proxy.password))
        }
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    func shutdown() async {
        let open = state.withLock { state in
            state.isShutDown = true
            defer {
                state.byWay = [:]
                state.replaced = []
            }
            return state.byWay.values.map(\.client) + state.replaced
        }
        for client in open {
            do {
                try await client.shutdown()
            } catch {
                // It was shut down before: there is nothing left to close.
                continue
            }
        }
    }
}
