import Notifier
import Telemetry
import Testing

@Suite("Times of routes") struct TimeIntervalTests {
    /// Whether an interval holds at a time.
    private func holds(_ interval: String, _ time: String) throws -> Bool {
        let config = try AlertmanagerConfig.parse(
            """
            time_intervals: [{name: t, time_intervals: [\(interval)]}]
            route: {receiver: a, routes: [{mute_time_intervals: [t]}]}
            receivers: [{name: a}]
            """, path: "am.yml")
        let time = try #require(RFC3339.parse(time))
        return config.muting(config.route.routes[0], at: time) != nil
    }

    @Test(
        "hold from their beginning to before their end",
        arguments: [
            ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-11-21T08:59:59Z", false),
            ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-11-21T09:00:00Z", true),
            ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-11-21T17:00:00Z", false),
            ("{times: [{start_time: '23:00', end_time: '24:00'}]}", "2026-11-21T23:59:59Z", true),
            ("{weekdays: ['monday:friday']}", "2026-11-21T12:00:00Z", false),
            ("{weekdays: [saturday]}", "2026-11-21T12:00:00Z", true),
            ("{weekdays: ['sunday']}", "2026-11-22T00:00:00Z", true),
            ("{days_of_month: ['-1']}", "2026-02-28T12:00:00Z", true),
            ("{days_of_month: ['-1']}", "2028-02-28T12:00:00Z", false),
            ("{days_of_month: ['31']}", "2026-11-30T12:00:00Z", false),
            ("{days_of_month: ['1:5', '20:-1']}", "2026-11-21T12:00:00Z", true),
            ("{months: ['november:december']}", "2026-11-21T12:00:00Z", true),
            ("{months: ['1:3']}", "2026-11-21T12:00:00Z", false),
            ("{years: ['2026']}", "2026-12-31T23:59:59Z", true),
            ("{years: ['2027:2028']}", "2026-12-31T23:59:59Z", false),
            ("{years: ['2026'], months: ['1']}", "2026-12-31T23:59:59Z", false),
            (
                "{location: Europe/Berlin, times: [{start_time: '08:00', end_time: '09:00'}]}",
                "2026-07-01T06:30:00Z", true
            ),
            (
                "{location: Europe/Berlin, times: [{start_time: '08:00', end_time: '09:00'}]}",
                "2026-11-21T06:30:00Z", false
            ), ("{}", "2026-11-21T12:00:00Z", true),
        ])
    func holds(interval: String, time: String, expected: Bool) throws {
        #expect(try holds(interval, time) == expected)
    }
}
