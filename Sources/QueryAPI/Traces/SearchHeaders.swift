import HTTPServer
import QueryCore

extension HTTPResponse {
    /// How many results a search has, and where its next page goes on: as headers, so that the bodies stay
    /// those of the protocols.
    ///
    /// `x-sidelight-total: 37`, or `>=20` where it is not known how many more there are; `x-sidelight-cursor`
    /// for the parameter `cursor` of the next page.
    func with(_ count: ResultCount, next: String?) -> HTTPResponse {
        var response = with("x-sidelight-total", count.description)
        if let next { response = response.with("x-sidelight-cursor", next) }
        return response
    }
}
