import Glibc

/// Ports on loopback that nobody else gets as long as this exists: sockets are bound to them and do not
/// listen. Linux lets a second socket bind and listen there if both allow reuse of the address, as the
/// demo's servers do, but gives such a port to nobody who asks for any free one.
package final class PortReservation: Sendable {
    package let ports: [Int]
    private let sockets: [Int32]

    /// - Throws: `DemoFailure` when the system gives no more ports.
    package init(count: Int) throws(DemoFailure) {
        var sockets: [Int32] = []
        var ports: [Int] = []
        do throws(DemoFailure) {
            for _ in 0..<count {
                let (socket, port) = try PortReservation.reserve()
                sockets.append(socket)
                ports.append(port)
            }
        } catch {
            for socket in sockets { close(socket) }
            throw error
        }
        self.sockets = sockets
        self.ports = ports
    }

    deinit {
        for socket in sockets { close(socket) }
    }

    private static func reserve() throws(DemoFailure) -> (socket: Int32, port: Int) {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(AF_INET, type, 0)
        guard socket >= 0 else { throw DemoFailure("cannot open a socket: error \(errno)") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        var yes: Int32 = 1
        // Bound without reuse first: with it the system may give a port that is reserved already.
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(socket, generic, length) == 0 ? getsockname(socket, generic, &length) : -1
            }
        }
        guard result == 0,
            setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
                == 0
        else {
            let error = errno
            close(socket)
            throw DemoFailure("no free port on 127.0.0.1: error \(error)")
        }
        return (socket, Int(UInt16(bigEndian: address.sin_port)))
    }
}
