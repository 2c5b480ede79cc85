// What a request is refused with, on every surface: one shape of JSON, which is OpenAI's
// (`message`, `type`, `param`, `code`), with our hint and the request's id. The cause goes to the
// log, never out.
import CoreMetrics
import HTTPTypes
import LanguageSystem
import Logging

/// A value: making one neither counts nor logs.
struct Refusal {
    let error: LanguageSystemError
    let identity: RequestIdentity
    /// What was asked for: a path of HTTP, or a service of gRPC.
    let path: String

    init(_ error: LanguageSystemError, _ identity: RequestIdentity, path: String) {
        self.error = error
        self.identity = identity
        self.path = path
    }

    var status: Int { error.code.httpStatus }

    var headers: [(HTTPField.Name, String)] {
        switch error.code {
        case .busy, .unavailable: [(.retryAfter, "1")]
        case .keyRefused: [(.wwwAuthenticate, "Bearer")]
        case .wrongMethod: RestPaths.method(of: path).map { [(.allow, $0.rawValue)] } ?? []
        default: []
        }
    }

    var json: JSONText { ErrorBody(error, requestID: identity.id).json }

    /// Counts it, and logs it when it is our own fault: called once for each request that is
    /// refused, by whoever answers it.
    func record(to logger: Logger) {
        Counter(
            label: "ls_rerank_refusals_total", dimensions: [("code", error.code.rawValue)]
        ).increment()
        guard status >= 500 else { return }
        logger.error(
            "request failed",
            metadata: identity.metadata.merging([
                "path": "\(path.printable(120))",
                "code": "\(error.code.rawValue)",
                "message": "\(error.message)", "cause": "\(error.cause ?? "-")",
            ]) { $1 })
    }
}

struct ErrorBody {
    let error: LanguageSystemError
    let requestID: String

    init(_ error: LanguageSystemError, requestID: String) {
        self.error = error
        self.requestID = requestID
    }

    var json: JSONText {
        var json = JSONText()
        json.raw(#"{"error":{"message":"#)
        json.string(error.message)
        json.raw(#","type":"#)
        json.string(Self.type(of: error.code))
        json.raw(#","param":"#)
        json.string((error.field ?? Self.field(of: error.code))?.printable(120))
        json.raw(#","code":"#)
        json.string(error.code.rawValue)
        if let hint = error.hint {
            json.raw(#","hint":"#)
            json.string(hint)
        }
        json.raw(#","requestId":"#)
        json.string(requestID)
        json.raw("}}")
        return json
    }

    /// What these are about, whoever found it.
    private static func field(of code: ErrorCode) -> String? {
        switch code {
        case .unknownBaseModel, .unknownRanker, .unknownVersion: "model"
        case .contractMismatch, .invalidFeatures: "features"
        default: nil
        }
    }

    private static func type(of code: ErrorCode) -> String {
        switch code.httpStatus {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 429: "rate_limit_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }
}

extension LanguageSystemError {
    init(answering error: any Error) {
        switch error {
        case let error as LanguageSystemError: self = error
        case is CancellationError:
            self.init(.cancelled, "cannot answer: the request was cancelled")
        default:
            self.init(.internal, "cannot answer: an internal error", cause: "\(error)")
        }
    }
}
