import Glibc
import HTTPServer
import Pipeline
import Receivers
import WireFormats

/// How logs are received: what is listened to and followed, how lines are read, and what is taken out of
/// them.
struct LogConfiguration: Sendable {
    /// `nil`: turned off.
    var syslog: ListenAddress?
    /// `nil`: turned off.
    var syslogTLS: (address: ListenAddress, tls: SyslogTLS, needsCertificates: Bool)?
    var followed: [FileFollower.Source]
    /// Formats of text lines beside those that are known.
    var formats: [LineTemplate]
    var redaction: [RedactionRule]

    init(_ settings: Settings) throws {
        syslog = try ServeConfiguration.listener(settings, "syslog", "off")
        syslogTLS = try Self.syslogTLS(settings)
        followed = try settings.list("follow-file").map { text in
            guard let source = FileFollower.Source(text) else {
                throw try settings.mistake("follow-file", expected: "PATH or SERVICE=PATH")
            }
            return source
        }
        let paths = followed.map(\.path)
        if let twice = paths.first(where: { path in paths.count { $0 == path } > 1 }) {
            throw ConfigurationError(description: "follow-file names \(twice) twice")
        }
        formats = try settings.list("log-format").enumerated().map { index, text in
            do {
                return try LineTemplate(name: "log-format-\(index + 1)", envoyFormat: text)
            } catch {
                throw ConfigurationError(description: "log-format \(index + 1): \(error)")
            }
        }
        redaction = try settings.list("redact").map { text in
            do { return try RedactionRule(text) } catch {
                throw ConfigurationError(description: "redact: \(error)")
            }
        }
    }

    private static func syslogTLS(
        _ settings: Settings
    ) throws -> (address: ListenAddress, tls: SyslogTLS, needsCertificates: Bool)? {
        let address = try ServeConfiguration.listener(settings, "syslog-tls", "off")
        let certificate = try settings.optional("syslog-tls-cert")
        let key = try settings.optional("syslog-tls-key")
        let authority = try settings.optional("syslog-tls-ca")
        guard let address else { return nil }
        guard let certificate, let key else {
            throw ConfigurationError(
                description: "syslog-tls needs syslog-tls-cert and syslog-tls-key")
        }
        do {
            return (
                address,
                try SyslogTLS(
                    certificateFile: certificate, keyFile: key, clientAuthorityFile: authority),
                authority != nil
            )
        } catch {
            throw ConfigurationError(description: "syslog-tls: \(error)")
        }
    }

    /// How lines are read; those whose time tells no zone were written on a machine with this one's.
    var lineOptions: LogLineOptions {
        LogLineOptions(formats: formats, utcOffset: Self.localOffset)
    }

    /// Seconds east of UTC, now.
    private static var localOffset: Int {
        var now = time(nil)
        var local = tm()
        guard localtime_r(&now, &local) != nil else { return 0 }
        return Int(local.tm_gmtoff)
    }
}
