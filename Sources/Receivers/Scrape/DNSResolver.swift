import Glibc
import Platform

/// Where a service is.
package struct ServiceRecord: Sendable, Hashable {
    /// Without a dot at the end.
    package var host: String
    package var port: UInt16
}

/// Why a name was not resolved.
package struct DNSFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

/// Asks name servers for records that the system's `getaddrinfo` does not know: by UDP, over TCP what does not
/// fit. Blocks.
package struct DNSResolver: Sendable {
    /// As in `/etc/resolv.conf`; a port other than 53 is for tests.
    package struct Server: Sendable, Hashable {
        package var address: String
        package var port: UInt16 = 53

        package init(address: String, port: UInt16 = 53) {
            self.address = address
            self.port = port
        }
    }

    private static let answerBytesMax = 65_535

    private let servers: [Server]
    private let search: [String]
    private let timeoutSeconds: Int

    /// - Parameters:
    ///   - configuration: the text of a `resolv.conf`; `nil` reads the system's.
    ///   - timeoutSeconds: of one question to one server: as the system's resolver.
    package init(
        configuration: String? = nil, servers: [Server]? = nil, timeoutSeconds: Int = 5
    ) {
        self.timeoutSeconds = timeoutSeconds
        let text = configuration ?? Self.systemConfiguration()
        var named: [Server] = []
        var search: [String] = []
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
            switch words.first {
            case "nameserver": named += words.dropFirst().prefix(1).map { Server(address: $0) }
            case "search", "domain": search = Array(words.dropFirst())
            default: continue
            }
        }
        self.servers = servers ?? (named.isEmpty ? [Server(address: "127.0.0.1")] : named)
        self.search = search
    }

    private static func systemConfiguration() -> String {
        do {
            return String(
                decoding: try PosixFileSystem().readAll("/etc/resolv.conf"), as: UTF8.self)
        } catch {
            // Then the machine asks itself (resolv.conf(5)).
            return ""
        }
    }

    /// The records of a name, sorted by host and port. A name that does not end with a dot is looked for in
    /// the search domains too.
    package func records(
        _ kind: DNSRecordKind, of name: String
    ) throws(DNSFailure) -> [ServiceRecord] {
        let names = name.hasSuffix(".") ? [name] : [name] + search.map { "\(name).\($0)" }
        var failure = DNSFailure(description: "no name server answered")
        for name in names {
            let id = UInt16.random(in: .min ... .max)
            guard let question = DNSMessage.question(name, kind, id: id) else {
                throw DNSFailure(description: "\"\(name)\" is no name")
            }
            for server in servers {
                do throws(DNSFailure) {
                    let records = try ask(kind, question, server)
                    if let records { return records }
                    failure = DNSFailure(description: "no such name")
                    break
                } catch {
                    failure = error
                }
            }
        }
        throw failure
    }

    /// `nil` if the server says that there is no such name.
    private func ask(
        _ kind: DNSRecordKind, _ question: [UInt8], _ server: Server
    ) throws(DNSFailure) -> [ServiceRecord]? {
        var answer = try exchange(question, server, isStream: false)
        if DNSMessage.isTruncated(answer) {
            answer = try exchange(question, server, isStream: true)
        }
        return try DNSMessage.records(kind, answer, to: question)
    }

    private func exchange(
        _ question: [UInt8], _ server: Server, isStream: Bool
    ) throws(DNSFailure) -> [UInt8] {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = Int32((isStream ? SOCK_STREAM : SOCK_DGRAM).rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(server.address, "\(server.port)", &hints, &list) == 0,
            let info = list?.pointee
        else { throw DNSFailure(description: "\(server.address) is no address") }
        defer { freeaddrinfo(list) }
        let descriptor = socket(
            info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), info.ai_protocol)
        guard descriptor >= 0 else { throw failed("cannot ask", server) }
        defer { close(descriptor) }
        var timeout = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            guard
                setsockopt(
                    descriptor, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
                    == 0
            else { throw failed("cannot ask", server) }
        }
        guard connect(descriptor, info.ai_addr, info.ai_addrlen) == 0 else {
            throw failed("cannot reach", server)
        }
        let framed = isStream ? DNSMessage.framed(question) : question
        guard send(descriptor, framed, framed.count, Int32(MSG_NOSIGNAL)) == framed.count
        else { throw failed("cannot ask", server) }
        guard isStream else {
            return try receive(descriptor, atMost: Self.answerBytesMax, server)
        }
        var answer: [UInt8] = []
        var wanted = 2
        while answer.count < wanted {
            let part = try receive(descriptor, atMost: wanted - answer.count, server)
            guard !part.isEmpty else { throw DNSFailure(description: "\(server.address) hung up") }
            answer += part
            if answer.count == 2 { wanted = 2 + Int(answer[0]) << 8 + Int(answer[1]) }
        }
        return Array(answer.dropFirst(2))
    }

    private func receive(
        _ descriptor: Int32, atMost count: Int, _ server: Server
    ) throws(DNSFailure) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let received = recv(descriptor, &buffer, buffer.count, 0)
        guard received >= 0 else { throw failed("no answer of", server) }
        return Array(buffer.prefix(received))
    }

    private func failed(_ what: String, _ server: Server) -> DNSFailure {
        DNSFailure(description: "\(what) \(server.address): \(String(cString: strerror(errno)))")
    }
}
