import Store
import Telemetry

/// A catalog that keeps nothing: replays begin without alerts and leave none.
struct ForgetfulCatalog: Catalog {
    func alerts(group: RuleGroupKey) throws(StoreError) -> [AlertRecord] { [] }
    func commit(_ change: CatalogChange) throws(StoreError) {}
    func alertHistory(limit: Int) throws(StoreError) -> [AlertTransition] { [] }
    func dueDeliveries(at now: Timestamp, limit: Int) throws(StoreError) -> [Delivery] { [] }
    func settle(_ delivery: Int64, _ outcome: DeliveryOutcome) throws(StoreError) {}
    func alertGroups() throws(StoreError) -> Set<RuleGroupKey> { [] }
}
