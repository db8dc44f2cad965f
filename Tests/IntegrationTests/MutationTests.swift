import Foundation
import Platform
import Testing

/// Real bodies with random damage, by every way in: each is answered with success or the sender's fault,
/// never with the server's, and the server is as well afterwards as before.
@Suite(
    "Mutated bodies",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct MutationTests {
    /// By each of eleven ways; about a second on a quiet core.
    private static let bodies = 250

    @Test("are taken or refused, and the server goes on", arguments: Endpoint.all)
    func mutations(endpoint: Endpoint) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let random = SeededRandom(seed: 20_261_121)
        for index in 0..<Self.bodies {
            var body = endpoint.good
            for _ in 0...random.next(below: 4) { Self.damage(&body, random) }
            // Now and then behind the coding that the protocol demands.
            var sent = endpoint.encoded(body)
            if endpoint.encoding != nil, index % 4 == 0 { Self.damage(&sent, random) }
            let answer = try await Wire.post(
                server.url + endpoint.path, type: endpoint.contentType,
                encoding: endpoint.encoding, sent)
            #expect(
                (200..<300).contains(answer.status) || (400..<429).contains(answer.status),
                "body \(index): \(answer.status) \(answer.text)")
        }
        try await Items.send("after", to: server.url)
        try await Items.expect("after", at: server.url)
        #expect(await server.stop() == 0, "\(server.standardError)")
        let again = try await ServerProcess(data: folder.path + "/data")
        try await Items.expect("after", at: again.url)
        #expect(await again.stop() == 0, "\(again.standardError)")
    }

    private static func damage(_ body: inout [UInt8], _ random: SeededRandom) {
        guard !body.isEmpty else { return body.append(UInt8(random.next(below: 256))) }
        let place = Int(random.next(below: UInt64(body.count)))
        switch random.next(below: 6) {
        case 0: body[place] ^= 1 << UInt8(random.next(below: 8))
        case 1: body[place] = [0, 0x7F, 0x80, 0xFF][Int(random.next(below: 4))]
        case 2: body.removeLast(body.count - place)
        case 3: body.insert(UInt8(random.next(below: 256)), at: place)
        case 4: body.remove(at: place)
        default:
            let count = min(Int(random.next(below: 64)), body.count - place)
            body.insert(contentsOf: Array(body[place..<place + count]), at: place)
        }
    }
}
