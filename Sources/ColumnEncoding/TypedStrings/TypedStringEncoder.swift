import Telemetry

/// Writes a section of a string table by the forms of its strings: ids of hexadecimal digits as bytes,
/// numbers in texts and times as columns of integers, and only the rest as text.
///
/// ```
/// head = entries varint │ forms varint │ form* │ integer column of the entries' forms (0 for a text)
///      │ integer column of lengths of texts │ texts
/// ```
/// followed by the columns of the forms, in their order; see `StringForm`. A form is only used for strings
/// that enough others share it with, since each takes columns of its own.
struct TypedStringEncoder {
    /// With fewer strings a form's columns are no smaller than the texts.
    private static let sharedMin = 16

    /// Strings of hexadecimal digits of one template.
    private struct Digits {
        var template: HexTemplate
        var bytes = ByteWriter()
        var count = 0
    }

    /// A form in the making, until it is known how many strings have it: a place in `digits` or in
    /// `patterns`.
    private enum Candidate {
        case digits(Int)
        case pattern(Int)
    }

    private let ids: ArraySlice<StringID>
    private let table: StringTable
    private var digits: [Digits] = []
    private var patterns: [TextPattern] = []
    private var candidates: [Candidate] = []
    /// 1 + the candidate of each entry; 0 for a text.
    private var assigned: [UInt8] = []
    private var patternNumbers: [UInt64: Int] = [:]
    /// Candidates of strings of hexadecimal digits.
    private var hexNumbers: [Int] = []
    /// Candidate that the last entry had: neighbours mostly come from one column.
    private var latest: Int?

    /// - Parameter ids: entries of `table`, in the order in which they are written.
    init(_ ids: ArraySlice<StringID>, of table: StringTable) {
        self.ids = ids
        self.table = table
        assigned.reserveCapacity(ids.count)
        withUnsafeTemporaryAllocation(byteCount: HexTemplate.scratchBytes, alignment: 8) { room in
            guard let scratch = room.baseAddress else { return }
            table.bytes.withUnsafeBytes { bytes in
                for id in ids {
                    let text = UnsafeRawBufferPointer(rebasing: bytes[table.range(of: id)])
                    let number = assign(text, scratch)
                    assigned.append(number.map { UInt8(truncatingIfNeeded: $0 + 1) } ?? 0)
                    latest = number ?? latest
                }
            }
        }
    }

    // MARK: Forms

    private mutating func assign(
        _ text: UnsafeRawBufferPointer, _ scratch: UnsafeMutableRawPointer
    ) -> Int? {
        if let latest, take(text, as: latest, scratch) { return latest }
        if HexTemplate.lengths.contains(text.count), let number = assignHex(text, scratch) {
            return number
        }
        guard text.count <= TextPattern.lengthMax, let hash = TextPattern.hash(text) else {
            return nil
        }
        if let known = patternNumbers[hash] { return take(text, as: known, scratch) ? known : nil }
        guard candidates.count < StringForm.maximum, let pattern = TextPattern(of: text) else {
            return nil
        }
        patterns.append(pattern)
        candidates.append(.pattern(patterns.count - 1))
        patternNumbers[hash] = candidates.count - 1
        return take(text, as: candidates.count - 1, scratch) ? candidates.count - 1 : nil
    }

    private mutating func assignHex(
        _ text: UnsafeRawBufferPointer, _ scratch: UnsafeMutableRawPointer
    ) -> Int? {
        for number in hexNumbers where take(text, as: number, scratch) { return number }
        // Digits alone are a number.
        guard candidates.count < StringForm.maximum, let template = HexTemplate(of: text),
            !text.allSatisfy(TextPattern.isDigit)
        else { return nil }
        digits.append(Digits(template: template))
        candidates.append(.digits(digits.count - 1))
        hexNumbers.append(candidates.count - 1)
        return take(text, as: candidates.count - 1, scratch) ? candidates.count - 1 : nil
    }

    @inline(__always)
    private mutating func take(
        _ text: UnsafeRawBufferPointer, as number: Int, _ scratch: UnsafeMutableRawPointer
    ) -> Bool {
        switch candidates[number] {
        case .pattern(let place): return patterns[place].take(text)
        case .digits(let place):
            guard digits[place].template.length == text.count,
                digits[place].template.pack(text, scratch, into: &digits[place].bytes)
            else { return false }
            digits[place].count += 1
            return true
        }
    }

    // MARK: Writing

    /// - Parameters:
    ///   - columns: the id of the first of the forms' columns.
    ///   - lists: bytes of ids that the reader has before it reads this section.
    func encode(
        head: UInt32, columns: UInt32, lists: [[UInt8]], into container: inout ColumnContainerWriter
    ) {
        var forms: [StringForm] = []
        var formOfCandidate: [UInt8] = []
        var column = columns
        for candidate in candidates {
            guard let form = form(of: candidate, lists) else {
                formOfCandidate.append(0)
                continue
            }
            forms.append(form)
            formOfCandidate.append(UInt8(truncatingIfNeeded: forms.count))
            write(candidate, as: form, from: column, into: &container)
            column += UInt32(truncatingIfNeeded: form.columns)
        }
        let numbers = assigned.map { $0 == 0 ? 0 : formOfCandidate[Int($0) - 1] }
        writeHead(head, forms, numbers, into: &container)
    }

    /// The form that a candidate becomes; `nil` if its strings are better off as texts.
    private func form(of candidate: Candidate, _ lists: [[UInt8]]) -> StringForm? {
        switch candidate {
        case .digits(let place):
            let digits = digits[place]
            guard digits.count >= Self.sharedMin else { return nil }
            return .hex(digits.template, list: lists.firstIndex { $0 == digits.bytes.bytes })
        case .pattern(let place):
            let pattern = patterns[place]
            guard pattern.count >= Self.sharedMin else { return nil }
            if let digits = pattern.fractionDigits, pattern.times(digits: digits) != nil {
                return .times(digits: digits)
            }
            return pattern.numbersForm
        }
    }

    private func write(
        _ candidate: Candidate, as form: StringForm, from column: UInt32,
        into container: inout ColumnContainerWriter
    ) {
        switch (candidate, form) {
        case (.digits(let place), .hex(_, list: nil)):
            let bytes = digits[place].bytes.bytes
            container.addPacked(column) { $0.append(contentsOf: bytes) }
        case (.pattern(let place), .times(let digits)):
            let times = patterns[place].times(digits: digits) ?? []
            container.add(column) { IntegerCodec.encode(times, into: &$0, layout: $1) }
        case (.pattern(let place), .numbers):
            for (index, values) in patterns[place].varyingValues.enumerated() {
                container.add(column + UInt32(truncatingIfNeeded: index)) {
                    IntegerCodec.encode(values, into: &$0, layout: $1)
                }
            }
        default: break
        }
    }

    private func writeHead(
        _ id: UInt32, _ forms: [StringForm], _ numbers: [UInt8],
        into container: inout ColumnContainerWriter
    ) {
        var lengths: [UInt32] = []
        var texts = ByteWriter()
        table.bytes.withUnsafeBytes { bytes in
            for (entry, form) in zip(ids, numbers) where form == 0 {
                let range = table.range(of: entry)
                lengths.append(UInt32(truncatingIfNeeded: range.count))
                texts.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
        }
        container.add(id) { writer, layout in
            writer.appendVarint(numbers.count)
            writer.appendVarint(forms.count)
            for form in forms { form.encode(into: &writer) }
            IntegerCodec.encode(numbers, into: &writer, layout: layout)
            IntegerCodec.encode(lengths, into: &writer, layout: layout)
            writer.append(contentsOf: texts.bytes)
        }
    }
}
