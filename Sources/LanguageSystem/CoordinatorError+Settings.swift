// How both programs refuse a setting: the same words, whichever of them reads it.

extension CoordinatorError {
    public static func settingOutOfRange(
        _ name: String, found: String, _ range: ClosedRange<Int>
    ) -> Self {
        Self(
            .invalidSettings,
            """
            cannot use \(name) \(found): expected a whole number from \(range.lowerBound) to \
            \(range.upperBound)
            """
        )
    }

    public static func unreadableSettings(_ path: String, cause: String) -> Self {
        Self(
            .invalidSettings,
            "cannot read the settings file \(path): found no readable JSON object",
            cause: cause)
    }
}
