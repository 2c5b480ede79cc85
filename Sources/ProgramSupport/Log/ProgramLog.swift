// Log lines on standard error, for both programs: text for people, JSON for machines. One line an
// event, written by one call, so that lines of several threads never mix.
public import Logging

public enum ProgramLog {
    /// Makes every logger of the process write to standard error.
    ///
    /// - Returns: The program's own logger.
    /// - Precondition: Called once.
    public static func bootstrap(
        label: String, format: ProgramLogHandler.Style, level: Logger.Level
    ) -> Logger {
        LoggingSystem.bootstrap { label in
            ProgramLogHandler(label: label, style: format, logLevel: level)
        }
        return Logger(label: label)
    }
}
