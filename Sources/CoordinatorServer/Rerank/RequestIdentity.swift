// Under which id a request is known, in its answer, in the log and in kept decisions, and of which
// trace it is part.
import HTTPTypes
import Logging

struct RequestIdentity: Sendable {
    /// The caller's own when it is well formed, else ours.
    let id: String
    /// W3C trace context, as it came; nil when it is not well formed.
    let traceParent: String?

    init(id: String, traceParent: String?) {
        self.id = id
        self.traceParent = traceParent
    }

    /// - Parameters: What the caller says.
    init(requestID: String?, traceParent: String?) {
        id = requestID.flatMap { $0.isRequestID ? $0 : nil } ?? Self.newID()
        self.traceParent = traceParent.flatMap { $0.isTraceParent ? $0 : nil }
    }

    private static func newID() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// What every answer says of it.
    func forEachField(_ body: (_ name: HTTPField.Name, _ value: String) -> Void) {
        body(.requestID, id)
        if let traceParent { body(.traceParent, traceParent) }
    }

    /// What log lines about the request say.
    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["request.id": "\(id)"]
        if let traceParent {
            metadata["trace.id"] = "\(traceParent.dropFirst(3).prefix(32))"
        }
        return metadata
    }
}

extension HTTPField.Name {
    fileprivate static let requestID = Self(ours: "x-request-id")
    fileprivate static let traceParent = Self(ours: "traceparent")
}

extension String {
    fileprivate var isRequestID: Bool {
        (1...64).contains(utf8.count)
            && utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
                    || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
                    || $0 == UInt8(ascii: "-")
            }
    }

    /// The form is version "-" trace id "-" parent id "-" flags, in lower-case hexadecimal digits.
    fileprivate var isTraceParent: Bool {
        let parts = split(separator: "-", omittingEmptySubsequences: false)
        return utf8.count <= 128 && parts.count >= 4
            && zip(parts, [2, 32, 16, 2]).allSatisfy { part, count in
                part.utf8.count == count
                    && part.utf8.allSatisfy {
                        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
                    }
            } && parts[0] != "ff" && parts[1].contains { $0 != "0" }
            && parts[2].contains { $0 != "0" }
    }
}
