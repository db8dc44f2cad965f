import Notifier
import Store
import Telemetry
import Testing

/// A dispatcher whose time is told, and what it put into the outbox.
struct DispatcherLab {
    static let start = Timestamp(seconds: 1_700_000_000)
    private static let receivers = """
        receivers:
          - name: all
            webhook_configs: [{url: "http://127.0.0.1:1/a"}]
          - name: quiet
            webhook_configs: [{url: "http://127.0.0.1:1/b", send_resolved: false}]

        """
    static let plain = "route: {receiver: all, group_by: [alertname]}\n"

    var dispatcher: Dispatcher
    var now = start
    /// Everything that the catalog was told to keep.
    var records: [String: NotifierRecord] = [:]

    init(_ config: String = plain) throws {
        dispatcher = Dispatcher(
            config: try AlertmanagerConfig.parse(config + Self.receivers, path: "am.yml"),
            externalURL: "http://here")
    }

    /// Begins anew with what was kept.
    mutating func restart() {
        dispatcher = Dispatcher(config: dispatcher.config, externalURL: "http://here")
        dispatcher.restore(records.values.sorted { $0.key < $1.key }, at: now)
    }

    mutating func keep(_ change: NotifierChange) {
        for record in change.puts { records["\(record.kind) \(record.key)"] = record }
        for removal in change.removals { records["\(removal.kind) \(removal.key)"] = nil }
    }

    /// An alert that fires until it is ended.
    mutating func fire(_ labels: [String: String]) {
        keep(
            dispatcher.receive(
                [
                    DispatchedAlert(
                        labels: labels, annotations: ["text": "it \(labels["alertname"] ?? "")"],
                        startsAt: now, endsAt: .distantFuture, updatedAt: now)
                ], at: now))
    }

    mutating func end(_ labels: [String: String]) {
        keep(
            dispatcher.receive(
                [
                    DispatchedAlert(
                        labels: labels, annotations: [:],
                        startsAt: now.advanced(byNanoseconds: -1_000_000_000), endsAt: now,
                        updatedAt: now)
                ], at: now))
    }

    mutating func silence(_ name: String, _ value: String, seconds: Int64) throws -> String {
        let (id, change) = try dispatcher.set(
            Silence(
                id: "",
                matchers: [
                    Silence.Matcher(name: name, value: value, isRegex: false, isEqual: true)
                ], startsAt: now, endsAt: now.advanced(byNanoseconds: seconds * 1_000_000_000),
                createdBy: "me", comment: "why"), fresh: "id-\(dispatcher.silences.count)", at: now)
        keep(change)
        return id
    }

    /// Lets time pass in steps of a second; what was told: receiver, status and alerts with theirs.
    mutating func pass(seconds: Int) -> [String] {
        var told: [String] = []
        for _ in 0..<seconds {
            now = now.advanced(byNanoseconds: 1_000_000_000)
            told += tick()
        }
        return told
    }

    mutating func tick() -> [String] {
        let change = dispatcher.advance(to: now)
        keep(change)
        return change.deliveries.map { delivery in
            let body = String(decoding: delivery.body, as: UTF8.self)
            let alerts = body.split(separator: "{\"status\":\"").dropFirst().map { part in
                let status = part.prefix { $0 != "\"" }
                let name = part.split(separator: "\"alertname\":\"")[1].prefix { $0 != "\"" }
                return status == "firing" ? "+\(name)" : "-\(name)"
            }
            let receiver = delivery.receiver.prefix { $0 != "/" }
            return "\(receiver) \(alerts.sorted().joined(separator: " "))"
        }
    }
}

@Suite("The dispatcher of notifications") struct DispatcherTests {
    private let busy = ["alertname": "Busy", "host": "a"]

    @Test("waits for the group, tells it, adds at the interval, repeats, and tells the end once")
    func life() throws {
        var lab = try DispatcherLab()
        lab.fire(busy)
        #expect(lab.pass(seconds: 29).isEmpty)
        #expect(lab.pass(seconds: 1) == ["all +Busy"])
        lab.fire(["alertname": "Busy", "host": "b"])
        #expect(lab.pass(seconds: 299).isEmpty)
        #expect(lab.pass(seconds: 1) == ["all +Busy +Busy"])
        // Four hours later, at the next interval.
        #expect(lab.pass(seconds: 14_400).isEmpty)
        #expect(lab.pass(seconds: 300) == ["all +Busy +Busy"])
        lab.end(busy)
        #expect(lab.pass(seconds: 300) == ["all +Busy -Busy"])
        lab.end(["alertname": "Busy", "host": "b"])
        #expect(lab.pass(seconds: 300) == ["all -Busy"])
        #expect(lab.pass(seconds: 20_000).isEmpty)
        #expect(!lab.records.keys.contains { $0.hasPrefix("alert ") })
    }

    @Test("an alert that ends before its group was told is never told")
    func short() throws {
        var lab = try DispatcherLab()
        lab.fire(busy)
        _ = lab.pass(seconds: 10)
        lab.end(busy)
        #expect(lab.pass(seconds: 600).isEmpty)
    }

    @Test("who does not want to hear of the end does not, and hears of a new beginning")
    func withoutResolved() throws {
        var lab = try DispatcherLab(
            "route: {receiver: quiet, group_wait: 1s, group_interval: 10s}\n")
        lab.fire(busy)
        #expect(lab.pass(seconds: 1) == ["quiet +Busy"])
        lab.end(busy)
        #expect(lab.pass(seconds: 60).isEmpty)
        lab.fire(busy)
        #expect(lab.pass(seconds: 60) == ["quiet +Busy"])
    }

    @Test("nothing is told twice over a restart, and what was not told is")
    func restart() throws {
        var lab = try DispatcherLab()
        lab.fire(busy)
        #expect(lab.pass(seconds: 30) == ["all +Busy"])
        lab.restart()
        #expect(lab.pass(seconds: 3_600).isEmpty)
        lab.fire(["alertname": "Slow"])
        lab.end(busy)
        lab.restart()
        #expect(lab.pass(seconds: 300).sorted() == ["all +Slow", "all -Busy"])
        lab.restart()
        #expect(lab.pass(seconds: 3_600).isEmpty)
    }

    @Test("an alert with an end of its own is given time after a restart to be told of again")
    func restartWithTimeout() throws {
        var lab = try DispatcherLab()
        let alert = DispatchedAlert(
            labels: busy, annotations: [:], startsAt: lab.now,
            endsAt: lab.now.advanced(byNanoseconds: 120_000_000_000), updatedAt: lab.now,
            hasTimeout: true)
        lab.keep(lab.dispatcher.receive([alert], at: lab.now))
        #expect(lab.pass(seconds: 30) == ["all +Busy"])
        lab.now = lab.now.advanced(byNanoseconds: 3_600_000_000_000)
        lab.restart()
        #expect(lab.pass(seconds: 299).isEmpty)
        #expect(lab.pass(seconds: 301) == ["all -Busy"])
    }

    @Test("silenced alerts are not told; those that still fire are when the silence ends")
    func silences() throws {
        var lab = try DispatcherLab()
        let id = try lab.silence("host", "a", seconds: 1_200)
        lab.fire(busy)
        #expect(lab.pass(seconds: 500).isEmpty)
        lab.restart()
        #expect(lab.pass(seconds: 90).isEmpty)
        #expect(lab.dispatcher.alertViews(at: lab.now)[0].silencedBy == [id])
        // From the middle on it warns, as it is no longer than twice the warning.
        #expect(lab.pass(seconds: 60) == ["all +SidelightSilenceExpires"])
        #expect(lab.pass(seconds: 540).isEmpty)
        let told = lab.pass(seconds: 310)
        #expect(told.sorted() == ["all +Busy", "all -SidelightSilenceExpires"])
    }

    @Test("a silence without alerts does not warn")
    func quietSilence() throws {
        var lab = try DispatcherLab()
        _ = try lab.silence("host", "other", seconds: 1_200)
        lab.fire(busy)
        #expect(lab.pass(seconds: 1_500) == ["all +Busy"])
    }

    @Test("an alert that inhibits others hides them while it fires")
    func inhibition() throws {
        var lab = try DispatcherLab(
            DispatcherLab.plain + """
                inhibit_rules:
                  - source_matchers: [alertname=Down]
                    target_matchers: [alertname=Busy]
                    equal: [host]

                """)
        lab.fire(["alertname": "Down", "host": "a"])
        lab.fire(busy)
        lab.fire(["alertname": "Busy", "host": "b"])
        #expect(lab.pass(seconds: 30).sorted() == ["all +Busy", "all +Down"])
        lab.end(["alertname": "Down", "host": "a"])
        #expect(lab.pass(seconds: 300).sorted() == ["all +Busy +Busy", "all -Down"])
    }

    @Test("a rule with both sides on one alert does not inhibit it by itself")
    func twoSided() throws {
        var lab = try DispatcherLab(
            DispatcherLab.plain + """
                inhibit_rules:
                  - source_matchers: ['alertname=~"Busy|Down"']
                    target_matchers: ['alertname=~"Busy|Down"']
                    equal: [host]

                """)
        lab.fire(busy)
        lab.fire(["alertname": "Down", "host": "a"])
        #expect(lab.pass(seconds: 30).sorted() == ["all +Busy", "all +Down"])
    }

    @Test("times mute a route and let it speak")
    func times() throws {
        // The lab begins at 22:13:20.
        var lab = try DispatcherLab(
            """
            time_intervals:
              - name: late
                time_intervals: [{times: [{start_time: "22:00", end_time: "22:30"}]}]
            route:
              receiver: all
              group_by: [alertname]
              routes:
                - matchers: [alertname=Busy]
                  mute_time_intervals: [late]
                - matchers: [alertname=Slow]
                  active_time_intervals: [late]

            """)
        lab.fire(busy)
        lab.fire(["alertname": "Slow"])
        #expect(lab.pass(seconds: 600) == ["all +Slow"])
        #expect(lab.dispatcher.dryRun(busy, at: lab.now).steps[0].mutedBy == ["late"])
        #expect(lab.pass(seconds: 900) == ["all +Busy"])
        lab.end(["alertname": "Slow"])
        #expect(lab.pass(seconds: 900).isEmpty)
    }

    @Test("a clock that jumps ahead or back neither loses nor repeats without end")
    func clockJumps() throws {
        var lab = try DispatcherLab()
        lab.fire(busy)
        #expect(lab.pass(seconds: 30) == ["all +Busy"])
        lab.now = lab.now.advanced(byNanoseconds: -86_400_000_000_000)
        #expect(lab.tick().isEmpty)
        lab.fire(["alertname": "Busy", "host": "b"])
        let back = lab.pass(seconds: 700)
        #expect(back == ["all +Busy +Busy"])
        lab.now = lab.now.advanced(byNanoseconds: 2 * 86_400_000_000_000)
        #expect(lab.tick() == ["all +Busy +Busy"])
        #expect(lab.pass(seconds: 3_600).isEmpty)
        lab.end(busy)
        lab.end(["alertname": "Busy", "host": "b"])
        #expect(lab.pass(seconds: 300) == ["all -Busy -Busy"])
    }

    @Test("another configuration takes the alerts over without telling them again")
    func reload() throws {
        var lab = try DispatcherLab()
        lab.fire(busy)
        #expect(lab.pass(seconds: 30) == ["all +Busy"])
        let same = lab.dispatcher.config
        lab.dispatcher.replace(same, at: lab.now)
        #expect(lab.pass(seconds: 600).isEmpty)
        let other = try DispatcherLab("route: {receiver: quiet, group_by: [host]}\n")
        lab.dispatcher.replace(other.dispatcher.config, at: lab.now)
        #expect(lab.pass(seconds: 600) == ["quiet +Busy"])
    }

    @Test("a silence is changed in place where that is possible, else replaced")
    func changedSilence() throws {
        var lab = try DispatcherLab()
        let id = try lab.silence("host", "a", seconds: 600)
        _ = lab.pass(seconds: 10)
        var longer = try #require(lab.dispatcher.silences[id])
        longer.endsAt += 60_000_000_000
        let (same, _) = try lab.dispatcher.set(longer, fresh: "next", at: lab.now)
        #expect(same == id)
        var other = longer
        other.matchers[0].value = "b"
        let (new, _) = try lab.dispatcher.set(other, fresh: "next", at: lab.now)
        #expect(new == "next")
        #expect(lab.dispatcher.silences[id]?.state(at: lab.now) == .expired)
        #expect(throws: SilenceFailure.alreadyExpired(id)) {
            try lab.dispatcher.expire(id, at: lab.now)
        }
        #expect(throws: SilenceFailure.notFound("x")) {
            try lab.dispatcher.expire("x", at: lab.now)
        }
        other.matchers = []
        #expect(throws: SilenceFailure.self) {
            try lab.dispatcher.set(other, fresh: "y", at: lab.now)
        }
    }

    @Test("a silence may consist of exclusions, but not of what everything fulfils")
    func exclusions() throws {
        var lab = try DispatcherLab()
        func silence(_ value: String, isRegex: Bool, isEqual: Bool) -> Silence {
            Silence(
                id: "",
                matchers: [
                    Silence.Matcher(name: "a", value: value, isRegex: isRegex, isEqual: isEqual)
                ], startsAt: lab.now, endsAt: lab.now.advanced(byNanoseconds: 1_000_000_000_000),
                createdBy: "me", comment: "why")
        }
        for (index, isRegex) in [false, true].enumerated() {
            let (id, _) = try lab.dispatcher.set(
                silence("B", isRegex: isRegex, isEqual: false), fresh: "\(index)", at: lab.now)
            #expect(id == "\(index)")
        }
        #expect(throws: SilenceFailure.self) {
            try lab.dispatcher.set(
                silence(".*", isRegex: true, isEqual: true), fresh: "z", at: lab.now)
        }
    }

    @Test("alerts beyond the bound are counted by name; those that are known are taken on")
    func overflow() throws {
        let lab = try DispatcherLab()
        var dispatcher = Dispatcher(
            config: lab.dispatcher.config, externalURL: "http://here", alertsMax: 2)
        for name in ["A", "B", "C", "A"] {
            _ = dispatcher.receive(
                [
                    DispatchedAlert(
                        labels: ["alertname": name], annotations: [:], startsAt: lab.now,
                        endsAt: .distantFuture, updatedAt: lab.now)
                ], at: lab.now)
        }
        #expect(dispatcher.alerts.count == 2)
        #expect(dispatcher.overflow.count == 1)
        #expect(dispatcher.overflow.last == "C")
    }

    @Test("alerts stand in a message by job, instance and labels, as Alertmanager's")
    func order() throws {
        var lab = try DispatcherLab()
        for labels in [
            ["host": "z"], ["job": "b", "instance": "1"], ["job": "a", "instance": "2"],
            ["job": "a", "instance": "1", "host": "q"], ["job": "a"], ["host": "a"],
        ] {
            lab.fire(labels.merging(["alertname": "Busy"]) { $1 })
        }
        lab.now = lab.now.advanced(byNanoseconds: 30_000_000_000)
        let body = try #require(lab.dispatcher.advance(to: lab.now).deliveries.first).body
        let told = try GroupMessage(body).alerts.map { alert in
            ["job", "instance", "host"].map { alert.labels[$0] ?? "-" }.joined()
        }
        #expect(told == ["a1q", "a2-", "a--", "b1-", "--a", "--z"])
    }

    @Test("a dry run says who would be told, when, and why not")
    func dryRun() throws {
        var lab = try DispatcherLab()
        let free = lab.dispatcher.dryRun(busy, at: lab.now)
        #expect(free.isTold)
        #expect(free.steps[0].route.receiver == "all")
        #expect(free.steps[0].toldAt.nanoseconds(since: lab.now) == 30_000_000_000)
        _ = try lab.silence("host", "a", seconds: 600)
        let silenced = lab.dispatcher.dryRun(busy, at: lab.now)
        #expect(!silenced.isTold)
        #expect(silenced.silencedBy.map(\.comment) == ["why"])
    }
}
