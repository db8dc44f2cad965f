import Notifier
import Platform
import Store
import Synchronization
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(5))) struct DeliveryTests {
    @Test("a notification is posted once, with credentials from the URL, and leaves the outbox")
    func delivered() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.answer(200)]) { server in
            let receiver = try lab.receiver(
                port: server.port, path: "/a?token=x", user: "me:secret@")
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { loop in
                await loop.deliverDue()
                await loop.deliverDue()
            }
            #expect(server.requests.count == 1)
            #expect(server.requests[0].uri == "/a?token=x")
            let headers = server.requests[0].headers
            #expect(headers.contains { $0 == ("content-type", "application/json") })
            #expect(headers.contains { $0 == ("authorization", "Basic bWU6c2VjcmV0") })
            #expect(server.bodies[0].hasPrefix("{\"version\":\"4\""))
        }
        #expect(try lab.waiting().isEmpty)
        #expect(lab.count("notifications_delivered") == 1)
    }

    @Test("an answer of 500 is tried again after a growing pause, then delivered")
    func retried() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.answer(500), .answer(503), .answer(200)]) { server in
            let receiver = try lab.receiver(port: server.port)
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { loop in
                await loop.deliverDue()
                await loop.deliverDue()
                #expect(server.requests.count == 1)
                let waiting = try lab.waiting()[0]
                #expect(waiting.lastError == "answered 500")
                let pause = waiting.nextAttemptAt.nanoseconds(since: lab.now)
                #expect((500_000_000...1_000_000_000).contains(pause))
                lab.advance(seconds: 1)
                await loop.deliverDue()
                #expect(server.requests.count == 2)
                let longer = try lab.waiting()[0].nextAttemptAt.nanoseconds(since: lab.now)
                #expect((1_000_000_000...2_000_000_000).contains(longer))
                lab.advance(seconds: 2)
                await loop.deliverDue()
            }
            #expect(server.requests.count == 3)
            #expect(Set(server.bodies).count == 1)
        }
        #expect(try lab.waiting().isEmpty)
        #expect(lab.count("notification_retries") == 2)
    }

    @Test("Retry-After is obeyed, in seconds and as a date", arguments: [true, false])
    func retryAfter(isDate: Bool) async throws {
        let lab = OutboxLab()
        // The lab's clock stands at 2023-11-14T22:13:20Z.
        let value = isDate ? "Tue, 14 Nov 2023 22:14:20 GMT" : "60"
        let reactions: [WebhookServer.Reaction] = [
            .answer(429, headers: [("retry-after", value)]), .answer(200),
        ]
        try await WebhookServer.with(reactions) { server in
            let receiver = try lab.receiver(port: server.port)
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { loop in
                await loop.deliverDue()
                let next = try lab.waiting()[0].nextAttemptAt
                #expect(next.nanoseconds(since: lab.now) == 60_000_000_000)
                lab.advance(seconds: 59)
                await loop.deliverDue()
                #expect(server.requests.count == 1)
                lab.advance(seconds: 1)
                await loop.deliverDue()
            }
            #expect(server.requests.count == 2)
        }
    }

    @Test(
        "after other answers of 4xx and redirects the receiver is asked again at an interval",
        arguments: [400, 404, 410, 302])
    func refused(status: Int) async throws {
        let lab = OutboxLab()
        let reaction = WebhookServer.Reaction.answer(status, headers: [("location", "/elsewhere")])
        try await WebhookServer.with([reaction, reaction, .answer(200)]) { server in
            let receiver = try lab.receiver(port: server.port)
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { loop in
                for count in [1, 2, 3] {
                    await loop.deliverDue()
                    lab.advance(seconds: 299)
                    await loop.deliverDue()
                    #expect(server.requests.count == count)
                    lab.advance(seconds: 1)
                }
            }
        }
        #expect(try lab.waiting().isEmpty)
        #expect(lab.count("notifications_delivered") == 1)
        #expect(lab.count("notification_retries") == 2)
    }

    @Test("what was refused gives way to later news of its group")
    func refusedGivesWay() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.answer(400), .answer(200)]) { server in
            let receiver = try lab.receiver(port: server.port)
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { loop in
                await loop.deliverDue()
                try lab.tell(["Busy", "More"], to: [receiver])
                await loop.deliverDue()
            }
            #expect(server.bodies.map { $0.contains("More") } == [false, true])
        }
        #expect(try lab.waiting().isEmpty)
    }

    @Test("messages that are answered with 500 for hours hold up no others")
    func poison() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with(
            [.answer(200)], choosing: { $0.body.contains("Poison") ? .answer(500) : nil }
        ) { server in
            let receiver = try lab.receiver(port: server.port)
            for group in 0..<300 {
                try lab.tell(["Poison"], group: "p\(group)", to: [receiver])
            }
            try await lab.withLoop([receiver]) { loop in
                await loop.deliverDue()
                for group in 0..<20 { try lab.tell(group: "\(group)", to: [receiver]) }
                await loop.deliverDue()
            }
            #expect(server.bodies.count { !$0.contains("Poison") } == 20)
            #expect(server.requests.count == 320)
        }
        #expect(try lab.waiting().count == 300)
    }

    @Test("one receiver gets messages of several groups at the same time, of one group in order")
    func concurrency() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.hang]) { server in
            let receiver = try lab.receiver(port: server.port)
            for group in 0..<40 {
                try lab.tell(group: "\(group)", to: [receiver])
                try lab.tell(["Busy"], .resolved, group: "\(group)", to: [receiver])
            }
            try await lab.withLoop([receiver]) { loop in
                let pass = Task { await loop.deliverDue() }
                while server.requests.count < 16 { try await lab.waitALittle() }
                pass.cancel()
                await pass.value
            }
            #expect(server.requests.count == 16)
            #expect(Set(server.bodies).count == 16)
            #expect(server.bodies.allSatisfy { !$0.contains("\"status\":\"resolved\"") })
        }
        #expect(try lab.waiting().count == 80)
    }

    @Test("a receiver that hangs is given up for now")
    func hanging() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.hang]) { server in
            let receiver = try lab.receiver(port: server.port, timeout: .milliseconds(200))
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { loop in await loop.deliverDue() }
        }
        #expect(try lab.waiting().map(\.attempts) == [1])
        #expect(lab.count("notification_retries") == 1)
    }

    @Test("a receiver that hangs does not hold up another")
    func besideHanging() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.hang]) { slow in
            try await WebhookServer.with([.answer(200)]) { quick in
                let receivers = [
                    try lab.receiver("slow", port: slow.port, timeout: .seconds(3_600)),
                    try lab.receiver("quick", port: quick.port),
                ]
                for group in 0..<300 {
                    try lab.tell(group: "\(group)", to: [receivers[0]])
                }
                try lab.tell(to: receivers)
                try await lab.withLoop(receivers) { loop in
                    let pass = Task { await loop.deliverDue() }
                    while lab.count("notifications_delivered", "quick") == 0 { await Task.yield() }
                    // The slow one has not answered a single of its messages.
                    #expect(lab.count("notification_retries", "slow") == 0)
                    pass.cancel()
                    await pass.value
                }
                #expect(quick.requests.count == 1)
            }
        }
    }

    @Test("a receiver that closes or is not there is tried again")
    func broken() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.close]) { server in
            let receivers = [
                try lab.receiver("closing", port: server.port), try lab.receiver("gone", port: 1),
            ]
            try lab.tell(to: receivers)
            try await lab.withLoop(receivers) { loop in await loop.deliverDue() }
        }
        #expect(try lab.waiting().map(\.attempts) == [1, 1])
        #expect(lab.count("notification_retries", "closing") == 1)
        #expect(lab.count("notification_retries", "gone") == 1)
    }

    @Test("an answer of many megabytes is not read to its end")
    func hugeAnswer() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.answer(200, bodyBytes: 32 << 20)]) { server in
            let receiver = try lab.receiver(port: server.port)
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { loop in await loop.deliverDue() }
        }
        #expect(try lab.waiting().isEmpty)
    }

    @Test("what was put into the outbox before the program died is delivered by the next one, once")
    func restart() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.answer(200)]) { server in
            let receiver = try lab.receiver(port: server.port)
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { _ in }
            #expect(server.requests.isEmpty)
            try await lab.withLoop([receiver]) { loop in await loop.deliverDue() }
            try await lab.withLoop([receiver]) { loop in await loop.deliverDue() }
            #expect(server.requests.count == 1)
        }
    }

    @Test("after a day a notification is given up")
    func givenUp() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.answer(500)]) { server in
            let receiver = try lab.receiver(port: server.port)
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { loop in
                for _ in 1..<20 {
                    await loop.deliverDue()
                    lab.advance(seconds: 600)
                }
                #expect(server.requests.count == 19)
                lab.advance(seconds: 86_400)
                await loop.deliverDue()
            }
            #expect(server.requests.count == 20)
        }
        #expect(try lab.waiting().isEmpty)
        #expect(lab.count("notification_failures") == 1)
    }

    @Test("a clock that jumps ahead by days, or back, neither gives a notification up nor holds it")
    func clockJumps() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.answer(500), .answer(500), .answer(500), .answer(200)]) {
            server in
            let receiver = try lab.receiver(port: server.port)
            try lab.tell(to: [receiver])
            try await lab.withLoop([receiver]) { loop in
                await loop.deliverDue()
                lab.jump(seconds: 3 * 86_400)
                await loop.deliverDue()
                var attempts = try lab.waiting().map(\.attempts)
                #expect(attempts == [2])
                // Back to where it was, and further back than when it was put down.
                lab.jump(seconds: -3 * 86_400)
                await loop.deliverDue()
                attempts = try lab.waiting().map(\.attempts)
                #expect(attempts == [3])
                lab.jump(seconds: -7_200)
                await loop.deliverDue()
                #expect(server.requests.count == 4)
            }
        }
        #expect(try lab.waiting().isEmpty)
        #expect(lab.count("notifications_delivered") == 1)
    }

    @Test("resolved does not overtake firing, and other groups do not wait")
    func order() async throws {
        let lab = OutboxLab()
        let isDown = Atomic(true)
        try await WebhookServer.with(
            [.answer(200)],
            choosing: { request in
                let isBusy = isDown.load(ordering: .acquiring) && request.body.contains("Busy")
                return isBusy ? .answer(500) : nil
            }
        ) { server in
            let receiver = try lab.receiver(port: server.port)
            try lab.tell(to: [receiver])
            try lab.tell(["Busy"], .resolved, to: [receiver])
            try lab.tell(["Other"], group: "h", to: [receiver])
            try await lab.withLoop([receiver]) { loop in
                await loop.deliverDue()
                #expect(
                    server.bodies.map { $0.contains("Other") }.sorted { !$0 && $1 } == [
                        false, true,
                    ])
                isDown.store(false, ordering: .releasing)
                lab.advance(seconds: 1)
                await loop.deliverDue()
            }
            let statuses = server.bodies.map { $0.contains("\"status\":\"resolved\"") }
            #expect(statuses == [false, false, false, true])
        }
    }

    @Test("reminders that pile up for a receiver that is down are told once")
    func repetitions() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.answer(200)]) { server in
            let receiver = try lab.receiver(port: server.port)
            for _ in 0..<5 {
                try lab.tell(to: [receiver])
                lab.advance(seconds: 60)
            }
            try lab.tell(["Busy", "More"], to: [receiver])
            try lab.tell(["Busy", "More"], .resolved, to: [receiver])
            try await lab.withLoop([receiver]) { loop in await loop.deliverDue() }
            #expect(server.requests.count == 3)
        }
        #expect(try lab.waiting().isEmpty)
        #expect(lab.count("notifications_replaced") == 4)
    }

    @Test("where too many wait for a receiver the oldest are given up, counted and named")
    func overflow() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.answer(200)]) { server in
            let receiver = try lab.receiver(port: server.port)
            for number in 0..<7 { try lab.tell(["A\(number)"], group: "\(number)", to: [receiver]) }
            try await lab.withLoop([receiver], messagesMax: 4) { loop in await loop.deliverDue() }
            let told = (0..<7).filter { number in
                server.bodies.contains { $0.contains("\"A\(number)\"") }
            }
            #expect(told == [3, 4, 5, 6])
        }
        #expect(try lab.waiting().isEmpty)
        #expect(lab.count("notifications_overflowed") == 3)
        let log = try lab.store.deliveryLog(limit: 10)
        #expect(log.count { $0.delivery.lastError.contains("too many wait") } == 3)
    }

    @Test("what is meant for a receiver that is gone from the configuration is given up")
    func unclaimed() async throws {
        let lab = OutboxLab()
        try lab.tell(to: [try lab.receiver("old", port: 1)])
        try await lab.withLoop([]) { loop in await loop.deliverDue() }
        #expect(try lab.waiting().isEmpty)
        #expect(lab.count("notification_failures", "old") == 1)
    }

    @Test("the loop delivers when it is woken, and ends when it is cancelled")
    func loop() async throws {
        let lab = OutboxLab()
        try await WebhookServer.with([.answer(200)]) { server in
            let receiver = try lab.receiver(port: server.port)
            let loop = NotifierLoop(
                catalog: lab.store, receivers: [receiver], clock: lab.clock,
                random: SeededRandom(seed: lab.seed), events: lab.events)
            let running = Task { await loop.run() }
            for count in 1...3 {
                try lab.tell(["Busy \(count)"], to: [receiver])
                loop.wake()
                while lab.count("notifications_delivered") < count { await Task.yield() }
            }
            running.cancel()
            await running.value
            #expect(server.requests.count == 3)
        }
    }
}
