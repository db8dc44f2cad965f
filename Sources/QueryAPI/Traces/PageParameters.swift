import HTTPServer
import QueryCore

/// `cursor` and `count=exact`, which every search takes beside what its protocol has. The cursor stays text
/// until it is known what is searched for.
struct PageParameters: Sendable {
    private var cursor: String?
    private var wantsCount = false

    /// The first page, not counted.
    init() {}

    init(_ parameters: Parameters) throws(HTTPError) {
        let text = parameters["cursor"] ?? ""
        cursor = text.isEmpty ? nil : text
        switch parameters["count"] ?? "" {
        case "": break
        case "exact": wantsCount = true
        default: throw .badRequest("count is \"exact\" or is left out")
        }
    }

    /// - Parameter identity: what is searched for, wherever and however much of it.
    /// - Throws: `bad_data` for a cursor of another search.
    func page(of identity: String) throws(QueryError) -> SearchPage {
        var page = SearchPage(wantsCount: wantsCount)
        if let cursor { page.after = try SearchCursor(cursor, of: identity) }
        return page
    }
}
