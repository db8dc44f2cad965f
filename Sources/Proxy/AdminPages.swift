import NIOCore
import NIOPosix
import OTLPExport

/// What the admin address answers: `/ready`, `/stats/prometheus`, `/config_dump`, `/clusters`.
struct AdminPages: Sendable {
    let configuration: ProxyConfiguration
    let loops: LoopSet
    let exporter: OTLPExporter?
    let accessLog: AccessLogWriter?
    let listeners: [ProxyServer.Bound]

    struct Page: Sendable {
        var status: String
        var type: String
        var body: String

        static func text(_ body: String, status: String = "200 OK") -> Page {
            Page(status: status, type: "text/plain; charset=utf-8", body: body)
        }
    }

    func bootstrap(group: MultiThreadedEventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AdminConnection(pages: self))
                }
            }
    }

    func page(_ path: String) async -> Page {
        switch path {
        case "/ready": return .text("ready\n")
        case "/stats/prometheus":
            let text = PrometheusText.write(await loops.metrics(configuration)) + ownStatistics()
            return Page(
                status: "200 OK", type: "text/plain; version=0.0.4; charset=utf-8", body: text)
        case "/config_dump":
            return configurationPage()
        case "/clusters": return .text(await clusters())
        default:
            return .text(
                "no such page; there are /ready /stats/prometheus /config_dump /clusters\n",
                status: "404 Not Found")
        }
    }

    /// The configuration as a file that the program reads, with the addresses in use as comments.
    private func configurationPage() -> Page {
        do {
            var text = try configuration.yaml()
            for listener in listeners {
                text += "# listening: \(listener.name) \(listener.address)\n"
            }
            return Page(status: "200 OK", type: "application/yaml; charset=utf-8", body: text)
        } catch {
            return .text("\(error)\n", status: "500 Internal Server Error")
        }
    }

    private func clusters() async -> String {
        let census = await loops.census()
        var text = "clients \(census.clients) active \(census.activeExchanges)\n"
        var index = 0
        for cluster in configuration.clusters {
            for endpoint in cluster.endpoints {
                let upstream = census.upstreams[index]
                text +=
                    "\(cluster.name)::\(endpoint)::open \(upstream.open) idle \(upstream.idle)\n"
                index += 1
            }
        }
        return text
    }

    private func ownStatistics() -> String {
        var text = ""
        if let exporter {
            for signal in OTLPExporter.Signal.allCases {
                let counters = exporter.counters(signal)
                let label = "signal=\"\(signal.rawValue)\""
                text += "sidelight_export_sent_total{\(label)} \(counters.sent)\n"
                for (reason, count) in counters.dropped.sorted(by: { $0.key < $1.key }) {
                    text +=
                        "sidelight_export_dropped_total{\(label),reason=\"\(reason.rawValue)\"} "
                        + "\(count)\n"
                }
                text += "sidelight_export_queued{\(label)} \(counters.queued)\n"
            }
        }
        if let accessLog {
            text += "sidelight_access_log_lines_total \(accessLog.writtenLines)\n"
            text += "sidelight_access_log_dropped_total \(accessLog.droppedLines)\n"
        }
        return text
    }
}

/// A connection to the admin address: one request, one answer, closed.
private final class AdminConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let pages: AdminPages
    private var parser = RequestParser()
    private var input = ByteBuffer()
    private var isAnswering = false

    init(pages: AdminPages) { self.pages = pages }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard !isAnswering else { return }
        input.writeBuffer(&bytes)
        switch input.withUnsafeReadableBytes({ parser.parse($0) }) {
        case .incomplete: return
        case .invalid(let error):
            isAnswering = true
            answer(.text("\(error.detail)\n", status: "\(error.status) Bad"), context)
        case .complete:
            isAnswering = true
            let path = input.withUnsafeReadableBytes {
                String(decoding: $0[parser.head.path], as: UTF8.self)
            }
            load(path, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func load(_ path: String, _ context: ChannelHandlerContext) {
        let pages = self.pages
        let promise = context.eventLoop.makePromise(of: AdminPages.Page.self)
        promise.completeWithTask { await pages.page(path) }
        promise.futureResult.assumeIsolated().whenSuccess { self.answer($0, context) }
    }

    private func answer(_ page: AdminPages.Page, _ context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: page.body.utf8.count + 256)
        buffer.writeString(
            "HTTP/1.1 \(page.status)\r\ncontent-type: \(page.type)\r\n"
                + "content-length: \(page.body.utf8.count)\r\nconnection: close\r\n\r\n")
        buffer.writeString(page.body)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        context.close(mode: .output, promise: nil)
    }
}
