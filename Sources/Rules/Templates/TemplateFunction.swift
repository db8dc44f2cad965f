/// The functions that templates know; names as in Prometheus (template/template.go).
enum TemplateFunction: String, Sendable, Hashable, CaseIterable {
    case humanize
    case humanizePercentage
    case humanizeDuration
    case printf
    case toUpper
    case toLower
    case title

    /// Why the arguments do not fit; `nil` if they do. `areNumbers` has the piped value last.
    func refusal(arguments: [TemplateOperand], areNumbers: [Bool]) -> String? {
        switch self {
        case .humanize, .humanizePercentage, .humanizeDuration:
            return areNumbers.count == 1 ? nil : "\(rawValue) takes one value"
        case .toUpper, .toLower, .title:
            guard areNumbers.count == 1 else { return "\(rawValue) takes one text" }
            return areNumbers[0] ? "\(rawValue) takes a text, not a number" : nil
        case .printf:
            guard case .literal(.string(let format)) = arguments.first else {
                return "printf begins with a format in quotes"
            }
            do throws(TemplateError) {
                try PrintfFormat(format).check(areNumbers: Array(areNumbers.dropFirst()))
                return nil
            } catch {
                return error.reason
            }
        }
    }

    func apply(_ arguments: [TemplateValue]) throws(RenderFailure) -> TemplateValue {
        guard let first = arguments.first else { return .string("") }
        switch self {
        case .humanize: return .string(GoNumber.humanized(try number(first)))
        case .humanizePercentage:
            return .string(GoNumber.significant4(try number(first) * 100) + "%")
        case .humanizeDuration: return .string(GoNumber.humanizedDuration(try number(first)))
        case .toUpper: return .string(first.text.uppercased())
        case .toLower: return .string(first.text.lowercased())
        case .title: return .string(titled(first.text))
        case .printf:
            do throws(TemplateError) {
                return .string(try PrintfFormat(first.text).text(Array(arguments.dropFirst())))
            } catch {
                throw RenderFailure(reason: error.reason)
            }
        }
    }

    private func number(_ value: TemplateValue) throws(RenderFailure) -> Double {
        switch value {
        case .number(let number): return number
        case .string(let text):
            guard let number = Double(text) else {
                throw RenderFailure(reason: "\(rawValue): \"\(text)\" is not a number")
            }
            return number
        }
    }

    /// The first letter of every word in upper case, the others as they are.
    private func titled(_ text: String) -> String {
        var result = ""
        var isStart = true
        for character in text {
            result += isStart ? character.uppercased() : String(character)
            isStart = character.isWhitespace
        }
        return result
    }
}
