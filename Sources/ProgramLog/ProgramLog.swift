// Log lines on standard error, for both programs: text for people, JSON for machines. One line an
// event, written by one call, so that lines of several threads never mix.
import Foundation
public import Logging

/// Makes every logger of the process write to standard error.
///
/// - Parameters:
///   - format: `text` or `json`; anything else is text.
///   - level: `trace` to `critical`; anything else is `info`.
/// - Returns: The program's own logger.
/// - Precondition: Called once.
public func bootstrap(label: String, format: String, level: String) -> Logger {
    let style: ProgramLogHandler.Style = format == "json" ? .json : .text
    let threshold = Logger.Level(rawValue: level) ?? .info
    LoggingSystem.bootstrap { label in
        ProgramLogHandler(label: label, style: style, logLevel: threshold)
    }
    return Logger(label: label)
}
