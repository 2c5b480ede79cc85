// What went wrong of late, for people who look at the status.
import Foundation
import LanguageSystem

struct RecentErrors: Sendable {
    static let countMax = 5

    /// The newest first.
    private(set) var lines: [StatusReport.ErrorLine] = []

    /// The same again is the same line with a new time.
    mutating func note(_ error: LanguageSystemError, at date: Date) {
        lines.removeAll { $0.message == error.message }
        lines.insert(.init(at: date, message: error.message, hint: error.hint), at: 0)
        lines = Array(lines.prefix(Self.countMax))
    }
}
