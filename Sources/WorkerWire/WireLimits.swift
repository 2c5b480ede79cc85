// How large anything on the wire may be. Both sides hold each other to these numbers: nothing that
// is received is believed before its size is.
public import LanguageSystem
import Foundation

/// The bounds of messages between workers and coordinators; both sides refuse what exceeds them.
public enum WireLimits {
    /// Bytes of a blob in one message, 1 MiB.
    public static let chunkByteCount = 1 << 20
    /// The largest message of a call: a chunk, or a task's JSON, with room for other fields.
    public static let messageByteCountMax = 4 << 20
    /// The most bytes of features of one rerank.
    public static let rerankFeaturesByteCountMax = Bounds.edgeFeaturesByteCountMax
    /// The largest message of a session: a rerank's features, with room for the signals of as many
    /// candidates as there may be, and for other fields.
    public static let sessionMessageByteCountMax = rerankFeaturesByteCountMax + (256 << 10)
    /// The most signals of a request: named numbers and the three that have names of their own.
    public static let signalCountMax = 3 + signalNumberCountMax
    /// The most named numbers of a candidate.
    static let signalNumberCountMax = 8
    /// The window of HTTP/2 flow control. gRPC's default of 64 KiB throttles uploads to a quarter.
    /// For each download as many bytes may wait at the coordinator; with a round trip of 100 ms
    /// they still allow 20 MB/s.
    public static let windowByteCount = 2 << 20
    /// The largest HTTP/2 frame, 64 KiB.
    public static let frameByteCount = 64 << 10
    /// The largest configuration or report in JSON, 256 KiB.
    public static let jsonByteCountMax = 256 << 10
    /// The largest weights: 192 million numbers of 4 bytes (the largest known ranker), and a
    /// header.
    public static let weightsByteCountMax = 800 << 20
    /// The largest feature set, 64 GiB.
    public static let featuresByteCountMax = 64 << 30
    public static let capacityMax = Bounds.capacityMax
    /// Leases in one message: a full worker's, twice over.
    public static let leaseCountMax = 128
    /// The most cached feature sets that a worker may name.
    public static let heldDigestCountMax = 8_192
    /// The most feature sets of one task.
    public static let featureSetCountMax = 4_096
    /// The most local feature sets that a worker may offer at once.
    public static let localSetCountMax = 1_024
    /// The most domain patterns that a worker's owner may allow.
    public static let domainCountMax = 256
    /// The most feature sets in one prefetch hint.
    public static let prefetchCountMax = 16
    public static let candidateCountMax = Bounds.candidateCountMax
    public static let hiddenSizeMax = Bounds.hiddenSizeMax
    /// The longest line for people (a name, a note, a version), in bytes.
    public static let lineByteCountMax = 500
    public static let certificateByteCountMax = 64 << 10
    /// The time between two heartbeats, unless the coordinator sets another.
    public static let heartbeatInterval: Duration = .milliseconds(2_500)
    /// The times between heartbeats that a coordinator may set.
    public static let heartbeatIntervals: ClosedRange<Duration> = .milliseconds(50) ... .seconds(60)
    /// The longest lease that a worker accepts, a day.
    public static let leaseDurationMax: Duration = .seconds(24 * 3600)
    /// The longest deadline of a rerank that a worker accepts.
    public static let rerankDeadlineMax: Duration = .seconds(60)

    /// Returns the text, if it is one JSON object of at most `jsonByteCountMax` bytes.
    public static func json(_ text: String, what: String = "report") throws(LanguageSystemError)
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

    /// A line for people, cut to `lineByteCountMax`, with characters that cannot be shown replaced.
    /// It is never refused, because nothing depends on it.
    public static func line(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            let next: Unicode.Scalar = scalar.isPrintable ? scalar : " "
            if line.utf8.count + UTF8.width(next) > lineByteCountMax { break }
            line.unicodeScalars.append(next)
        }
        return line
    }

    static func check(_ what: String, count: Int, max: Int) throws(LanguageSystemError) {
        guard count <= max else { throw .tooLargeOnTheWire(what, found: count, max: max) }
    }
}

extension LanguageSystemError {
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
