// How the programs refuse a setting: the same words, whichever of them reads it.
public import LanguageSystem

extension LanguageSystemError {
    /// A value that has the right type and is none of those expected.
    ///
    /// - Parameters:
    ///   - name: As a person wrote it: `--lease-seconds`, `LSCOORD_LEASE_SECONDS`.
    ///   - found: The value as it may be shown.
    public static func unusableSetting(_ name: String, found: String, expected: String) -> Self {
        Self(.invalidSettings, "cannot use \(name) \(found): expected \(expected)")
    }

    static func mistypedSetting(_ name: String, found: String, expected: String) -> Self {
        Self(.invalidSettings, "cannot use \(name): found \(found), expected \(expected)")
    }

    static func unreadableSettings(_ path: String, found: String, cause: String? = nil) -> Self {
        Self(
            .invalidSettings, "cannot read the settings file \(path): found \(found)", cause: cause)
    }

    static func unreadableSecrets(_ path: String, cause: String) -> Self {
        Self(
            .invalidSettings,
            "cannot read the secrets directory \(path): found no directory of readable files",
            cause: cause)
    }

    static func irregularSecret(_ name: String, in path: String) -> Self {
        Self(
            .invalidSettings,
            "cannot read the secret \(name) in \(path): expected a file, which is no link")
    }

    /// - Parameter place: `the settings file /etc/lscoord.json`.
    static func unknownSetting(_ key: String, in place: String, known: Set<String>) -> Self {
        let nearest = known.min { ($0.distance(to: key), $0) < ($1.distance(to: key), $1) }
        return Self(
            .invalidSettings,
            "cannot use '\(key.printable(80))' in \(place): there is no such setting",
            hint: nearest.map { "the nearest setting is \($0)" })
    }
}
