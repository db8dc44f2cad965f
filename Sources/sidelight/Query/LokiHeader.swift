/// Headers of Loki's routes.
enum LokiHeader {
    /// What records say beside their lines stays out of the labels of the streams, which are printed.
    static let shortLabels = (
        name: "x-loki-response-encoding-flags", value: "categorize-labels"
    )
}
