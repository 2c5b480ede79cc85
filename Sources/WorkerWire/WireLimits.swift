// How large anything on the wire may be. Both sides hold each other to these numbers: nothing that
// is received is believed before its size is.
public import LanguageSystem
import Foundation

public enum WireLimits {
    /// Of a blob in one message.
    public static let chunkByteCount = 1 << 20
    /// Of any message: a chunk, or a task's JSON, with room around it.
    public static let messageByteCountMax = 4 << 20
    public static let rerankFeaturesByteCountMax = Bounds.edgeFeaturesByteCountMax
    /// Of any message of a session: a rerank's features, with room around them.
    public static let sessionMessageByteCountMax = rerankFeaturesByteCountMax + (64 << 10)
    /// Flow control: 64 KiB, gRPC's default, throttles uploads to a quarter. As much may wait at
    /// the coordinator for each download; at 100 ms of distance it still lets 20 MB/s through.
    public static let windowByteCount = 2 << 20
    public static let frameByteCount = 64 << 10
    /// Of one configuration or report.
    public static let jsonByteCountMax = 256 << 10
    /// Of a version: 192 million numbers of 4 bytes, the largest ranker known, and its header.
    public static let weightsByteCountMax = 800 << 20
    /// Of a feature set.
    public static let featuresByteCountMax = 64 << 30
    public static let capacityMax = Bounds.capacityMax
    /// Leases in one message: a full worker's, twice over.
    public static let leaseCountMax = 128
    public static let heldDigestCountMax = 8_192
    public static let featureSetCountMax = 4_096
    public static let localSetCountMax = 1_024
    public static let domainCountMax = 256
    public static let prefetchCountMax = 16
    public static let candidateCountMax = Bounds.candidateCountMax
    public static let hiddenSizeMax = Bounds.hiddenSizeMax
    /// Of a name, a note, a version: a line for people.
    public static let lineByteCountMax = 500
    public static let certificateByteCountMax = 64 << 10
    /// Between two heartbeats, unless the coordinator says otherwise.
    public static let heartbeatInterval: Duration = .milliseconds(2_500)
    public static let heartbeatIntervals: ClosedRange<Duration> = .milliseconds(50) ... .seconds(60)
    public static let leaseDurationMax: Duration = .seconds(24 * 3600)
    public static let rerankDeadlineMax: Duration = .seconds(60)

    /// The text itself, if it is one JSON object of acceptable size.
    public static func json(_ text: String, what: String = "report") throws(CoordinatorError)
        -> String
    {
        guard text.utf8.count <= jsonByteCountMax else {
            throw .tooLargeOnTheWire(what, found: text.utf8.count, max: jsonByteCountMax)
        }
        guard text.utf8.first(where: { !" \n\r\t".utf8.contains($0) }) == UInt8(ascii: "{"),
            (try? JSONSerialization.jsonObject(with: Data(text.utf8))) is [String: Any]
        else { throw .malformedOnTheWire(what, "it is not a JSON object") }
        return text
    }

    /// A line for people: cut to size, what cannot be shown replaced. Never refused: nothing
    /// depends on it.
    public static func line(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            let next: Unicode.Scalar = scalar.isPrintable ? scalar : " "
            if line.utf8.count + UTF8.width(next) > lineByteCountMax { break }
            line.unicodeScalars.append(next)
        }
        return line
    }

    static func check(_ what: String, count: Int, max: Int) throws(CoordinatorError) {
        guard count <= max else { throw .tooLargeOnTheWire(what, found: count, max: max) }
    }
}

extension CoordinatorError {
    static func tooLargeOnTheWire(_ what: String, found: Int, max: Int) -> Self {
        Self(
            .tooLarge, "cannot take this \(what): found a size of \(found), expected at most \(max)"
        )
    }

    static func malformedOnTheWire(_ what: String, _ reason: String) -> Self {
        Self(
            .invalidArgument, "cannot read this \(what): \(reason)",
            hint: "are lsworker and lscoord of the same version?")
    }
}
