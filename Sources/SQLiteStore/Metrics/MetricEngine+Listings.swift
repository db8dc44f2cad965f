import Store
import Telemetry

/// Lists of label names and values. What the days list is taken as it is; the head also numbers series
/// that have ended, so what only it knows counts if there are samples of it.
extension MetricEngine {
    func labelNames(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] {
        try listing(.names, matchers, range) { (view, prepared) throws(StoreError) in
            var names = Set<String>()
            for day in view.days where day.isListed {
                let series = prepared.isEmpty ? nil : day.series.index.match(prepared)
                day.series.index.collectNames(of: series, into: &names)
            }
            for head in view.heads { try head.collectNames(prepared, into: &names) }
            let histograms = try histogramSeries(of: view, range)
            histograms.collectNames(of: histograms.match(prepared), into: &names)
            return names.sorted()
        }
    }

    func labelValues(
        of name: String, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] {
        try listing(.values(of: name), matchers, range) { (view, prepared) throws(StoreError) in
            var values = SortedTexts()
            for day in view.days where day.isListed {
                let series = prepared.isEmpty ? nil : day.series.index.match(prepared)
                day.series.index.collectValues(of: name, in: series, into: &values)
            }
            for head in view.heads { head.collectValues(of: name, prepared, into: &values) }
            let histograms = try histogramSeries(of: view, range)
            histograms.collectValues(
                of: name, in: histograms.match(prepared), into: &values)
            return values.union
        }
    }

    /// A list that is made by `body` unless it is known from before.
    private func listing(
        _ kind: LabelListing, _ matchers: [LabelMatcher], _ range: ClosedRange<Int64>,
        _ body: (View, [PreparedMatcher]) throws(StoreError) -> [String]
    ) throws(StoreError) -> [String] {
        let view = try view(of: range)
        let key = LabelListingKey(kind, matchers, view, range)
        if let known = listings.texts(key) { return known }
        let texts = try body(view, try MetricEngine.prepare(matchers))
        listings.keep(texts, for: key)
        return texts
    }

    /// A list that is known from before; `nil` if there is none, or a day would have to be read to know.
    func listingAtHand(
        _ kind: LabelListing, _ matchers: [LabelMatcher], _ range: ClosedRange<Int64>
    ) -> [String]? {
        guard let view = viewAtHand(of: range) else { return nil }
        return listings.texts(LabelListingKey(kind, matchers, view, range))
    }

    /// The series of native histograms.
    private func histogramSeries(
        of view: View, _ range: ClosedRange<Int64>
    ) throws(StoreError) -> SeriesIndex {
        var histograms = NumberedSeries()
        for batch in try extras(of: view, in: range) {
            for series in Set(batch.histograms.map(\.series)) {
                let labels = batch.labels(Int(series))
                guard histograms.find(labels.seriesID) == nil else { continue }
                labels.bytes.withUnsafeBytes { _ = histograms.add(labels.seriesID, labels: $0) }
            }
        }
        return histograms.index
    }
}

extension MetricEngine.HeadView {
    fileprivate func collectNames(
        _ prepared: [PreparedMatcher], into names: inout Set<String>
    ) throws(StoreError) {
        guard prepared.isEmpty else {
            return index.collectNames(of: match(prepared), into: &names)
        }
        var known = Set<String>()
        index.collectNames(of: nil, into: &known)
        for name in known.subtracting(names) {
            let having = try PreparedMatcher(LabelMatcher(name, .notEqual, ""))
            if !match([having]).isEmpty { names.insert(name) }
        }
    }

    fileprivate func collectValues(
        of name: String, _ prepared: [PreparedMatcher], into values: inout SortedTexts
    ) {
        guard prepared.isEmpty else {
            return index.collectValues(of: name, in: match(prepared), into: &values)
        }
        var known = SortedTexts()
        index.collectValues(of: name, in: nil, into: &known)
        let new = Set(known.union).subtracting(values.union)
        guard !new.isEmpty else { return }
        let having = PreparedMatcher(name: name, anyOf: new)
        index.collectValues(of: name, in: match([having]), into: &values)
    }
}

extension LabelListingKey {
    fileprivate init(
        _ kind: LabelListing, _ matchers: [LabelMatcher], _ view: MetricEngine.View,
        _ range: ClosedRange<Int64>
    ) {
        self.kind = kind
        self.matchers = matchers
        days = view.days.filter(\.isListed).map {
            Day(day: $0.partition.day, seriesCount: $0.series.count)
        }
        batches = view.heads.flatMap(\.batches).flatMap { [$0.firstSequence, $0.sequence] }
        if !view.extras.isEmpty || view.days.contains(where: \.hasExtras) {
            histograms = Histograms(
                range: range, generation: view.generation, sequences: view.extraSequences)
        }
    }
}
