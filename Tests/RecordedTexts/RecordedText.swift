// What the outside relies on, compared with what was recorded of it. With LS_REGENERATE set, as
// `deploy/develop/regenerate interface` sets it, the recording is written anew instead.
public import Foundation

/// A text that is kept in `Tests/Interface`.
public struct RecordedText {
    let file: URL
    let isRecording: Bool

    /// - Parameter name: Of the file.
    public init(_ name: String) {
        self.init(
            file: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "Interface/\(name)"),
            isRecording: Self.isRecordingAsked)
    }

    public init(file: URL, isRecording: Bool) {
        self.file = file
        self.isRecording = isRecording
    }

    public static var isRecordingAsked: Bool {
        ProcessInfo.processInfo.environment["LS_REGENERATE"] != nil
    }

    /// Nil where `found` is what was recorded, or is recorded now; otherwise what differs, and what
    /// to do.
    public func difference(from found: String) throws -> String? {
        if isRecording {
            try Data(found.utf8).write(to: file)
            return nil
        }
        let recorded = try String(contentsOf: file, encoding: .utf8)
        guard recorded != found else { return nil }
        let changes = Self.lines(found).difference(from: Self.lines(recorded))
            .map { change in
                switch change {
                case .remove(let offset, let line, _): (offset, "\(offset + 1): - \(line)")
                case .insert(let offset, let line, _): (offset, "\(offset + 1): + \(line)")
                }
            }.sorted { $0.0 < $1.0 }
        let shown = changes.prefix(Self.changeCountMax).map(\.1)
        let more = changes.count - shown.count
        return """
            \(file.lastPathComponent) is not what was recorded:
            \(shown.joined(separator: "\n"))\(more > 0 ? "\nand \(more) lines more" : "")
            If that is meant, run `deploy/develop/regenerate interface` and name the change in \
            CHANGELOG.md.
            """
    }

    private static let changeCountMax = 40

    /// Every line, the empty ones and the missing end of the last one included.
    private static func lines(_ text: String) -> [Substring] {
        text.split(separator: "\n", omittingEmptySubsequences: false)
    }
}
