// How one event becomes one line. Values are escaped: a log line is one line, whatever is in it.
import Foundation
public import Logging

public struct ProgramLogHandler: LogHandler {
    public enum Style: String, Sendable, CaseIterable {
        case text
        case json
    }

    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level
    let label: String
    let style: Style
    let write: @Sendable (String) -> Void

    /// - Parameter write: Takes a finished line, newline included.
    public init(
        label: String, style: Style, logLevel: Logger.Level = .info,
        write: @escaping @Sendable (String) -> Void = ProgramLogHandler.standardError
    ) {
        self.label = label
        self.style = style
        self.logLevel = logLevel
        self.write = write
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        let fields = all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let time = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        switch style {
        case .text: write(Self.textLine(time, event.level, label, "\(event.message)", fields))
        case .json: write(Self.jsonLine(time, event.level, label, "\(event.message)", fields))
        }
    }

    /// `2026-01-02T03:04:05.678Z info lsworker: task leased task.id=7`
    static func textLine(
        _ time: String, _ level: Logger.Level, _ label: String, _ message: String,
        _ fields: [(String, String)]
    ) -> String {
        var line = "\(time) \(level.rawValue) \(label): \(oneLine(message))"
        for (key, value) in fields {
            let plain =
                !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x7f }
            line += " \(key)=\(plain ? value : quoted(value))"
        }
        return line + "\n"
    }

    static func jsonLine(
        _ time: String, _ level: Logger.Level, _ label: String, _ message: String,
        _ fields: [(String, String)]
    ) -> String {
        var line =
            """
            {\"time\":\(quoted(time)),\"level\":\(quoted(level.rawValue)),\"program\":\
            \(quoted(label)),\"message\":\(quoted(message))
            """
        for (key, value) in fields {
            // A field may not pass for one of the four above.
            let name = ["time", "level", "program", "message"].contains(key) ? "field." + key : key
            line += ",\(quoted(name)):\(quoted(value))"
        }
        return line + "}\n"
    }

    private static func oneLine(_ text: String) -> String {
        String(quoted(text).dropFirst().dropLast())
    }

    /// A JSON string.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    public static let standardError: @Sendable (String) -> Void = { line in
        let bytes = Array(line.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                // It has an address: a byte is left to write.
                Glibc.write(STDERR_FILENO, $0.baseAddress! + written, $0.count - written)
            }
            // Nobody reads: a program does not stop for want of a listener.
            if count <= 0 { if count < 0, errno == EINTR { continue } else { return } }
            written += count
        }
    }
}
