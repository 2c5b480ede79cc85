// Somebody else's text in our sentences: it must not end a line, hide, or speak to a terminal.

extension Unicode.Scalar {
    /// Whether it can be shown in a line: no control, no invisible format, no end of a line.
    public var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}

extension StringProtocol {
    /// The beginning of a text that we did not write, in one line.
    ///
    /// - Parameter countMax: Unicode scalars; what is left out is three dots.
    public func printable(_ countMax: Int = 40) -> String {
        var shown = ""
        for scalar in unicodeScalars.prefix(countMax) {
            shown.unicodeScalars.append(scalar.isPrintable ? scalar : "?")
        }
        return shown + (unicodeScalars.dropFirst(countMax).isEmpty ? "" : "...")
    }
}
