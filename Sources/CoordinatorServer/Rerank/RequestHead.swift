// The rules of a request's head, stated once for the short way, the router and gRPC: which key it
// shows, what its body is, what it wants kept, and under which id it is answered. Headers of HTTP
// and metadata of gRPC are read into the same value. Whether the key is known and whether there is
// room is asked elsewhere.
import Coordination
import GRPCCore
import HTTPTypes
import LanguageSystem
import NIOHTTP1

struct RequestHead: Sendable {
    /// What the head says of the body.
    struct Body: Sendable {
        let type: RerankMediaType
        /// 0 when it comes in chunks.
        let announcedByteCount: Int
    }

    /// A longer one is no key of ours, and is not looked at.
    private static let authorizationByteCountMax = 512

    let identity: RequestIdentity
    /// Whether the decision is to be kept, sampled or not.
    let keepsDecision: Bool
    /// Whether the caller waits for 100 Continue before it sends the body.
    let expectsContinue: Bool
    private let fields: Fields

    private init(_ fields: Fields) {
        identity = RequestIdentity(requestID: fields.requestID, traceParent: fields.traceParent)
        keepsDecision = fields.keep == "true"
        expectsContinue =
            fields.expect?.lowercased().split(separator: ",").contains {
                $0.drop { $0 == " " } == "100-continue"
            } ?? false
        self.fields = fields
    }

    init(_ headers: HTTPHeaders) {
        var fields = Fields()
        for (name, value) in headers { fields.add(name, value) }
        self.init(fields)
    }

    init(_ headers: HTTPFields) {
        var fields = Fields()
        for field in headers { fields.add(field.name.rawName, field.value) }
        self.init(fields)
    }

    init(_ metadata: Metadata) {
        var fields = Fields()
        for (name, value) in metadata {
            if case .string(let text) = value { fields.add(name, text) }
        }
        self.init(fields)
    }

    /// The API key as it was sent.
    ///
    /// - Throws: `keyRefused` when there is none.
    func apiKey() throws(LanguageSystemError) -> Substring {
        let scheme = "bearer "
        guard let text = fields.authorization,
            text.utf8.count <= Self.authorizationByteCountMax, text.hasFieldPrefix(scheme)
        else { throw .keyRefused() }
        return text.dropFirst(scheme.utf8.count)
    }

    /// - Parameter key: Found by `apiKey()`.
    func caller(_ key: KnownKey) -> RerankCaller {
        RerankCaller(
            requestID: identity.id, key: key, keepsDecision: keepsDecision,
            traceParent: identity.traceParent)
    }

    /// - Throws: `invalidArgument` for a body that is compressed on its way: the end of its chunks
    ///   is found, what they say is not.
    func checkTransferEncoding() throws(LanguageSystemError) {
        guard let encoding = fields.transferEncoding else { return }
        guard
            encoding.lowercased().split(whereSeparator: { $0 == " " || $0 == "\t" }) == ["chunked"]
        else {
            throw .transferEncoded(encoding)
        }
    }

    /// How many bytes the body will have: 0 when it comes in chunks, `Int.max` when no number says
    /// so.
    var announcedByteCount: Int { fields.contentLength.map { Int($0) ?? .max } ?? 0 }

    /// - Throws: `wrongMediaType`, also for a body that is compressed; `tooLarge` when more than
    ///   `byteCountMax` bytes are announced.
    func body(upTo byteCountMax: Int) throws(LanguageSystemError) -> Body {
        if let encoding = fields.contentEncoding, encoding.lowercased() != "identity" {
            throw .bodyEncoded(encoding)
        }
        let type = try RerankMediaType(fields.contentType)
        let announced = announcedByteCount
        guard announced <= byteCountMax else { throw .bodyTooLarge() }
        return Body(type: type, announcedByteCount: announced)
    }

    /// As `body(upTo:)`, of a call that takes a safetensors file alone.
    func fileBody(upTo byteCountMax: Int) throws(LanguageSystemError) -> Body {
        let body: Body
        do throws(LanguageSystemError) {
            body = try self.body(upTo: byteCountMax)
        } catch  where error.code == .tooLarge {
            throw .featureFileTooLarge(byteCountMax)
        }
        guard body.type == .safetensors else {
            throw .wrongMediaType(
                fields.contentType ?? "application/json", expected: "application/vnd.safetensors")
        }
        return body
    }

    /// As `body(upTo:)`, of a call that takes JSON alone.
    func jsonBody(upTo byteCountMax: Int) throws(LanguageSystemError) -> Body {
        let body = try body(upTo: byteCountMax)
        guard body.type == .json else {
            throw .wrongMediaType("safetensors", expected: "application/json")
        }
        return body
    }

    /// The fields that are read, as they came. One that comes more than once counts as its values
    /// behind each other, as HTTP says: nobody guesses which was meant.
    private struct Fields: Sendable {
        var authorization: String?
        var contentEncoding: String?
        var contentLength: String?
        var contentType: String?
        var expect: String?
        var keep: String?
        var requestID: String?
        var traceParent: String?
        var transferEncoding: String?

        mutating func add(_ name: String, _ value: String) {
            if name.isField("authorization") {
                Self.join(&authorization, value)
            } else if name.isField("content-encoding") {
                Self.join(&contentEncoding, value)
            } else if name.isField("content-length") {
                Self.join(&contentLength, value)
            } else if name.isField("content-type") {
                Self.join(&contentType, value)
            } else if name.isField("expect") {
                Self.join(&expect, value)
            } else if name.isField("x-ls-keep") {
                Self.join(&keep, value)
            } else if name.isField("x-request-id") {
                Self.join(&requestID, value)
            } else if name.isField("traceparent") {
                Self.join(&traceParent, value)
            } else if name.isField("transfer-encoding") {
                Self.join(&transferEncoding, value)
            }
        }

        private static func join(_ field: inout String?, _ value: String) {
            field = field.map { "\($0), \(value)" } ?? value
        }
    }
}

enum RerankMediaType: Sendable {
    case json
    case safetensors

    /// - Parameter contentType: Nil, nothing was said, is JSON.
    /// - Throws: `wrongMediaType` for anything else.
    init(_ contentType: String?) throws(LanguageSystemError) {
        guard let text = contentType else {
            self = .json
            return
        }
        if text == "application/vnd.safetensors" {
            self = .safetensors
            return
        }
        let name = text.prefix { $0 != ";" }.lowercased().trimmingPrefix { $0 == " " }
        switch name.prefix(while: { $0 != " " }) {
        case "application/json": self = .json
        case "application/vnd.safetensors", "application/octet-stream": self = .safetensors
        default: throw .wrongMediaType(text)
        }
    }
}

extension String {
    /// Whether this is the name of the field, which is written here in lower case.
    fileprivate func isField(_ name: StaticString) -> Bool {
        utf8.count == name.utf8CodeUnitCount
            && name.withUTF8Buffer { utf8.elementsEqual($0) { $0 | 0x20 == $1 } }
    }

    /// Whether this begins with `prefix`, which is written in lower case. A space stays one with
    /// the bit of lower case set.
    fileprivate func hasFieldPrefix(_ prefix: String) -> Bool {
        utf8.prefix(prefix.utf8.count).elementsEqual(prefix.utf8) { $0 | 0x20 == $1 }
    }
}

extension LanguageSystemError {
    static func bodyTooLarge() -> Self {
        Self(
            .tooLarge, "cannot read the request: its body is larger than this server accepts",
            hint: "send fewer candidates, or float16 instead of float32")
    }

    static func featureFileTooLarge(_ byteCountMax: Int) -> Self {
        Self(
            .tooLarge,
            """
            cannot take the feature file: it has more than the \(byteCountMax >> 20) MiB that this \
            server accepts
            """,
            hint: "send it in parts, raise --feature-file-mb, or run lscoord features import")
    }

    fileprivate static func transferEncoded(_ found: String) -> Self {
        Self(
            .invalidArgument,
            "cannot read the request: its transfer-encoding is '\(found.printable(80))', "
                + "expected chunked or none",
            hint: "features hardly get smaller by compression; send float16 or bfloat16")
    }

    fileprivate static func bodyEncoded(_ found: String) -> Self {
        Self(
            .wrongMediaType,
            """
            cannot read the request: its content-encoding is '\(found.printable(80))', expected none
            """,
            hint: "features hardly get smaller by compression; send float16 or bfloat16")
    }

    fileprivate static func wrongMediaType(
        _ found: String, expected: String = "application/json or application/vnd.safetensors"
    ) -> Self {
        Self(
            .wrongMediaType,
            """
            cannot read the request: its content-type is '\(found.printable(80))', expected \
            \(expected)
            """
        )
    }
}
