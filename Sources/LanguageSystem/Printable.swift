// Somebody else's text in our sentences: it must not end a line, hide, or speak to a terminal.

extension Unicode.Scalar {
    /// Whether the text can be shown in one line: it has no control or invisible format characters
    /// and no line break.
    public var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}

extension StringProtocol {
    /// The beginning of a foreign text, made safe to show in one line.
    ///
    /// - Parameter countMax: The most Unicode scalars to show; three dots replace the rest.
    public func printable(_ countMax: Int = 40) -> String {
        var shown = ""
        for scalar in unicodeScalars.prefix(countMax) {
            shown.unicodeScalars.append(scalar.isPrintable ? scalar : "?")
        }
        return shown + (unicodeScalars.dropFirst(countMax).isEmpty ? "" : "...")
    }
}
