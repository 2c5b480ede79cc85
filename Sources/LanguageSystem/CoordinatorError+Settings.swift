// How both programs refuse a setting: the same words, whichever of them reads it.

extension CoordinatorError {
    /// The error for a number outside of its range. Code: `invalidSettings`.
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

    /// The error for a settings file that is not a readable JSON object. Code: `invalidSettings`.
    public static func unreadableSettings(_ path: String, cause: String) -> Self {
        Self(
            .invalidSettings,
            "cannot read the settings file \(path): found no readable JSON object",
            cause: cause)
    }
}
