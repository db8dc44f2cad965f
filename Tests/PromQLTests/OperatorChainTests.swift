import Dispatch
import PromQL
import QueryCore
import Store
import Synchronization
import Telemetry
import Testing

@Suite("chains of operators")
struct OperatorChainTests {
    private let lengthMax = 2_000

    @Test("as many operators as are allowed evaluate, print and parse again on a thread of a pool")
    func long() throws {
        let sum = "x" + String(repeating: " + 1", count: lengthMax)
        let alternatives = (0..<lengthMax).map { "a\($0)" }.joined(separator: " or ") + " or x"
        let failure = Mutex<(any Error)?>(nil)
        let done = DispatchSemaphore(value: 0)
        DispatchQueue.global().async { [lengthMax] in
            defer { done.signal() }
            do {
                let store = TestStore("x 1 2")
                #expect(try store.instant(sum) == ["{} \(lengthMax + 1)"])
                #expect(
                    try store.range(sum, 0, 60, step: 60) == [
                        "{} \(lengthMax + 1) \(lengthMax + 2)"
                    ])
                #expect(try store.instant(alternatives) == ["x 1"])
                for text in [sum, alternatives] {
                    let printed = try PromQLEngine.parse(text).description
                    #expect(try PromQLEngine.parse(printed).description == printed)
                }
            } catch {
                failure.withLock { $0 = error }
            }
        }
        done.wait()
        if let error = failure.withLock({ $0 }) { throw error }
    }

    @Test("operators of all ranks keep their order, and what is pinned to a time is evaluated once")
    func order() throws {
        let store = TestStore("x 1 2 3 4\ny 10 20 30 40")
        #expect(
            try store.range("x @ 60 + x @ 120 - y + 2 * x - 1", 0, 120, step: 60) == [
                "{} -4 -12 -20"
            ])
        #expect(try store.instant("2 - 3 - 4 ^ 2 ^ 0") == ["-5"])
        #expect(try store.range("x > 1 < 4 or y", 0, 60, step: 60) == ["x _ 2", "y 10 _"])
        #expect(
            try PromQLEngine.parse("a - b - c / d / e").description == "a - b - c / d / e")
    }

    @Test("a mistake anywhere in a chain is found at its place")
    func mistakes() {
        #expect(
            failure { _ = try PromQLEngine.parse("a + b + \"c\" + d") }?.message
                == "1:9: parse error: binary expression must contain only scalar and instant vector types"
        )
        #expect(
            failure { _ = try PromQLEngine.parse("1 + 2 > 3 + a") }?.message == nil)
        #expect(
            failure { _ = try PromQLEngine.parse("1 + 2 > 3") }?.message
                == "1:7: parse error: comparisons between scalars must use BOOL modifier")
    }
}
