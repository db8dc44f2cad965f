import Rules
import Testing

@Suite("Services that burn together")
struct BurningServicesTests {
    private func group(
        _ calls: [String: Set<String>], burning: Set<String>, of service: String
    ) -> [String] {
        BurningServices(calls: calls, burning: burning).group(of: service)
    }

    @Test("are led by the one that the others wait for")
    func chain() {
        let calls: [String: Set<String>] = [
            "client": ["gateway"], "gateway": ["shop", "users"], "shop": ["payments"],
        ]
        let burning: Set = ["gateway", "shop", "payments"]
        for service in ["gateway", "shop", "payments"] {
            #expect(
                group(calls, burning: burning, of: service) == ["payments", "shop", "gateway"])
        }
    }

    @Test("are apart where nothing burns between them")
    func apart() {
        let calls: [String: Set<String>] = ["gateway": ["shop"], "shop": ["payments"]]
        #expect(group(calls, burning: ["gateway", "payments"], of: "gateway") == ["gateway"])
        #expect(group(calls, burning: ["gateway", "payments"], of: "payments") == ["payments"])
        #expect(group(calls, burning: ["payments"], of: "unknown") == ["unknown"])
    }

    @Test("that call each other in a circle have one culprit all the same")
    func circle() {
        let calls: [String: Set<String>] = ["a": ["b"], "b": ["c"], "c": ["a"]]
        let group = group(calls, burning: ["a", "b", "c"], of: "a")
        #expect(Set(group) == ["a", "b", "c"])
        #expect(group.count == 3)
    }
}
