import AsyncHTTPClient

/// How commands speak to a server.
enum CommandHTTP {
    /// A server that is not there is an error at once; the library would try again for as long as an answer may
    /// take.
    static var settings: HTTPClient.Configuration {
        var settings = HTTPClient.Configuration()
        settings.connectionPool.retryConnectionEstablishment = false
        return settings
    }

    static func client() -> HTTPClient {
        HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }
}
