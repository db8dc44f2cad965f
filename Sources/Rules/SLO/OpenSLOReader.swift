/// Reads OpenSLO v1's SLO. As with Sloth, each objective becomes one of its own, numbered; its alerts are
/// those of its policies. Objectives with indicators of their own make, besides, a composite.
struct OpenSLOReader {
    let objects: OpenSLOObjects
    let catalog: AlertWindowCatalog
    /// Milliseconds; for objectives without `timeWindow`.
    let period: Int64

    func objectives(
        of document: SpecificationDocument
    ) throws(RuleFileError) -> [ServiceLevelObjective] {
        guard document.name == "SLO" else { return [] }
        let node = document.node
        let root = try node.fields(["apiVersion", "kind", "metadata", "spec"])
        let metadata = try OpenSLOMetadata(try root.required("metadata", of: node))
        let name = try metadata.nameNode.safeName()
        let spec = try root.required("spec", of: node)
        let fields = try spec.fields([
            "description", "service", "indicator", "indicatorRef", "timeWindow",
            "budgetingMethod", "objectives", "alertPolicies",
        ])
        let service = try fields.required("service", of: spec).safeName()
        let window = try window(fields.given("timeWindow"), spec)
        let method = try method(fields.given("budgetingMethod"))
        let list = try fields.required("objectives", of: spec)
        var parts: [OpenSLOComposite.Part] = []
        var objectives: [ServiceLevelObjective] = []
        for (index, entry) in try list.elements().enumerated() {
            let node = YAMLNode(path: entry.path, what: "entry of objectives", node: entry.node)
            let terms = try OpenSLOTerms(node, method: method)
            let indicator: OpenSLOIndicator
            if let own = terms.indicator {
                indicator = try self.indicator(own, terms.node)
            } else {
                indicator = try self.indicator(fields, spec)
            }
            var made = ServiceLevelObjective(
                id: "\(service)-\(name)-\(index)", name: "\(name)-\(index)", service: service,
                description: try fields.text("description"),
                indicator: try indicator.queries(for: terms),
                objectivePercent: terms.targetPercent, windows: window.windows, labels: [:],
                origin: ServiceLevelObjective.Origin(
                    path: node.path, line: node.line, specification: "openslo/v1",
                    mode: "cli-gen-openslo"))
            made.sources = indicator.sources
            made.eventQueries = indicator.spans
            made.counted = try indicator.counted(for: terms)
            made.calendar = window.calendar
            if let policies = fields.given("alertPolicies") {
                made.extraAlerts = try objects.alerts.alerts(policies, of: made)
            }
            objectives.append(made)
            if terms.indicator != nil {
                let slice = try indicator.sliceTest(for: terms).map { test in
                    OpenSLOComposite.Slice(test: test, length: terms.sliceLength ?? 60_000)
                }
                parts.append(
                    OpenSLOComposite.Part(objective: made, weight: terms.weight, slice: slice))
            }
        }
        guard !objectives.isEmpty else { throw list.failure("objectives must have an entry") }
        if parts.count > 1 {
            objectives.append(
                try OpenSLOComposite(parts).objective(service: service, name: name, at: list))
        }
        return objectives
    }

    private func window(
        _ node: YAMLNode?, _ spec: YAMLNode
    ) throws(RuleFileError) -> (windows: AlertWindows, calendar: CalendarWindow?) {
        guard let node else { return (try catalog.windows(for: period, at: spec), nil) }
        let entries = try node.elements()
        guard entries.count == 1, let entry = entries.first else {
            throw node.failure("timeWindow must have exactly one entry")
        }
        let fields = try entry.fields(["duration", "isRolling", "calendar"])
        let duration = try fields.required("duration", of: entry)
        let isRolling = try fields.given("isRolling")?.boolean() ?? (fields["calendar"] == nil)
        guard let calendar = fields.given("calendar") else {
            guard isRolling else { throw entry.failure("isRolling: false needs calendar") }
            let period = try duration.duration()
            if let known = catalog.known(for: period) { return (known, nil) }
            guard period >= 4 * AlertWindows.day else {
                throw duration.failure("alerts need a period of four days at least")
            }
            return (.workbook(period: period), nil)
        }
        guard !isRolling else { throw calendar.failure("calendar needs isRolling: false") }
        let window = try self.calendar(calendar, duration)
        return (.workbook(period: window.nominal), window)
    }

    /// A period that begins with the calendar. Alerts look at windows of a fixed length all the same.
    private func calendar(
        _ node: YAMLNode, _ duration: YAMLNode
    ) throws(RuleFileError) -> CalendarWindow {
        let fields = try node.fields(["startTime", "timeZone"])
        let text = try duration.text()
        guard let unit = text.last.flatMap(CalendarWindow.Unit.init),
            let count = Int(text.dropLast()),
            count > 0
        else {
            throw duration.failure(
                "the duration of a calendar window must be a number and one of m, h, d, w, M, Q and "
                    + "Y")
        }
        let start = try fields.required("startTime", of: node)
        let zone = try fields.required("timeZone", of: node)
        guard
            let window = CalendarWindow(
                count: count, unit: unit, startTime: try start.text(), timeZone: try zone.text())
        else {
            throw start.failure(
                "startTime must be a time such as 2026-01-31 00:00:00, and timeZone a place such as "
                    + "Europe/Berlin")
        }
        guard window.nominal >= 4 * AlertWindows.day else {
            throw duration.failure("alerts need a period of four days at least")
        }
        return window
    }

    private func method(_ node: YAMLNode?) throws(RuleFileError) -> OpenSLOTerms.Method {
        guard let node else { return .occurrences }
        let text = try node.text()
        guard let method = OpenSLOTerms.Method(rawValue: text) else {
            throw node.failure(
                "budgetingMethod must be Occurrences, Timeslices or RatioTimeslices")
        }
        return method
    }

    private func indicator(
        _ fields: [String: YAMLNode], _ spec: YAMLNode
    ) throws(RuleFileError) -> OpenSLOIndicator {
        switch (fields.given("indicator"), fields.given("indicatorRef")) {
        case (let indicator?, nil):
            let parts = try indicator.fields(["metadata", "spec"])
            if let metadata = parts["metadata"] { _ = try OpenSLOMetadata(metadata) }
            return try OpenSLOIndicator(
                try parts.required("spec", of: indicator), objects: objects)
        case (nil, let reference?):
            let name = try reference.text()
            guard let indicator = objects.indicators[name] else {
                throw reference.failure("there is no SLI named \"\(name)\" in these files")
            }
            return try OpenSLOIndicator(indicator, objects: objects)
        case (nil, nil): throw spec.failure("spec needs one of indicator and indicatorRef")
        case (_?, _?): throw spec.failure("spec has indicator or indicatorRef, not both")
        }
    }
}

/// One entry of `objectives`.
struct OpenSLOTerms {
    enum Method: String {
        case occurrences = "Occurrences"
        case timeslices = "Timeslices"
        case ratioTimeslices = "RatioTimeslices"
    }

    let node: YAMLNode
    let method: Method
    let targetPercent: Double
    /// PromQL's operator and the number, for threshold metrics.
    let comparison: (operator: String, value: Double)?
    /// Milliseconds.
    let sliceLength: Int64?
    /// The share of good events that makes a slice good.
    let sliceTarget: Double?
    /// The fields, if they name an indicator of the objective's own.
    let indicator: [String: YAMLNode]?
    /// In a composite.
    let weight: Double

    init(_ node: YAMLNode, method: Method) throws(RuleFileError) {
        self.node = node
        self.method = method
        let fields = try node.fields([
            "displayName", "op", "value", "target", "targetPercent", "timeSliceTarget",
            "timeSliceWindow", "indicator", "indicatorRef", "compositeWeight",
        ])
        indicator =
            fields.given("indicator") == nil && fields.given("indicatorRef") == nil ? nil : fields
        weight = try fields.given("compositeWeight")?.number() ?? 1
        if let given = fields.given("compositeWeight") {
            guard indicator != nil else {
                throw given.failure("compositeWeight needs indicator or indicatorRef beside it")
            }
            guard weight > 0 else { throw given.failure("compositeWeight must be above 0") }
        }
        targetPercent = try Self.target(fields, node)
        comparison = try Self.comparison(fields, node)
        switch method {
        case .occurrences:
            try fields.refuse(
                ["timeSliceTarget", "timeSliceWindow"],
                because: "it belongs to the other budgeting methods")
            sliceLength = nil
        case .timeslices, .ratioTimeslices:
            let slice = try fields.required("timeSliceWindow", of: node)
            sliceLength = try Self.slice(slice)
        }
        if method == .ratioTimeslices {
            try fields.refuse(["timeSliceTarget"], because: "RatioTimeslices has none")
        }
        sliceTarget = try fields.given("timeSliceTarget")?.number()
    }

    private static func target(
        _ fields: [String: YAMLNode], _ node: YAMLNode
    ) throws(RuleFileError) -> Double {
        switch (fields.given("target"), fields.given("targetPercent")) {
        case (let target?, nil):
            let share = try target.number()
            guard share > 0, share < 1 else {
                throw target.failure("target must be above 0 and below 1")
            }
            return share * 100
        case (nil, let target?):
            let percent = try target.number()
            guard percent > 0, percent < 100 else {
                throw target.failure("targetPercent must be above 0 and below 100")
            }
            return percent
        case (nil, nil): throw node.failure("an objective needs one of target and targetPercent")
        case (_?, _?): throw node.failure("an objective has target or targetPercent, not both")
        }
    }

    private static func comparison(
        _ fields: [String: YAMLNode], _ node: YAMLNode
    ) throws(RuleFileError) -> (operator: String, value: Double)? {
        guard let op = fields.given("op") else {
            if let value = fields.given("value") { throw value.failure("value needs op beside it") }
            return nil
        }
        let operators = ["lte": "<=", "gte": ">=", "lt": "<", "gt": ">"]
        guard let sign = operators[try op.text()] else {
            throw op.failure("op must be lte, gte, lt or gt")
        }
        // Of a ratio an operator by itself says nothing more; a threshold metric asks for its value.
        guard let value = fields.given("value") else { return nil }
        return (sign, try value.number())
    }

    private static func slice(_ node: YAMLNode) throws(RuleFileError) -> Int64 {
        let length: Int64
        if let minutes = Int64(try node.text()) {
            length = minutes.multipliedReportingOverflow(by: 60_000).partialValue
        } else {
            length = try node.duration()
        }
        guard length >= 1_000, length <= AlertWindows.day else {
            throw node.failure("timeSliceWindow must lie between 1s and 1d")
        }
        return length
    }
}
