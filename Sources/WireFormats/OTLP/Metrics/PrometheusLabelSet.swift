import Telemetry

/// The labels of the series of one data point: sanitised attribute names in canonical order, values
/// joined with `;` where names collide, then `job`, `instance`, `__name__` and `le` or `quantile`, which
/// replace attributes of the same name. Its memory serves point after point.
struct PrometheusLabelSet {
    /// The label that tells apart the series of one point.
    enum Extra {
        case none, le, quantile

        fileprivate var name: StaticString {
            switch self {
            case .none: ""
            case .le: "le"
            case .quantile: "quantile"
            }
        }
    }

    /// What a resource gives to all its series: values interned, 0 for none.
    struct Target {
        fileprivate static let identifying = [
            SemanticKey.serviceName, SemanticKey.serviceNamespace, SemanticKey.serviceInstanceID,
        ]

        fileprivate var job: StringID = 0
        fileprivate var instance: StringID = 0
        fileprivate var hasOthers = false
        /// Cells that become labels of every series.
        fileprivate var promoted: [Int] = []

        init() {}

        init(
            _ cells: Range<Int>, _ attributes: AttributeColumns,
            promoted: OTLPTranslation.Promotion, strings: inout StringTable
        ) {
            var values: [String: String] = [:]
            for (cell, attribute) in zip(
                cells, attributes.attributes(in: cells, strings: strings))
            {
                switch promoted {
                case .all: self.promoted.append(cell)
                case .only(let keys):
                    if keys.contains(attribute.key) { self.promoted.append(cell) }
                }
                if Self.identifying.contains(attribute.key) {
                    values[attribute.key] = attribute.value.text
                } else {
                    hasOthers = true
                }
            }
            if let name = values[SemanticKey.serviceName] {
                let namespace = values[SemanticKey.serviceNamespace]
                job = strings.intern(namespace.map { "\($0)/\(name)" } ?? name)
            }
            instance = strings.intern(values[SemanticKey.serviceInstanceID] ?? "")
        }

        /// Whether `target_info` can be joined to the resource's series.
        var isIdentified: Bool { hasOthers && (job != 0 || instance != 0) }
    }

    private struct Entry {
        var name: StringID
        var key: StringID
        var value: StringID
    }

    /// Sanitised names.
    private var names = StringTable(capacity: 64)
    /// By id of an attribute key: the id of its label name plus one, 0 if not worked out yet, and
    /// `Self.unnamable` if it has none.
    private var nameOfKey: [UInt32] = []
    private static let unnamable = UInt32.max

    /// As `Labels.metricName`.
    private static let metricName: StaticString = "__name__"

    /// Whether label names are made of `[a-zA-Z0-9_]` only.
    private let isEscaping: Bool
    private var entries: [Entry] = []
    private var extra = Extra.none
    /// Before which entry `__name__` and the extra label belong.
    private var metricPosition = 0
    private var extraPosition = 0
    private var valueOfNumber: [UInt64: StringID] = [:]

    init(isEscaping: Bool) { self.isEscaping = isEscaping }

    /// Prepares the labels of a point; `false` if an attribute cannot be named.
    mutating func prepare(
        _ cells: Range<Int>, _ target: Target, _ attributes: AttributeColumns,
        strings: inout StringTable, extra: Extra
    ) -> Bool {
        entries.removeAll(keepingCapacity: true)
        self.extra = extra
        for cell in cells {
            guard insert(cell, attributes, &strings) else { return false }
        }
        join(&strings)
        for cell in target.promoted { promote(cell, attributes, &strings) }
        finish(target)
        return true
    }

    /// Adds an attribute of the resource unless the point has one of the same name.
    private mutating func promote(
        _ cell: Int, _ attributes: AttributeColumns, _ strings: inout StringTable
    ) {
        guard let name = labelName(of: attributes.keys[cell], strings),
            !entries.contains(where: { $0.name == name })
        else { return }
        _ = insert(cell, attributes, &strings)
    }

    /// Prepares the labels of `target_info`: all but the identifying attributes. Attributes that
    /// cannot be named are left out.
    mutating func prepareTarget(
        _ cells: Range<Int>, _ target: Target, _ attributes: AttributeColumns,
        strings: inout StringTable
    ) -> Bool {
        entries.removeAll(keepingCapacity: true)
        extra = .none
        let identifying = Target.identifying.map { strings.intern($0) }
        for cell in cells where !identifying.contains(attributes.keys[cell]) {
            _ = insert(cell, attributes, &strings)
        }
        guard !entries.isEmpty else { return false }
        join(&strings)
        finish(target)
        return true
    }

    /// At most what one series takes without its metric name.
    func byteCount(_ strings: StringTable) -> Int {
        // Lengths of up to five bytes, "__name__" and the extra label.
        entries.reduce(64) {
            $0 + 10 + names.range(of: $1.name).count + strings.range(of: $1.value).count
        }
    }

    /// Appends canonical bytes of the series `metric` without the extra label.
    func write(_ metric: StringID, strings: StringTable, to bytes: inout [UInt8]) {
        write(metric, extraValue: 0, strings, &bytes)
    }

    /// Appends canonical bytes of the series `metric` with the extra label set to `number`.
    mutating func write(
        _ metric: StringID, extra number: Double, strings: inout StringTable,
        to bytes: inout [UInt8]
    ) {
        let value = id(of: number, &strings)
        write(metric, extraValue: value, strings, &bytes)
    }

    /// The interned text of a bound or quantile in Go's `'f'` form, as Prometheus writes it.
    private mutating func id(of number: Double, _ strings: inout StringTable) -> StringID {
        if let known = valueOfNumber[number.bitPattern] { return known }
        var text: [UInt8] = []
        GoFloat.appendFixed(number, to: &text)
        let id = strings.intern(bytes: text)
        valueOfNumber[number.bitPattern] = id
        return id
    }

    private func write(
        _ metric: StringID, extraValue: StringID, _ strings: StringTable, _ bytes: inout [UInt8]
    ) {
        for index in 0...entries.count {
            if index == metricPosition {
                Self.metricName.withUTF8Buffer {
                    Self.append(UnsafeRawBufferPointer($0), to: &bytes)
                }
                strings.withBytes(of: metric) { Self.append($0, to: &bytes) }
            }
            if index == extraPosition, extraValue != 0 {
                extra.name.withUTF8Buffer {
                    Self.append(UnsafeRawBufferPointer($0), to: &bytes)
                }
                strings.withBytes(of: extraValue) { Self.append($0, to: &bytes) }
            }
            guard index < entries.count, entries[index].value != 0 else { continue }
            names.withBytes(of: entries[index].name) { Self.append($0, to: &bytes) }
            strings.withBytes(of: entries[index].value) { Self.append($0, to: &bytes) }
        }
    }

    private static func append(_ content: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        Varint.append(UInt64(content.count), to: &bytes)
        bytes.append(contentsOf: content)
    }

    /// Inserts an attribute in the order of label names, then of attribute keys.
    private mutating func insert(
        _ cell: Int, _ attributes: AttributeColumns, _ strings: inout StringTable
    ) -> Bool {
        let key = attributes.keys[cell]
        guard let name = labelName(of: key, strings) else { return false }
        let value =
            attributes.types[cell] == .string
            ? StringID(truncatingIfNeeded: attributes.payloads[cell])
            : strings.intern(attributes.value(at: cell, strings: strings).text)
        var position = entries.count
        while position > 0, isBefore(name, key, entries[position - 1], strings) { position -= 1 }
        entries.insert(Entry(name: name, key: key, value: value), at: position)
        return true
    }

    private mutating func labelName(of key: StringID, _ strings: StringTable) -> StringID? {
        let index = Int(key)
        if index >= nameOfKey.count {
            let missing = max(index + 1, strings.count) - nameOfKey.count
            nameOfKey.append(contentsOf: repeatElement(0, count: missing))
        }
        if nameOfKey[index] == 0 {
            let name = strings.withBytes(of: key) { key in
                isEscaping
                    ? PrometheusNaming.labelName(key) : key.isEmpty ? nil : Array(key)
            }
            nameOfKey[index] = name.map { names.intern(bytes: $0) + 1 } ?? Self.unnamable
        }
        return nameOfKey[index] == Self.unnamable ? nil : nameOfKey[index] - 1
    }

    private func isBefore(
        _ name: StringID, _ key: StringID, _ other: Entry, _ strings: StringTable
    ) -> Bool {
        if name == other.name {
            return key != other.key && Self.precedes(key, other.key, strings)
        }
        return Self.precedes(name, other.name, names)
    }

    private static func precedes(_ a: StringID, _ b: StringID, _ table: StringTable) -> Bool {
        table.withBytes(of: a) { a in
            table.withBytes(of: b) { b in a.lexicographicallyPrecedes(b) }
        }
    }

    /// Merges entries of the same label name into one, values joined with `;`.
    private mutating func join(_ strings: inout StringTable) {
        var index = 1
        while index < entries.count {
            guard entries[index].name == entries[index - 1].name else {
                index += 1
                continue
            }
            let joined =
                strings[entries[index - 1].value] + ";" + strings[entries[index].value]
            entries[index - 1].value = strings.intern(joined)
            entries.remove(at: index)
        }
    }

    /// Adds the target's labels and finds where `__name__` and the extra label belong.
    private mutating func finish(_ target: Target) {
        if target.job != 0 { set("job", to: target.job) }
        if target.instance != 0 { set("instance", to: target.instance) }
        metricPosition = position(of: Self.metricName)
        extraPosition = position(of: extra.name)
    }

    private mutating func set(_ name: StaticString, to value: StringID) {
        let position = position(of: name)
        let id = name.withUTF8Buffer { names.intern(bytes: UnsafeRawBufferPointer($0)) }
        entries.insert(Entry(name: id, key: 0, value: value), at: position)
    }

    /// Where a label of this name stands or would stand; an attribute of the same name is dropped.
    private mutating func position(of name: StaticString) -> Int {
        name.withUTF8Buffer { wanted in
            let wanted = UnsafeRawBufferPointer(wanted)
            var position = 0
            while position < entries.count {
                let isBefore = names.withBytes(of: entries[position].name) {
                    $0.lexicographicallyPrecedes(wanted)
                }
                guard isBefore else { break }
                position += 1
            }
            if position < entries.count {
                let isSame = names.withBytes(of: entries[position].name) {
                    $0.elementsEqual(wanted)
                }
                if isSame { entries.remove(at: position) }
            }
            return position
        }
    }
}
